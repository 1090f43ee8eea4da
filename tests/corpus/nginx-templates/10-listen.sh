#!/bin/sh
echo "$0: port $PORT" >&2
