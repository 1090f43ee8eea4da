"""The key table: every key of bake.toml, declared once.

Type checks, merging, `--set`, `extend-KEY`, `unset`, the JSON schema, `bake print`, the documentation and the
suggestions in errors are all read from here. A new key is a new row (and a field of Target).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from bake.spec import atoms
from bake.spec.atoms import Atom
from bake.spec.entries import Entry, read_entry
from bake.spec.entry_tables import ATTEST, CACHE_FROM, CACHE_TO, OUTPUT, SECRET, SSH

Shape = Literal["scalar", "list", "table"]
MERGE_RULES: Mapping[Shape, str] = {
    "scalar": "the later value replaces",
    "list": "the later list replaces; `extend-KEY` appends",
    "table": "merged key by key, the later value wins",
}

COMBINATION_LIMIT = 20_000
"""Combinations of one target; more are a mistake, or a case for several files."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `shape` decides how it merges, `atom` what each single value is, `fields` the keys of a closed table."""

    name: str
    shape: Shape
    atom: Atom
    help: str
    meaning: str = ""
    """What it is to the peer, the Dockerfile or BuildKit."""
    example: str = ""
    fields: Mapping[str, Atom] = field(default_factory=dict)
    settable: bool = True
    """Whether `--set` may name it."""
    most: int = 0
    """Elements that a list may have; 0: any number."""

    @property
    def field_name(self) -> str:
        """The attribute of Target."""
        return self.name.replace("-", "_")

    @property
    def type_text(self) -> str:
        """For documentation: `list of reference`."""
        return self.atom.name if self.shape == "scalar" else f"{self.shape} of {self.atom.name}"


def _entry_atom(name: str, entry: Entry) -> Atom:
    from bake.spec.entry_schema import entry_schema

    says = "a table, or a text in comma form"
    return Atom(name, says, (dict, str), partial(read_entry, entry), entry_schema(entry), drops_empty=True, entry=entry)


def _table(*keys: Key) -> Mapping[str, Key]:
    return {key.name: key for key in keys}


RESOURCES: Mapping[str, Atom] = {
    "memory": atoms.LIMIT,
    "memory-swap": atoms.LIMIT,
    "cpu-shares": atoms.INTEGER,
    "cpu-period": atoms.INTEGER,
    "cpu-quota": atoms.INTEGER,
    "cpuset-cpus": atoms.TEXT,
    "cpuset-mems": atoms.TEXT,
}

