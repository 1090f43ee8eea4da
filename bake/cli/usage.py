"""Wrong command lines, told as diagnostics: what click found, with a suggestion."""

from __future__ import annotations

import click

from bake.errors import Diagnostic, InputError, nearest


def usage_error(error: click.ClickException) -> InputError:
    """A click exception as ours."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "bake"
    code, message, hint = _told(error, path)
    return InputError(Diagnostic(code, message, hint=hint or f"`{path} --help` shows the usage"))


def _told(error: click.ClickException, path: str) -> tuple[str, str, str | None]:
    if isinstance(error, click.NoSuchOption):
        near = _nearest_option(error)
        hint = f"did you mean '{near}'?" if near else None
        return "unknown-option", f"`{path}` has no option '{error.option_name}'", hint
    if isinstance(error, click.MissingParameter):
        name = error.param.make_metavar(error.ctx) if error.param and error.ctx else "an argument"
        return "missing-argument", f"`{path}` needs {name}", None
    if isinstance(error, click.BadParameter):
        return "bad-value", _sentence(error.format_message()), None
    return "usage", _sentence(error.format_message()), None


def _nearest_option(error: click.NoSuchOption) -> str | None:
    if error.ctx is None:
        return error.possibilities[0] if error.possibilities else None
    names = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts if name.startswith("--")]
    return nearest(error.option_name, names)


def _sentence(message: str) -> str:
    """As our own messages are: lower case at the start, no full stop at the end."""
    text = message.strip().removesuffix(".")
    return text[:1].lower() + text[1:]
