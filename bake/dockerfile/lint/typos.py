"""Our own rules about what is most likely a slip: BuildKit takes it, and means something else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bake.dockerfile.instructions import Add, Cmd, Copy, Entrypoint, Run, Stage, Volume
from bake.dockerfile.jsonform import NotStrings, read_json
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import expanded, global_scope
from bake.dockerfile.lint.view import View
from bake.errors import nearest

_LIST = re.compile(r"""\[\s*['"\u201c].*\]\s*""", re.S)
_SEPARATED = re.compile(r"""['"\u201d]\s*,\s*['"\u201c]""")


def broken_json_form(view: View) -> Iterator[Finding]:
    """`CMD ['a', 'b']`: no JSON, so it is run by a shell, or counts as file names."""
    for at in view.of(Cmd, Entrypoint, Run, Copy, Add, Volume):
        text = at.item.text.strip() if not isinstance(at.item, Stage) else ""
        if not _LIST.fullmatch(text) or _is_json(text):
            continue
        if isinstance(at.item, Run) and not _SEPARATED.search(text):  # a test of the shell looks like it: [ "$a" ]
            continue
        what = "is a list of words" if isinstance(at.item, Copy | Add | Volume) else "is run by a shell as it stands"
        yield Finding(at, f"{at.keyword.upper()} {what}, since this is no JSON list", at.find(text))


def _is_json(text: str) -> bool:
    try:
        return read_json(text) is not None
    except NotStrings:
        return True  # refused when it is parsed


def stage_name_typo(view: View) -> Iterator[Finding]:
    """A name that is no stage, nor a context, but nearly a stage: it would be pulled as an image."""
    scope = global_scope(view, view.outside.args)
    stages = [stage.name for stage, _ in view.stages() if stage.name]
    for at in view.written:
        for name in _named(view, at.item, scope):
            plain = name.isidentifier() or name.replace("-", "_").isidentifier()
            known = name.lower() in stages or name in view.outside.contexts
            if not plain or known or name == "scratch" or name in view.outside.bases:
                continue
            own = view.dockerfile.stages[at.stage].name if at.stage >= 0 else ""
            near = nearest(name, [stage for stage in stages if stage != own])
            if near is not None:
                yield Finding(
                    at, f"'{name}' is no stage, so it is pulled as an image (did you mean {near}?)", at.find(name)
                )


def _named(view: View, item: object, scope: dict[str, str]) -> Iterator[str]:
    """The names of stages or images in one instruction."""
    if isinstance(item, Stage):
        yield expanded(view, item.base, scope).text
    elif isinstance(item, Copy):
        yield from (item.from_,) if item.from_ else ()
    elif isinstance(item, Run):
        yield from (value for mount in item.mounts for key, value in mount.options if key == "from" and value)
