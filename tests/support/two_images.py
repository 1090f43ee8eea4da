"""Two images of one file each, to be published to one registry."""

from __future__ import annotations

SPEC = """
[target.one]
tags = ["{host}/one:1"]
dockerfile-inline = '''
FROM scratch
COPY big /big
'''
[target.two]
tags = ["{host}/two:1"]
dockerfile-inline = '''
FROM scratch
COPY small /small
'''
"""
