#!/bin/sh
cat /srv/page.html /srv/notes.txt
