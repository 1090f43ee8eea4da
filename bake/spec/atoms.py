"""The kinds of single values that keys are made of: which TOML types they take, how they are read, their JSON schema.

A text that holds `${…}` may stand for a value of any kind; it is read when it has been expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bake.spec import values
from bake.spec.document import Number
from bake.spec.report import did_you_mean

if TYPE_CHECKING:
    from bake.spec.entries import Entry

TEMPLATE: Mapping[str, Any] = {"type": "string", "pattern": r"\$\{"}
"""JSON schema of a text that is only known when it has been expanded."""


@dataclass(frozen=True, slots=True)
class Atom:
    """`says` completes "must be …"; `types`: TOML types as Python knows them; `convert` raises Refused."""

    name: str
    says: str
    types: tuple[type, ...]
    convert: Callable[[Any], object]
    schema: Mapping[str, Any] = field(repr=False)
    is_path: bool = False
    """Whether it names something on disk, so that its meaning depends on the file that says it."""
    drops_empty: bool = False
    """Whether an element that expands to nothing is left out of its list, as `${CI:+tag}` wants it."""
    entry: Entry | None = None

    @property
    def takes_text(self) -> bool:
        """Whether a text with `${…}` may stand for the value: not for what must be a list or a table."""
        return not set(self.types) <= {list, dict}


def _text(name: str, says: str, convert: Callable[[Any], object], **more: Any) -> Atom:
    schema: dict[str, Any] = {"type": "string", **more.pop("schema", {})}
    return Atom(name, says, (str,), convert, schema, **more)


def _or_template(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"anyOf": [schema, TEMPLATE]}


_NUMBERS = (int, Number)

TEXT = _text("text", "a text", values.text)
NAME = _text("text", "a text", values.not_empty, drops_empty=True)
PATH = _text("path", "a path", values.not_empty, is_path=True)
OPTIONAL_PATH = _text("path", "a path, or nothing", values.text, is_path=True)
VALUE = Atom(
    "value", "a text, a number or a boolean", (str, bool, *_NUMBERS), values.plain_text,
    {"type": ["string", "number", "boolean"]},
)  # fmt: skip
FLAG = Atom("boolean", "true or false", (bool,), values.flag, _or_template({"type": "boolean"}))
INTEGER = Atom("integer", "a whole number", (int,), values.integer, _or_template({"type": "integer", "minimum": 0}))
NUMBER = Atom("number", "a number", _NUMBERS, values.number, _or_template({"type": "number", "exclusiveMinimum": 0}))
SIZE = Atom(
    "size", 'a size such as "64m", or bytes', (str, *_NUMBERS), values.size,
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\d+(\.\d+)? ?[kKmMgGtTpP]?(i?[bB])?$|\$\{"},
        ]
    },
)  # fmt: skip
LIMIT = Atom(
    "size", 'a size such as "64m", or -1', (str, *_NUMBERS), values.size_or_unlimited,
    {"anyOf": [{"type": "integer", "minimum": -1}, {"type": "string"}]},
)  # fmt: skip
DURATION = Atom(
    "duration", 'a duration such as "10m", or seconds', (str, *_NUMBERS), values.duration,
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^(\d+(\.\d+)?|(\d+(\.\d+)?(ms|s|m|h|d))+)$|\$\{"},
        ]
    },
)  # fmt: skip
TAG = _text("reference", "an image reference", values.tag, drops_empty=True)
REFERENCE = _text("reference", "an image reference", values.reference)
PLATFORM = _text("platform", "a platform", values.platform, drops_empty=True, schema={"examples": ["linux/amd64"]})
CONTEXT = _text("context", "a directory or a URL", values.context, is_path=True, drops_empty=True)
ADDRESS = _text("address", "an address", values.host_address)
STAGE = _text("text", "the name of a stage", values.not_empty, drops_empty=True)
TARGET = _text("target", "the name of a target", values.not_empty, drops_empty=True)
ENTITLEMENT = _text(
    "entitlement", "an entitlement", values.entitlement, drops_empty=True,
    schema={"pattern": r"^(network\.host|security\.insecure|device(=.+)?)$|\$\{"},
)  # fmt: skip
NETWORK = Atom(
    "network", "default, none or host", (str,), values.network, _or_template({"enum": list(values.NETWORKS)})
)
PUSH = Atom(
    "push", 'true, false, "auto", "if-changed" or "if-missing"', (str, bool), values.push,
    _or_template({"enum": [True, False, *values.PUSHES]}),
)  # fmt: skip
TAG_PATTERN = _text("pattern", "a pattern of tags", values.tag_pattern, drops_empty=True)
ULIMIT = Atom(
    "ulimit", 'a text "name=soft[:hard]" or a table', (str, dict), values.ulimit,
    {
        "anyOf": [
            {"type": "string", "pattern": r"^[a-z]+=(-1|\d+)(:(-1|\d+))?$|\$\{"},
            {
                "type": "object",
                "properties": {
                    "name": {"description": "which limit", "enum": list(values.ULIMITS)},
                    "soft": {"description": "the limit; -1: none", "type": "integer", "minimum": -1},
                    "hard": {"description": "how far a process may raise it", "type": "integer", "minimum": -1},
                },
                "required": ["name", "soft"],
                "additionalProperties": False,
            },
        ]
    },
)  # fmt: skip
COMMAND = Atom(
    "command", "a list of texts", (list,), values.command,
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
)  # fmt: skip
AXIS = Atom(
    "axis", "a list of values", (list,), values.axis,
    {"type": "array", "items": VALUE.schema, "minItems": 1},
)  # fmt: skip
POINT = Atom(
    "combination", "a table of axis values", (dict,), dict, {"type": "object", "additionalProperties": VALUE.schema}
)
VARIANT = Atom("combination", "a table of axis values and keys", (dict,), dict, {"type": "object"})


def choice(*words: str) -> Atom:
    """One of `words`."""

    def convert(value: object) -> str:
        if value not in words:
            raise values.Refused(f"'{value}' is not known here", hint=did_you_mean(str(value), words))
        return str(value)

    says = ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]
    return Atom("choice", says, (str,), convert, _or_template({"enum": list(words)}))


def list_of(atom: Atom) -> Atom:
    """A list inside an entry, such as the `paths` of an ssh entry; a single text is a list of one."""

    def convert(value: object) -> tuple[object, ...]:
        elements = value if isinstance(value, list) else [value]
        if not all(isinstance(element, atom.types) for element in elements):
            raise values.Refused(f"this must be a list, each element {atom.says}", code="wrong-type")
        return tuple(atom.convert(element) for element in elements)

    schema = {"anyOf": [atom.schema, {"type": "array", "items": atom.schema}]}
    return Atom(f"list of {atom.name}", f"a list of {atom.name}s", (list, str), convert, schema, is_path=atom.is_path)
