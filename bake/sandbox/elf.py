"""The smallest program of each architecture: it ends with 0. Running it tells whether that architecture runs here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_HEAD = {32: ("16sHHIIIIIHHHHHH", 52, 32), 64: ("16sHHIQQQIHHHHHH", 64, 56)}
"""Bits → (ELF header after its byte order, its size, size of a program header)."""
_MASK = b"\xff\xff\xff\xff\xff\xff\xff\x00" + b"\xff" * 8


@dataclass(frozen=True, slots=True)
class Machine:
    """`code` calls exit(0). `emulator` is qemu's name of the architecture; `number` and `flags` as ELF has them."""

    number: int
    code: bytes
    emulator: str
    bits: int = 64
    flags: int = 0
    order: str = "<"


def _words(order: str, *values: int) -> bytes:
    return struct.pack(f"{order}{len(values)}I", *values)


MACHINES: Mapping[str, Machine] = {
    "amd64": Machine(62, b"\x31\xff\xb8\x3c\0\0\0\x0f\x05", "x86_64"),
    "386": Machine(3, b"\x31\xdb\xb8\x01\0\0\0\xcd\x80", "i386", bits=32),
    "arm64": Machine(183, _words("<", 0xD2800000, 0xD2800BA8, 0xD4000001), "aarch64"),
    "arm": Machine(40, _words("<", 0xE3A00000, 0xE3A07001, 0xEF000000), "arm", bits=32, flags=0x05000000),
    "riscv64": Machine(243, _words("<", 0x00000513, 0x05D00893, 0x00000073), "riscv64"),
    "ppc64le": Machine(21, _words("<", 0x38600000, 0x38000001, 0x44000002), "ppc64le", flags=2),
    "s390x": Machine(22, b"\xa7\x29\0\0\x0a\x01", "s390x", order=">"),
    "mips64le": Machine(8, _words("<", 0x340213C2, 0x00002025, 0x0000000C), "mips64el", flags=0x80000007),
    "loong64": Machine(258, _words("<", 0x03800004, 0x0381740B, 0x002B0000), "loongarch64", flags=0x43),
}
"""By the architecture's name in a platform."""


def program(machine: Machine, code: bytes | None = None) -> bytes:
    """A whole static program; `code` instead of the machine's own."""
    body = machine.code if code is None else code
    form, size, entry = _HEAD[machine.bits]
    base = 0x400000 if machine.bits == 64 else 0x10000
    start, end = size + entry, size + entry + len(body)
    head = struct.pack(
        machine.order + form, _ident(machine) + bytes(8), 2, machine.number, 1, base + start, size, 0, machine.flags,
        size, entry, 1, 0, 0, 0,
    )  # fmt: skip
    if machine.bits == 64:
        segment = struct.pack(machine.order + "IIQQQQQQ", 1, 5, 0, base, base, end, end, 0x1000)
    else:
        segment = struct.pack(machine.order + "IIIIIIII", 1, 0, base, base, end, end, 5, 0x1000)
    return head + segment + body


def magic(machine: Machine) -> tuple[bytes, bytes]:
    """(what its programs start with, which bits of that count), for binfmt_misc; position-independent ones included."""
    kind, mask = (b"\x02\0", b"\xfe\xff") if machine.order == "<" else (b"\0\x02", b"\xff\xfe")
    number = struct.pack(machine.order + "H", machine.number)
    return _ident(machine) + bytes(8) + kind + number, _MASK + mask + b"\xff\xff"


def _ident(machine: Machine) -> bytes:
    return b"\x7fELF" + bytes((machine.bits // 32, 1 if machine.order == "<" else 2, 1, 0))
