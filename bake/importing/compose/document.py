"""A YAML text → values that know their place: merge keys applied, aliases resolved within limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings, simplefilter

from bake.errors import Diagnostic, HostError
from bake.importing.hcl.convert import number_text
from bake.importing.notes import Text, fault

SIZE_LIMIT = 96 * 1024
"""Characters of a file; YAML takes long to read, and this is many times a large compose file."""
_NODE_LIMIT = 100_000
_DEPTH_LIMIT = 60
_OCTAL = re.compile(r"[-+]?0[0-7]{1,20}")
"""As compose reads it: 0644 is 420."""
_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Scalar:
    """`value`: None, bool, int, float or str."""

    at: int
    value: Any
    tag: str = ""

    @property
    def text(self) -> str:
        """As compose turns it into a text."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if self.value is None:
            return ""
        return self.value if isinstance(self.value, str) else number_text(self.value)


@dataclass(frozen=True, slots=True)
class Sequence:
    """`tag`, here and below: `!reset` or `!override`, which say how a value meets that of an earlier file."""

    at: int
    items: tuple[Node, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """`keys`: where each key is written."""

    at: int
    items: dict[str, Node]
    keys: dict[str, int]
    tag: str = ""


Node = Scalar | Sequence | Mapping


def parse_yaml(source: Text, start: int = 0, end: int | None = None) -> Node:
    """The range `[start, end)` of a text. Raises InputError: bad YAML, several documents, too much of it."""
    text = source.text[start:end]
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
    except ImportError:
        hint = 'pip install "bake[import]"'
        raise HostError(
            Diagnostic("missing-package", "reading YAML needs the package ruamel.yaml", hint=hint)
        ) from None
    if len(text) > SIZE_LIMIT:
        message = f"the file is larger than {SIZE_LIMIT // 1024} KB, which no compose file is"
        raise fault(source, start, message, code="file-too-large")
    _check_depth(source, text, start)
    try:
        with catch_warnings():
            simplefilter("ignore")  # an anchor that is defined again; the later one counts
            root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = mark.index if mark is not None else 0
        raise fault(source, start + at, f"this is no YAML: {error.problem}") from None
    except (YAMLError, ValueError, AttributeError, TypeError, IndexError) as error:
        at = getattr(error, "position", 0)
        reason = str(getattr(error, "reason", "") or error).splitlines() or [""]
        raise fault(source, start + (at if isinstance(at, int) else 0), f"this is no YAML: {reason[0]}") from None
    if root is None:
        return Mapping(start, {}, {})
    return _Builder(source, start).node(root, 0)


def _check_depth(source: Text, text: str, start: int) -> None:
    """Brackets that nest too deeply, told before the parser recurses into them."""
    depth = 0
    for match in re.finditer(r"[\[{\]}]", text):
        depth = depth + 1 if match.group() in "[{" else max(depth - 1, 0)
        if depth > 5 * _DEPTH_LIMIT:
            raise fault(source, start + match.start(), "this is nested too deeply", code="nested-too-deeply")


class _Builder:
    """Counts what aliases multiply: each node counts as often as it is reached."""

    def __init__(self, source: Text, start: int) -> None:
        self.source = source
        self._start = start
        self._count = 0

    def node(self, node: Any, depth: int) -> Node:
        self._count += 1
        at = self._start + node.start_mark.index
        if self._count > _NODE_LIMIT:
            raise fault(
                self.source, at, f"aliases make more than {_NODE_LIMIT} values of this file", code="too-much-work"
            )
        if depth > _DEPTH_LIMIT:
            raise fault(self.source, at, f"this is nested more than {_DEPTH_LIMIT} deep", code="nested-too-deeply")
        if node.id == "mapping":
            return self._mapping(node, depth)
        if node.id == "sequence":
            return Sequence(at, tuple(self.node(each, depth + 1) for each in node.value), _own_tag(node))
        return Scalar(at, self._scalar(node), _own_tag(node))

    def _mapping(self, node: Any, depth: int) -> Mapping:
        own: dict[str, Node] = {}
        keys: dict[str, int] = {}
        merged = Mapping(self._start + node.start_mark.index, {}, {})
        for key, value in node.value:
            at = self._start + key.start_mark.index
            if key.id != "scalar":
                raise fault(self.source, at, "a key must be a plain text")
            if key.value == "<<" and key.style is None:
                self._merge(merged, self.node(value, depth + 1), at)
                continue
            name = str(key.value)
            if name in own:
                raise fault(self.source, at, f"`{name}` is written twice", code="duplicate-key")
            own[name], keys[name] = self.node(value, depth + 1), at
        return Mapping(merged.at, {**merged.items, **own}, {**merged.keys, **keys}, _own_tag(node))

    def _merge(self, into: Mapping, value: Node, at: int) -> None:
        for each in value.items if isinstance(value, Sequence) else (value,):
            if not isinstance(each, Mapping):
                raise fault(self.source, at, "`<<` needs a mapping")
            for name, inner in each.items.items():
                into.items.setdefault(name, inner)
                into.keys.setdefault(name, each.keys[name])

    def _scalar(self, node: Any) -> Any:
        tag = str(node.tag or "").removeprefix(_PREFIX)
        text = str(node.value)
        if tag == "null" or (tag == "str" and node.style is None and text == ""):
            return None
        if tag == "bool":
            return text.lower() in ("true", "yes", "on", "y")
        if tag in ("int", "float"):
            return _number(text)
        return text


def _own_tag(node: Any) -> str:
    tag = str(node.tag or "")
    return tag if tag in ("!reset", "!override") else ""


def _number(text: str) -> Any:
    plain = text.replace("_", "")
    if _OCTAL.fullmatch(plain):
        return int(plain, 8)
    try:
        return int(plain, 0) if len(plain) < 300 else text
    except ValueError:
        try:
            value = float(plain)
        except ValueError:
            return text
        return int(value) if value.is_integer() and abs(value) < 1e15 else value if abs(value) < 1e300 else text
