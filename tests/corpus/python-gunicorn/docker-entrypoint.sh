#!/bin/sh
# Flags alone mean the usual program; everything else is run as it is.
set -eu
if [ "${1#-}" != "$1" ]; then
  set -- gunicorn page:app "$@"
fi
exec "$@"
