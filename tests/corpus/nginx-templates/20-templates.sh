#!/bin/sh
# Puts the port into each template.
for template in /etc/web/templates/*.template; do
  name=$(basename "$template" .template)
  sed "s/@PORT@/$PORT/" "$template" > "/etc/web/conf.d/$name"
done
