"""EXPOSE: `[ip:][host:]PORT[-END][/proto]` (reference/dockerfile.md §9)."""

from __future__ import annotations

from collections.abc import Iterable


def expand_ports(words: Iterable[str]) -> tuple[str, ...]:
    """`80` → `80/tcp`, `7000-7001/UDP` → two ports; in order, each once. Raises ValueError with BuildKit's text."""
    found: dict[str, None] = {}
    for word in words:
        found |= dict.fromkeys(_expand(word))
    return tuple(found)


def _expand(word: str) -> list[str]:
    ports, _, protocol = word.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise ValueError(f'invalid port: "{word}": invalid proto: {protocol}')
    *host, container = ports.rsplit(":", 2) if not ports.startswith("[") else ports.rsplit(":", 1)
    if not container:
        raise ValueError(f'invalid port: "{word}": no port specified')
    start, end = _range(container, "containerPort")
    if host and host[-1] and not host[-1].startswith("["):
        first, last = _range(host[-1], "hostPort")
        if last - first != end - start and first != last:
            raise ValueError(f"invalid ranges specified for container and host Ports: {container} and {host[-1]}")
    return [f"{port}/{protocol}" for port in range(start, end + 1)]


def _range(text: str, name: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    last = end if dash else start
    if not (start.isascii() and start.isdecimal() and last.isascii() and last.isdecimal()):
        raise ValueError(f"invalid {name}: {text}")
    low, high = int(start), int(last)
    if low > high or high > 65535:
        raise ValueError(f"invalid {name}: {text}")
    return low, high
