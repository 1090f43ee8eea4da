"""Good workspaces that say something of every key: where the fuzz and the properties of bake.toml start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ALL_KEYS = '''\
[variable]
A = "1"
PYTHON = { default = "3.11.5", env = "PYTHON_VERSION", pattern = '\\d+\\.\\d+\\.\\d+', help = "base" }
TOKEN = { env = "TOKEN", sensitive = true, env-empty = true }
[defaults]
platforms = ["linux/amd64"]
labels = { "org.opencontainers.image.version" = "${PYTHON | major}" }
[target._base]
description = "what all share"
dockerfile-inline = """
FROM scratch
COPY bake.toml /
"""
args = { A = "x", N = 1, F = 1.10, B = true }
tags = ["localhost:5000/base:${A}"]
annotations = ["manifest:a=b"]
cache-from = ["localhost:5000/cache", { type = "local", src = "cache" }]
cache-to = ["type=inline"]
output = ["type=oci,dest=out.tar"]
secret = ["id=a,src=bake.toml"]
ssh = ["default"]
attest = ["type=sbom"]
[target.app]
inherits = ["_base"]
tags = ["localhost:5000/app"]
unset = ["output", "args.N"]
extend-secret = [{ id = "b", env = "TOKEN" }]
network = "none"
extra-hosts = { h = "1.2.3.4" }
shm-size = "64m"
ulimits = ["nofile=1:2", { name = "nproc", soft = 1 }]
timeout = "10m"
retries = 2
weight = 2
resources = { memory = "1g", cpu-quota = 1 }
no-cache = false
no-cache-filter = ["x"]
pull = false
push = "auto"
test = [["true"]]
'''

MATRIX = """\
[variable]
A = "a"
[group]
default = ["web", "app"]
more = { targets = ["web[python=3.11]", "a*"], description = "m" }
[target.app]
dockerfile-inline = "FROM scratch"
contexts = { other = "target:web-3.11-slim" }
after = ["web[distro=alpine]"]
[target.web]
matrix.python = ["3.11", "3.12"]
matrix.distro = ["alpine", "slim"]
exclude = [{ python = "3.12", distro = "slim" }]
include = [{ python = "3.13", distro = "alpine", args = { EXTRA = "1" } }]
name = "web-${python}-${distro}"
dockerfile-inline = "FROM scratch"
tags = ["localhost:5000/web:${python%.*}-${distro}-${python}"]
[profile.release]
defaults.push = true
target.web.args.MODE = "release"
variable.A = "b"
group.more = ["app"]
"""

WORKSPACE: Mapping[str, str] = {
    "bake.toml": """\
include = ["sub/bake.toml", "other/*.toml"]
[variable]
A = "${B:-1}"
B = "2"
[group]
default = ["app", "sub:app"]
[target.app]
dockerfile-inline = "FROM scratch"
contexts = { s = "target:sub:app" }
tags = ["x/app:${A}"]
[target."sub:app"]
args = { FROM_ABOVE = "1" }
[profile.release]
target.app.args.X = "1"
""",
    "sub/bake.toml": """\
[defaults]
dockerfile-inline = "FROM scratch"
[target.app]
tags = ["x/sub-app:${B}"]
context = "."
[target.lib]
after = ["app"]
[profile.release]
variable = {}
""",
    "other/more.toml": """\
[target.tool]
dockerfile-inline = "FROM scratch"
tags = ["x/${target.name}:${target.args.V}"]
args.V = "${A/1/one}${B##*.}"
""",
}

SMALL = """\
[variable]
A = "1"
[target._base]
args = { A = "${A}" }
[target.app]
inherits = ["_base"]
tags = ["x/app"]
dockerfile-inline = "FROM scratch"
[target.web]
tags = ["x/web"]
dockerfile-inline = "FROM scratch"
"""

WORKSPACES: Sequence[Mapping[str, str]] = (
    {"bake.toml": ALL_KEYS},
    {"bake.toml": MATRIX},
    WORKSPACE,
    {"bake.toml": SMALL},
    {"bake.toml": SMALL},
)
