"""Message classes made from the schema when first imported; `MESSAGES.Op(…)` and so on.

The classes are protobuf's own (upb); they have no static types, so code that uses them says `Any` once, here.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from bake.engine.buildkit.wire.schema import SCHEMA

_PACKAGE = "bake.buildkit"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING, "bytes": _Field.TYPE_BYTES, "bool": _Field.TYPE_BOOL, "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64, "uint32": _Field.TYPE_UINT32,
}  # fmt: skip


def describe(schema: str) -> descriptor_pb2.FileDescriptorProto:
    """The file descriptor of a schema text (its form: see `schema`). Raises ValueError for a line it cannot read."""
    file = descriptor_pb2.FileDescriptorProto(name="bake/buildkit.proto", package=_PACKAGE, syntax="proto3")
    for line in schema.strip("\n").splitlines():
        if not line.startswith(" "):
            message = file.message_type.add(name=line)
            continue
        number, name, kind, *oneof = line.split()
        _add(message, int(number), name, kind, oneof[0] if oneof else "")
    return file


def _add(message: Any, number: int, name: str, kind: str, oneof: str) -> None:
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if ">" in kind:
        _add_map(message, field, name, *kind.split(">"))
        return
    if kind.endswith("*"):
        field.label = _Field.LABEL_REPEATED
    _type(field, kind.rstrip("*"))
    if oneof:
        if oneof not in [one.name for one in message.oneof_decl]:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = [one.name for one in message.oneof_decl].index(oneof)


def _add_map(message: Any, field: Any, name: str, key: str, value: str) -> None:
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    _add(entry, 1, "key", key, "")
    _add(entry, 2, "value", value, "")
    field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"


def _type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"


def _classes(schema: str) -> SimpleNamespace:
    pool = descriptor_pool.DescriptorPool()
    file = pool.AddSerializedFile(describe(schema).SerializeToString())
    del file
    names = [line for line in schema.strip("\n").splitlines() if not line.startswith(" ")]
    found = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names}
    return SimpleNamespace(**found)


MESSAGES: Any = _classes(SCHEMA)
