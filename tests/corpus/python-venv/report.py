"""Escapes what it is given."""

from markupsafe import escape

print(escape("<a & b>"))
