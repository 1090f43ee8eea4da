"""One service → one target: a table says what becomes of each key of `build`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bake.importing.compose.document import Mapping as YamlMapping
from bake.importing.compose.document import Node, Scalar, Sequence
from bake.importing.compose.hosts import hosts
from bake.importing.compose.reader import Reader
from bake.importing.draft import Table
from bake.importing.hcl.entries import comma_form
from bake.spec.entry_tables import ATTEST
from bake.spec.keys import TARGET_KEYS


class Service:
    """The target of one service in the making. `secrets`: the project's top-level ones; `env_files`: what the files
    below `env_file` say."""

    def __init__(self, reader: Reader, name: str, service: YamlMapping, secrets: YamlMapping, table: Table) -> None:
        self.env_files: dict[str, str | None] = {}
        self.reader = reader
        self.notes = reader.notes
        self.name = name
        self.service = service
        self.secrets = secrets
        self.table = table

    def read(self, build: Node) -> None:
        """Fills the table. Raises InputError."""
        if isinstance(build, Scalar):
            self.table.put("context", self.reader.text(build), build.at)
        else:
            keys = self.reader.mapping(build, "`build`")
            extra = keys.items.get("x-bake")
            for key in [each for each in _BUILD if each in keys.items]:
                _BUILD[key](self, keys.items[key], keys.keys[key])
            for key in keys.items:
                if key not in _BUILD and key != "x-bake":
                    self._left_out(f"build.{key}", keys.keys[key])
            if extra is not None:
                self._extra(self.reader.mapping(extra, "`x-bake`"))
        if "tags" not in self.table.items and "image" in self.service.items:
            image = self.service.items["image"]
            self.table.put("tags", [self.reader.text(image)], self.service.keys["image"])
        if "platform" in self.service.items:
            hint = "write `platforms` to build for it"
            self._left_out("platform", self.service.keys["platform"], hint)

    def put(self, key: str, value: Any, at: int) -> None:
        """A key of the target; nothing for a value that is empty."""
        if value not in ("", None, [], {}):
            self.table.put(key, value, at)

    def add(self, key: str, values: list[Any], at: int) -> None:
        """Appends to a list, each value once."""
        earlier = self.table.value(key) or []
        self.put(key, [*earlier, *(each for each in values if each not in earlier)], at)

    def _left_out(self, key: str, at: int, hint: str | None = None) -> None:
        self.notes.add("left-out", at, f"`{key}` of service `{self.name}` is not carried over", hint)

    def _extra(self, extra: YamlMapping) -> None:
        for key, node in extra.items.items():
            work = _EXTRA.get(key)
            if work is None:
                message = f"`x-bake.{key}` of service `{self.name}` means nothing to the peer; it is left out"
                self.notes.add("unknown-key", extra.keys[key], message)
            else:
                work(self, node, extra.keys[key])

    def args(self, node: Node, at: int) -> None:
        """A name alone takes the service's `environment`, else that of the build."""
        found = self.reader.table(node)
        environment = self.service.items.get("environment")
        known = {**self.env_files, **(self.reader.table(environment) if environment is not None else {})}
        for name, value in found.items():
            if value is None and known.get(name) is not None:
                found[name] = known[name]
            elif value is None:
                found[name] = f"${{{self.reader.variables.reference(name, at)}}}" if name.isidentifier() else None
                message = f"argument `{name}` has no value: it is read from the environment, and is empty when not set"
                self.notes.add("bare-argument", at, message, "compose does not pass it then")
        self.put("args", {name: value for name, value in found.items() if value is not None}, at)

    def contexts(self, node: Node, at: int) -> None:
        """`service:x` is the target x."""
        found = {}
        for name, value in self.reader.table(node).items():
            if value is None:
                message = f"context `{name}` of service `{self.name}` has no value; it is left out"
                self.notes.add("null-value", at, message)
            elif value.startswith("service:"):
                found[name] = "target:" + value.removeprefix("service:").replace(".", "_")
            else:
                found[name] = value
        self.put("contexts", {**found, **(self.table.value("contexts") or {})}, at)

    def build_secrets(self, node: Node, at: int) -> None:
        """Names of top-level secrets, alone or as `source` of a mapping."""
        found = []
        for each in node.items if isinstance(node, Sequence) else ():
            table = each.items if isinstance(each, YamlMapping) else {"source": each}
            name = self.reader.text(table["source"]) if "source" in table else ""
            entry = self._secret(name, each.at)
            if entry is not None:
                found.append(entry)
            for key in table:
                if key != "source":
                    self._left_out(f"build.secrets.{key}", each.at, "RUN --mount=type=secret says where it is put")
        self.put("secret", found, at)

    def _secret(self, name: str, at: int) -> dict[str, str] | None:
        declared = self.secrets.items.get(name)
        if declared is None:
            self.notes.add("left-out", at, f"secret `{name}` is not declared in `secrets`; it is left out")
            return None
        keys = self.reader.mapping(declared, f"secret `{name}`").items
        for theirs, ours in (("file", "src"), ("environment", "env")):
            if theirs in keys:
                return {"id": name, ours: self.reader.text(keys[theirs])}
        message = f"secret `{name}` is external, which a build cannot read; it is left out"
        self.notes.add("left-out", at, message)
        return None

    def ulimits(self, node: Node, at: int) -> None:
        """A number, or soft and hard."""
        found = []
        for name, value in self.reader.mapping(node, "`ulimits`").items.items():
            if isinstance(value, YamlMapping):
                parts = [self.reader.text(value.items[each]) for each in ("soft", "hard") if each in value.items]
                found.append(f"{name}={':'.join(parts)}")
            else:
                found.append(f"{name}={self.reader.text(value)}")
        self.put("ulimits", found, at)

    def ssh(self, node: Node, at: int) -> None:
        """`default`, `id=path`, or a mapping of these."""
        table = self.reader.table(node)
        found = [{"id": name, "paths": [path]} if path else {"id": name} for name, path in sorted(table.items())]
        self.put("ssh", found, at)

    def attest(self, kind: str, node: Node, at: int) -> None:
        """`provenance` and `sbom`: a flag or attributes."""
        text = self.reader.text(node)
        entry: dict[str, Any] = {"type": kind}
        if text in ("true", "false"):
            entry |= {"disabled": True} if text == "false" else {}
        else:
            more = comma_form(text, ATTEST)
            if not isinstance(more, dict):
                self._left_out(f"build.{kind}", at)
                return
            entry |= more
        self.add("attest", [entry], at)


