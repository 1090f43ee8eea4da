"""The engine that lets BuildKit daemons run the steps: one of them or many, near or far (docs/buildkit.md).

`walk` takes a plan to its end: `decide` with our own records what must be built, `pool` and `choice` where; `build` has
one image built there. `lower`, with `copies`, `mounts` and `sent`, turns its steps into LLB, of which `llb` makes bytes
and digests; `solve` has a daemon build it, and `status` and `board` map what it tells back to steps. `address`, `dial`,
`connect` and `client` reach a daemon, `session` with `services/` answers what it asks while it builds; `exports`, with
`collect` and `images`, takes the layers of the finished image into the store, or with `received` just its files.
"""
