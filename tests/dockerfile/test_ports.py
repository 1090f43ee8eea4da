"""Words of EXPOSE → ports (reference/dockerfile.md §9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.ports import Port, expand_ports, parse_port


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        (["80"], ["80/tcp"]),
        (["7000-7002/UDP", "80", "90"], ["7000/udp", "7001/udp", "7002/udp", "80/tcp", "90/tcp"]),
        (["80/", "1/sctp"], ["80/tcp", "1/sctp"]),
        (
            ["8080:80", "127.0.0.1:8080:81", "[::1]:8080:82/udp", "::1:8080:83"],
            ["80/tcp", "81/tcp", "82/udp", "83/tcp"],
        ),
        (["8000-8001:80-81", "8000-9000:90", ":91"], ["80/tcp", "81/tcp", "90/tcp", "91/tcp"]),
        (["0", "65535", "9-9"], ["0/tcp", "65535/tcp", "9/tcp"]),
        ([], []),
    ],
)
def test_words_expand(words: list[str], ports: list[str]) -> None:
    assert list(expand_ports(words)) == ports


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("80/Foo", 'invalid port: "80/Foo": invalid proto: Foo'),
        ("/tcp", 'invalid port: "/tcp": no port specified'),
        ("80:", 'invalid port: "80:": no port specified'),
        ("x", "invalid containerPort: x"),
        ("65536", "invalid containerPort: 65536"),
        ("-1", "invalid containerPort: -1"),
        ("1-", "invalid containerPort: 1-"),
        ("9-8", "invalid containerPort: 9-8"),
        ("x:80", "invalid hostPort: x"),
        ("1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3"),
        ("x:1:80", "invalid IP address: x"),
        ("1" * 5000, "invalid containerPort"),
        ("٣", "invalid containerPort"),
    ],
)
def test_what_is_no_port(word: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_port(word)
    assert message in str(caught.value)


def test_a_port_keeps_what_an_image_does_not() -> None:
    assert parse_port("[::1]:8-9:80-81/TCP") == Port(80, 81, "TCP", "[::1]", "8-9")


@given(st.text("0123456789-:/[].tcpudTx", max_size=14))
def test_any_word_is_a_port_or_refused(word: str) -> None:
    try:
        ports = expand_ports([word])
    except ValueError as error:
        assert str(error)
        return
    assert all(0 <= int(port.split("/")[0]) <= 65535 for port in ports)