TARGET_KEYS = _table(
    Key("description", "scalar", atoms.TEXT, "What the target is, for `bake list`.", "buildx bake: description",
        'description = "the web server"'),
    Key("inherits", "list", atoms.TARGET, "Targets whose keys this one starts from; the first named wins over the "
        "next. All ancestors are put in one order as Python does with classes (C3).", "buildx bake: inherits",
        'inherits = ["_web", "_python"]', settable=False),
    Key("context", "scalar", atoms.CONTEXT, "The directory (or URL) that COPY and ADD read from, relative to the file "
        "that says it. Default: the directory of that file.", "docker build PATH", 'context = "services/api"'),
    Key("contexts", "table", atoms.CONTEXT, "Named contexts: a directory, `target:NAME`, `docker-image://REFERENCE`, "
        "`oci-layout://PATH` or a URL, for FROM and COPY --from.", "--build-context",
        'contexts = { base = "target:base" }'),
    Key("dockerfile", "scalar", atoms.NAME, "The Dockerfile, relative to the context. Default: Dockerfile.", "--file",
        'dockerfile = "docker/Dockerfile"'),
    Key("dockerfile-inline", "scalar", atoms.NAME, "The text of the Dockerfile; wins over `dockerfile`.",
        "buildx bake: dockerfile-inline", 'dockerfile-inline = "FROM alpine"'),
    Key("args", "table", atoms.VALUE, "Values of ARG. Numbers and booleans become texts.", "--build-arg",
        'args = { PYTHON = "3.12" }'),
    Key("labels", "table", atoms.VALUE, "Labels of the image; they win over LABEL.", "--label",
        'labels = { "org.opencontainers.image.title" = "api" }'),
    Key("annotations", "table", atoms.VALUE, "Annotations, `[type[,type][platform]:]key` = value; types: manifest, "
        "index, manifest-descriptor, index-descriptor. The peer's list of `key=value` is accepted.", "--annotation",
        'annotations = { "index:org.opencontainers.image.title" = "api" }'),
    Key("tags", "list", atoms.TAG, "Names that the image is published under. No two targets may claim one.", "--tag",
        'tags = ["localhost:5000/api:1.0"]'),
    Key("target", "scalar", atoms.NAME, "The stage to build. Default: the last.", "--target", 'target = "runtime"'),
    Key("platforms", "list", atoms.PLATFORM, "Platforms to build for; `local` is the builder's.", "--platform",
        'platforms = ["linux/amd64", "linux/arm64"]'),
    Key("cache-from", "list", _entry_atom("cache source", CACHE_FROM), "Remote caches to read.", "--cache-from",
        'cache-from = [{ type = "registry", ref = "localhost:5000/cache" }]'),
    Key("cache-to", "list", _entry_atom("cache destination", CACHE_TO), "Remote caches to write.", "--cache-to",
        'cache-to = [{ type = "registry", ref = "localhost:5000/cache", mode = "max" }]'),
    Key("output", "list", _entry_atom("output", OUTPUT), "What to write besides the store.", "--output",
        'output = [{ type = "oci", dest = "image.tar" }]'),
    Key("secret", "list", _entry_atom("secret", SECRET), "Secrets that RUN --mount=type=secret may name.", "--secret",
        'secret = [{ id = "pip", src = "~/.config/pip/pip.conf", required = false }]'),
    Key("ssh", "list", _entry_atom("ssh", SSH), "Agents or keys that RUN --mount=type=ssh may name.", "--ssh",
        'ssh = [{ id = "default" }]'),
    Key("attest", "list", _entry_atom("attestation", ATTEST), "Statements published with the image.", "--attest",
        'attest = [{ type = "provenance", mode = "max" }]'),
    Key("no-cache", "scalar", atoms.FLAG, "Run every step.", "--no-cache", "no-cache = true"),
    Key("no-cache-filter", "list", atoms.STAGE, "Stages whose steps always run.", "--no-cache-filter",
        'no-cache-filter = ["test"]'),
    Key("pull", "scalar", atoms.FLAG, "Look up base images anew; out of reach is an error.", "--pull", "pull = true"),
    Key("network", "scalar", atoms.NETWORK, "The network of RUN steps.", "--network", 'network = "none"'),
    Key("extra-hosts", "table", atoms.ADDRESS, "Lines for /etc/hosts of RUN steps: name → address or host-gateway.",
        "--add-host", 'extra-hosts = { mirror = "10.0.0.1" }'),
    Key("shm-size", "scalar", atoms.SIZE, "Size of /dev/shm in RUN steps.", "--shm-size", 'shm-size = "128m"'),
    Key("ulimits", "list", atoms.ULIMIT, "Limits of RUN steps, `name=soft[:hard]`.", "--ulimit",
        'ulimits = ["nofile=1024:2048"]'),
    Key("entitlements", "list", atoms.ENTITLEMENT, "What the build must be allowed: network.host, security.insecure, "
        "device[=name].", "--allow", 'entitlements = ["network.host"]'),
    Key("matrix", "table", atoms.AXIS, "Axes; the target stands for one target a combination, in the order written.",
        "buildx bake: matrix", 'matrix = { python = ["3.11", "3.12"] }'),
    Key("include", "list", atoms.VARIANT, "Combinations to add, or (when they exist) to give further keys.", "",
        'include = [{ python = "3.13", args = { EXTRA = "1" } }]', settable=False, most=COMBINATION_LIMIT),
    Key("exclude", "list", atoms.POINT, "Combinations to leave out; axes that are not named match all.", "",
        'exclude = [{ python = "3.12", distro = "slim" }]', settable=False, most=COMBINATION_LIMIT),
    Key("name", "scalar", atoms.NAME, "The name of each combination. Default: the target's name and the axis values, "
        "joined by `-`.", "buildx bake: name", 'name = "main-${python}"', settable=False),
    Key("after", "list", atoms.TARGET, "Targets (or groups) that must be done first, without being used.", "",
        'after = ["lint"]'),
    Key("test", "list", atoms.COMMAND, "Commands run in the built image; one that fails stops its publication.", "",
        'test = [["python", "-c", "import app"]]'),
    Key("push", "scalar", atoms.PUSH, "Whether to publish: true, false (never), or when `--push` is given: \"auto\", "
        "\"if-changed\" (a tag does not move for new times alone), \"if-missing\" (a tag that is there stays).",
        "--push", "push = true"),
    Key("immutable-tags", "list", atoms.TAG_PATTERN, "Patterns of tags that must not move once they are published; "
        "nothing is pushed then.", "", 'immutable-tags = ["v*"]'),
    Key("timeout", "scalar", atoms.DURATION, "The longest that a step may run.", "", 'timeout = "10m"'),
    Key("retries", "scalar", atoms.INTEGER, "How often a failing step is tried again.", "", "retries = 2"),
    Key("weight", "scalar", atoms.NUMBER, "How many of the job slots (`-j`) a step takes; one that wants more than "
        "there are runs alone.", "", "weight = 2"),
    Key("resources", "table", atoms.VALUE, "What RUN steps take, not part of the cache key: a step waits until others "
        "leave that much memory and that many processors (`cpu-quota` / `cpu-period`).", "buildx bake: resources",
        'resources = { memory = "2g" }', fields=RESOURCES),
    Key("unset", "list", atoms.NAME, "Inherited keys to forget: `KEY`, or `KEY.NAME` of a table.", "",
        'unset = ["args.DEBUG", "cache-from"]'),
)  # fmt: skip
"""Keys of `[target.*]`, `[defaults]`, `[profile.*.target.*]`, `include` entries and `--set`, in the order shown."""

