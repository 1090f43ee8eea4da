"""docker-bake.hcl, docker-bake.json or compose.yaml → bake.toml, with a note for all that could not be carried over.

Texts in, text out: nothing is read or written here. Facts on the sources: reference/buildx-bake.md §1, §3 and §9.
"""
