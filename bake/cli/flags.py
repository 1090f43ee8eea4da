"""The flags that several commands share (SPEC §2), each declared once, in the three bundles that commands take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bake.app.options import Options

PROGRESS = ("auto", "tty", "plain", "json", "quiet")


def assignment(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as a pair."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"'{text}' is not NAME=VALUE")
    return name, value


def report_file(name: str) -> str:
    """A file that a report can be written to; what cannot be written is said before the work, not after it."""
    from pathlib import Path

    from bake.render.forms import FORMS

    path = Path(name)
    if path.suffix not in FORMS:
        raise click.BadParameter(f"a report is FILE{', FILE'.join(FORMS)}, not '{name}'")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory '{path.parent}'")
    return name


def _option(*names: str, help: str, **details: Any) -> click.Option:
    return click.Option(names, help=help, **details)


def _flag(*names: str, help: str) -> click.Option:
    return click.Option(names, help=help, is_flag=True)


SPEC = (
    _option("-f", "--file", metavar="FILE", help="The spec; default: bake.toml, searched upward."),
    _option("--set", "sets", metavar="PATTERN.KEY=VALUE", multiple=True, help="Set a key of the targets that match."),
    _option("--var", "vars", type=assignment, metavar="NAME=VALUE", multiple=True, help="Set a variable."),
    _option("--profile", "profiles", metavar="NAME", multiple=True, help="Apply a profile."),
)
BUILD = (
    _option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Steps that run at once."),
    _flag("-k", "--keep-going", help="After a failure, go on with what does not depend on it."),
    _option("--engine", type=click.Choice(("embedded", "buildkit")), help="What runs the steps."),
    _option("--builder", "builders", metavar="ADDR,…", multiple=True, help="BuildKit builders to use."),
    _flag("--push", help="Publish what is built."),
    _option(
        "-o", "--output", "outputs", metavar="OUTPUT", multiple=True,
        help="Write this instead of the targets' own outputs: a directory, `-`, or `type=…,dest=…`.",
    ),
    _option("--provenance", metavar="true|OPTIONS", help="State how images were made, e.g. mode=max; false: do not."),
    _option("--sbom", metavar="true", help="State which packages images hold; false: do not."),
    _flag("--load", help="Load the images into the local Docker Engine, or podman."),
    _flag("--no-cache", help="Run every step again."),
    _flag("--pull", help="Insist on asking registries for base images."),
    _option(
        "--publish", type=click.Choice(("all", "eager")), default="all", show_default=True,
        help="Move tags when all targets are done, or each as it is done.",
    ),
    _flag("--locked", help="Refuse inputs that bake.lock does not name."),
)  # fmt: skip
VIEW = (
    _option(
        "--progress", type=click.Choice(PROGRESS), default="auto", show_default=True, help="How progress is shown."
    ),
    _option(
        "--report",
        "reports",
        type=report_file,
        metavar="FILE",
        multiple=True,
        help="Write the report: a .json, .md or .html file.",
    ),
)


def with_value() -> frozenset[str]:
    """The names of all shared flags that are followed by a value."""
    return frozenset(name for option in (*SPEC, *BUILD, *VIEW) if not option.is_flag for name in option.opts)


def options(names: Sequence[str], given: Mapping[str, Any]) -> Options:
    """The flags that a command was given, as the value that `app` takes; those it does not have keep their default."""
    from dataclasses import fields

    from bake.app.options import Options

    known = {field.name for field in fields(Options)}
    values = {name: value for name, value in given.items() if name in known and value is not None}
    values["vars"] = dict(values.get("vars", ()))
    values["builders"] = tuple(addr for text in values.get("builders", ()) for addr in text.split(",") if addr)
    return Options(names=tuple(names), environment=dict(os.environ), **values)
