"""The engine without a daemon: steps become layers by overlayfs, a sandbox and one helper process.

In bake itself: `client` (the engine), `prepare` and `bases` (what to ask), `helper` and `launch` (whom to ask).
Between the two: `requests` (what is said) and `wire` (how). In the helper process: `server` answers each request by

- `copy`, `mkdir`, `unpack`, `image_layer` on a `draft`: a layer written beside its lower state, which `stack` reads;
- `execute` with `mounts`, `caches`, `stubs`: a RUN step on `overlay`; `commit` reads what it changed;
- `archive`: a layer as a tar archive, by `tar_header`.

Paths in trees are relative without a leading slash, "" is the root; `cursor` and `resolve` keep them inside.
A layer's directory holds `fs/`, which is an overlayfs upper or lower as it stands, and its `listing`.
"""
