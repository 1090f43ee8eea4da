"""The smallest program there is: it exits with 0. A probe container runs it, so a probe needs no file of the host."""

from __future__ import annotations

import platform
import struct

# exit(0) as machine code, and the machine's number in an ELF header.
_CODE = {
    "x86_64": (62, "31ff b83c000000 0f05"),  # xor edi,edi; mov eax,60; syscall
    "aarch64": (183, "000080d2 a80b80d2 010000d4"),  # mov x0,0; mov x8,93; svc 0
    "riscv64": (243, "13050000 9308d005 73000000"),  # li a0,0; li a7,93; ecall
}
_BASE = 0x400000
_HEADER, _SEGMENT = 64, 56


def exit_program() -> bytes | None:
    """The program for this machine; None where its machine code is not known here."""
    known = _CODE.get(platform.machine())
    return None if known is None else executable(known[0], bytes.fromhex(known[1]))


def executable(machine: int, code: bytes) -> bytes:
    """A static ELF file that runs `code`."""
    start = _HEADER + _SEGMENT
    size = start + len(code)
    kind, version = (2, 1)  # an executable; the only version there is
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", kind, machine, version, _BASE + start),
        *(_HEADER, 0, 0, _HEADER, _SEGMENT, 1, 0, 0, 0),  # one segment, described behind this header; no sections
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # load all, readable, executable
    return header + segment + code
