"""`bake inspect` for people: what an image starts, what it sets, which layers it has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import size

_PLAIN = Style()
_LAYERS = (
    Column("LAYER"),
    Column("SIZE", right=True),
    Column("DIGEST", spare=True),
    Column("CREATED BY", elastic=True),
)
_SETTINGS = ("Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal")
_TABLES = ("ExposedPorts", "Volumes")
_SHORT = len("sha256:") + 12


def image_text(found: Mapping[str, Any], width: int | None = None, style: Style = _PLAIN) -> str:
    """`found` as `app.inspect` gives it: name, digest, and by platform the config and the layers."""
    lines = [style.paint("bold", clean(str(found["name"])))]
    lines += [f"{key}: {found[key]}" for key in ("digest", "media_type") if found.get(key)]
    lines += _annotations(found)
    for platform, image in found["platforms"].items():
        about = [str(image["digest"])] if image.get("digest") else []
        about += [size(image["size"])] if image.get("size") else []
        lines += ["", "  ".join([style.paint("bold", clean(platform)), *about])]
        lines += [f"  {line}" for line in _config(image.get("config") or {})]
        if not image.get("digest") or image["digest"] != found.get("digest"):  # else it is what was told above
            lines += [f"  {line}" for line in _annotations(image)]
        rows = [_layer(number, layer) for number, layer in enumerate(image.get("layers", ()), 1)]
        lines += table(_LAYERS, rows, width, style).splitlines()
    for title, told in (("attestations", _statements(found)), ("referrers", _referrers(found))):
        lines += ["", style.paint("bold", title), *(f"  {line}" for line in told)] if told else []
    return "\n".join(lines) + "\n"


def _config(config: Mapping[str, Any]) -> Iterator[str]:
    run = config.get("config") or {}
    for key in _SETTINGS:
        if run.get(key):
            yield f"{key}: {clean(json.dumps(run[key], ensure_ascii=False))}"
    for key in _TABLES:
        if run.get(key):
            yield f"{key}: {clean(', '.join(sorted(run[key])))}"
    for variable in run.get("Env") or ():
        yield f"ENV {clean(variable)}"
    for name, value in sorted((run.get("Labels") or {}).items()):
        yield f"LABEL {clean(f'{name}={value}')}"


def _annotations(document: Mapping[str, Any]) -> list[str]:
    notes = document.get("annotations") or {}
    return [clean(f"ANNOTATION {name}={notes[name]}") for name in sorted(notes)]


def _layer(number: int, layer: Mapping[str, Any]) -> tuple[str, ...]:
    amount = size(layer["size"]) if layer.get("size") else ""
    return (str(number), amount, str(layer.get("digest", "")), clean(str(layer.get("created_by", ""))))


def _statements(found: Mapping[str, Any]) -> list[str]:
    rows = found.get("attestations") or ()
    return [
        clean(f"{row.get('platform') or row['subject'][:_SHORT]}: {', '.join(row['predicates'])}  {row['digest']}")
        for row in rows
    ]


def _referrers(found: Mapping[str, Any]) -> list[str]:
    rows = found.get("referrers") or ()
    return [clean(f"{row['subject'][:_SHORT]}: {row['artifact_type']}  {row['digest']}") for row in rows]
