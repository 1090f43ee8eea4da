"""The remote cache: what steps came to, shared between machines through a registry or a directory.

From the inside out: `catalog` (what a cache knows, and how two of them merge) · `coding`, `artifact` (its bytes) ·
`place` (where a cache lies), `repository`, `directory` (the two kinds of place) · `sources` (the caches that a run
reads) · `records` (the store's records with those caches behind them) · `collect` (what a run adds to a cache).
"""
