"""Ends a server that a test has started."""

from __future__ import annotations

import subprocess


def end(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """Asks it to end, and makes it after `patience` seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
