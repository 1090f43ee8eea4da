"""compose.yaml: the `build` of each service → a target (reference/buildx-bake.md §3.7)."""
