#!/bin/sh
# The first start runs what lies in /docker-entrypoint-initdb.d.
set -eu
if [ "${1:-}" = serve ] && [ ! -e "$STORE_DATA/ready" ]; then
  for file in /docker-entrypoint-initdb.d/*; do
    echo "running $file"
  done
  touch "$STORE_DATA/ready"
  set -- echo serving
fi
exec "$@"
