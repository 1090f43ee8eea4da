"""docker-bake.hcl and its JSON form: parsed with positions and comments, evaluated where bake.toml has no such form."""
