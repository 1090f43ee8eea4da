"""`--ulimit name=soft[:hard]` as limits of the kernel."""

from __future__ import annotations

NAMES = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip

UNLIMITED = 2**64 - 1


def parse_ulimit(text: str) -> tuple[str, int, int]:
    """(name, soft, hard); -1 and `unlimited` are UNLIMITED. Raises ValueError with a text for the user."""
    name, _, value = text.partition("=")
    if name not in NAMES:
        raise ValueError(f"unknown ulimit {name!r}: one of {', '.join(NAMES)}")
    soft, colon, hard = value.partition(":")
    try:
        least = _number(soft)
        most = _number(hard) if colon else least
    except ValueError:
        raise ValueError(f"ulimit {text!r} is not name=soft[:hard]") from None
    if least > most:
        raise ValueError(f"ulimit {text!r}: the soft limit is above the hard one")
    return name, least, most


def _number(text: str) -> int:
    if text in ("-1", "unlimited"):
        return UNLIMITED
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
