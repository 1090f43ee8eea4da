"""A page without a framework."""

from collections.abc import Callable


def app(_environ: dict[str, str], start: Callable[[str, list[tuple[str, str]]], None]) -> list[bytes]:
    """Says hello to everyone."""
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