_STRUCTURE = ("inherits", "matrix", "include", "exclude", "name", "unset")
FIELD_KEYS: Mapping[str, Key] = {name: key for name, key in TARGET_KEYS.items() if name not in _STRUCTURE}
"""The keys that are fields of a resolved Target; the others say which targets there are and how they merge."""

EXTEND = "extend-"
LIST_KEYS = tuple(name for name, key in TARGET_KEYS.items() if key.shape == "list" and name != "unset")
ALL_TARGET_KEYS = (*TARGET_KEYS, *(EXTEND + name for name in LIST_KEYS))

VARIABLE_KEYS = _table(
    Key("default", "scalar", atoms.VALUE, "The value when nothing else gives one.", example='default = "3.12"'),
    Key("env", "scalar", atoms.NAME, "The environment variable that gives the value, when it is set and not empty.",
        example='env = "PYTHON_VERSION"'),
    Key("env-empty", "scalar", atoms.FLAG, "An empty environment variable counts as a value.",
        example="env-empty = true"),
    Key("pattern", "scalar", atoms.TEXT, "A regular expression that the whole value must match.",
        example=r"pattern = '\d+\.\d+'"),
    Key("help", "scalar", atoms.TEXT, "What it is, for `bake list`.", example='help = "the base version"'),
    Key("sensitive", "scalar", atoms.FLAG, "Never shown, logged or stored in clear.", example="sensitive = true"),
    Key("required", "scalar", atoms.FLAG, "It is an error when nothing gives a value.", example="required = true"),
)  # fmt: skip
"""Keys of `[variable.*]` in its long form."""

GROUP_KEYS = _table(
    Key("targets", "list", atoms.TARGET, "Targets, groups, matrix names, `name[axis=value]` or globs.",
        example='targets = ["api", "web-*"]'),
    Key("description", "scalar", atoms.TEXT, "What it is, for `bake list`.", example='description = "all services"'),
)  # fmt: skip
"""Keys of `[group.*]` in its long form."""

TOP_KEYS: Mapping[str, str] = {
    "include": "Further files, by path or glob, relative to this one. Their targets are named `DIRECTORY:NAME`.",
    "variable": "Values that `${NAME}` stands for.",
    "defaults": "Keys that every target of this file starts from.",
    "group": "Names for several targets. `default` is what `bake` alone builds; `all` is always there.",
    "target": "The images to build.",
    "profile": "Changes that `--profile NAME` turns on.",
}
PROFILE_KEYS: Mapping[str, str] = {
    "variable": "New defaults.",
    "defaults": "Keys laid over `[defaults]`.",
    "group": "Groups, new or replaced.",
    "target": "Keys laid over those of declared targets.",
}


def describe(value: Any) -> str:
    """The TOML type of a value, for messages."""
    names = {str: "a text", bool: "a boolean", int: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a number" if isinstance(value, float) else "a date or time")
