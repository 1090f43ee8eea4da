"""The engine that lets BuildKit daemons run the steps: one of them or many, near or far (docs/buildkit.md).

`walk` decides with our own records what must be built, target by target; `lower` turns a target's steps into LLB, of
which `llb` makes bytes and digests; `solve` has a daemon build it and `status` maps what it tells back to steps.
`address`, `connect` and `client` reach a daemon, `session` with `services/` answers what it asks while it builds,
`collect` takes the layers of the finished image into the store. `pool` chooses the builder.
"""
