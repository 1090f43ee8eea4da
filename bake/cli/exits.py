"""What the exit codes mean (SPEC §2, and two that every program has)."""

from __future__ import annotations

from collections.abc import Mapping

DEFECT = 70
"""sysexits.h calls it EX_SOFTWARE: an error inside of bake itself."""
READER_GONE = 141
"""What a shell shows for a program that SIGPIPE ended: who read our output has gone (`bake list | head -1`)."""

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "a build step or test failed",
    2: "the spec, a Dockerfile or the command line is wrong",
    3: "a registry or the network refused",
    4: "this host cannot (sandbox, engine, disk)",
    DEFECT: "a defect of bake",
    130: "interrupted",
    READER_GONE: "the reader of the output has gone",
}
