"""EXPOSE: `[ip:][host:]PORT[-END][/proto]` (reference/dockerfile.md §9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PROTOCOLS = ("tcp", "udp", "sctp")
_NUMBER = re.compile(r"\+?0*[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Port:
    """One word, checked. `protocol` as written (`tcp` where none is); `ip` and `host` mean nothing for an image."""

    first: int
    last: int
    protocol: str
    ip: str = ""
    host: str = ""


def expand_ports(words: Iterable[str]) -> tuple[str, ...]:
    """`80` → `80/tcp`, `7000-7001/UDP` → two ports; in order. Raises ValueError with BuildKit's text."""
    ports = map(parse_port, words)
    return tuple(f"{n}/{port.protocol.lower()}" for port in ports for n in range(port.first, port.last + 1))


def parse_port(word: str) -> Port:
    """Raises ValueError with BuildKit's text."""
    *host, container = word.rsplit(":", 2)
    ports, _, protocol = container.partition("/")
    if not ports:
        raise ValueError(f'invalid port: "{word}": no port specified')
    if protocol.lower() not in ("", *PROTOCOLS):
        raise ValueError(f'invalid port: "{word}": invalid proto: {protocol}')
    ip = host[0] if len(host) == 2 else ""
    published = host[-1] if host else ""
    _check_ip(ip)
    first, last = _range(ports, "containerPort")
    if published:
        low, high = _range(published, "hostPort")
        if high - low != last - first and first != last:
            raise ValueError(f"invalid ranges specified for container and host Ports: {ports} and {published}")
    return Port(first, last, protocol or "tcp", ip, published)


def _check_ip(ip: str) -> None:
    from ipaddress import ip_address

    inner = ip[1:-1] if ip.startswith("[") and ip.endswith("]") else ip
    try:
        if ip:
            ip_address(inner)
    except ValueError:
        raise ValueError(f"invalid IP address: {ip}") from None


def _range(text: str, name: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    try:
        low = _number(start)
        high = _number(end) if dash else low
    except ValueError:
        raise ValueError(f"invalid {name}: {text}") from None
    if low > high:
        raise ValueError(f"invalid {name}: {text}")
    return low, high


def _number(text: str) -> int:
    """0 to 65535; longer texts are no ports, and Python would not read them."""
    if not _NUMBER.fullmatch(text) or int(text) > 65535:
        raise ValueError(text)
    return int(text)