Work = Callable[[Service, Node, int], None]


def _text(key: str) -> Work:
    return lambda self, node, at: self.put(key, self.reader.text(node), at)


def _list(key: str) -> Work:
    entry = TARGET_KEYS[key].atom.entry
    return lambda self, node, at: self.put(
        key, [comma_form(each, entry) for each in self.reader.texts(node) if each], at
    )


def _names(key: str) -> Work:
    return lambda self, node, at: self.put(key, [*dict.fromkeys(each for each in self.reader.texts(node) if each)], at)


def _table(key: str, separators: str = "=") -> Work:
    def work(self: Service, node: Node, at: int) -> None:
        self.put(key, {name: value or "" for name, value in self.reader.table(node, separators).items()}, at)

    return work


def _if_true(key: str) -> Work:
    return lambda self, node, at: self.put(key, self.reader.flag(node) or None, at)


def _more(key: str) -> Work:
    return lambda self, node, at: self.add(key, [each for each in self.reader.words(node) if each], at)


def _more_entries(key: str) -> Work:
    entry = TARGET_KEYS[key].atom.entry

    def work(self: Service, node: Node, at: int) -> None:
        found: list[Any] = []
        for each in node.items if isinstance(node, Sequence) else ():
            if isinstance(each, YamlMapping):
                found.append({name: value or "" for name, value in self.reader.table(each).items()})
            else:
                found.append(comma_form(self.reader.text(each), entry))
        if not isinstance(node, Sequence):
            found = [comma_form(each, entry) for each in self.reader.words(node)]
        self.add(key, found, at)

    return work


def _hosts(self: Service, node: Node, at: int) -> None:
    self.put("extra-hosts", hosts(self.reader, node), at)


_BUILD: Mapping[str, Work] = {
    "context": _text("context"),
    "dockerfile": _text("dockerfile"),
    "dockerfile_inline": _text("dockerfile-inline"),
    "args": Service.args,
    "target": _text("target"),
    "labels": _table("labels"),
    "tags": _names("tags"),
    "platforms": _names("platforms"),
    "additional_contexts": Service.contexts,
    "cache_from": _list("cache-from"),
    "cache_to": _list("cache-to"),
    "secrets": Service.build_secrets,
    "ssh": Service.ssh,
    "network": _text("network"),
    "shm_size": _text("shm-size"),
    "ulimits": Service.ulimits,
    "extra_hosts": _hosts,
    "no_cache": _if_true("no-cache"),
    "pull": _if_true("pull"),
    "provenance": lambda self, node, at: self.attest("provenance", node, at),
    "sbom": lambda self, node, at: self.attest("sbom", node, at),
}
"""Keys of `build`, in the order in which they are written."""

_EXTRA: Mapping[str, Work] = {
    "tags": _more("tags"),
    "platforms": _more("platforms"),
    "no-cache-filter": _more("no-cache-filter"),
    "cache-from": _more_entries("cache-from"),
    "cache-to": _more_entries("cache-to"),
    "output": _more_entries("output"),
    "secret": _more_entries("secret"),
    "ssh": _more_entries("ssh"),
    "contexts": Service.contexts,
    "pull": _if_true("pull"),
    "no-cache": _if_true("no-cache"),
}
"""Keys of `build.x-bake`."""
