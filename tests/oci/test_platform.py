"""Platforms as they are written."""

from __future__ import annotations

import pytest

from bake.oci.platform import parse_platform


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("armhf", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("windows/amd64", "windows/amd64"),
        ("wasi/wasm", "wasi/wasm"),
    ],
)
def test_spellings(text: str, platform: str) -> None:
    assert str(parse_platform(text)) == platform


@pytest.mark.parametrize("text", ["", "amd46", "local", "linux", "a/b/c/d", "linux/", "lin ux/amd64"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="os/arch"):
        parse_platform(text)
