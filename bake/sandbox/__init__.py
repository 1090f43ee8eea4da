"""How a RUN step is confined: an OCI runtime (crun or runc) or bubblewrap, one protocol (`ports.sandbox.Sandbox`).

Everything here works inside the engine's helper process, which already stands in private mount and pid namespaces, so
a bake that is killed takes its containers with it. `detect.detect` chooses what this host can do.
"""
