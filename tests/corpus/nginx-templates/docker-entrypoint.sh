#!/bin/sh
# Runs each part in order, then the command.
set -e
for part in /docker-entrypoint.d/*.sh; do
  "$part"
done
[ "$1" != web ] || set -- cat /etc/web/conf.d/default.conf
exec "$@"
