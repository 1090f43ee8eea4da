"""Which variables stand where: global ARGs, and each stage's ARG and ENV line by line (reference/dockerfile.md §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bake.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    Label,
    Run,
    Stage,
    Stopsignal,
    Transfer,
    User,
    Volume,
    Workdir,
)
from bake.dockerfile.lint.view import View, Written
from bake.words import Expanded, ExpandedWords, WordError, expand, expand_heredoc, expand_words

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Scope:
    """`declared`: ARGs, also those without a value; `complete` unless it stands on a base image that is not known."""

    values: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    declared: set[str] = field(default_factory=set)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """A variable without a value, met in an instruction. `known`: the names that have one there."""

    at: Written
    name: str
    known: tuple[str, ...]
    complete: bool


def expanded(view: View, text: str, scope: Mapping[str, str]) -> Expanded:
    """`text` as one word; what cannot be expanded stays as written (building tells that error)."""
    try:
        return expand(text, scope, escape=view.dockerfile.escape)
    except WordError:
        return Expanded(text)


def global_scope(view: View, args: Mapping[str, str]) -> dict[str, str]:
    """What FROM lines see, with these build arguments."""
    scope = {name: args.get(name, value) for name, value in view.outside.predefined.items()}
    for instruction in view.dockerfile.args:
        for name, default in instruction.pairs:
            value = args.get(name)
            if value is None and default is not None:
                value = expanded(view, default, scope).text
            if value is not None:
                scope[name] = value
    return scope


def base_stages(view: View) -> dict[int, int | None]:
    """Stage index → the index of the stage it is FROM, None for scratch, an image or a named context."""
    scope = global_scope(view, view.outside.args)
    names: dict[str, int] = {}
    found: dict[int, int | None] = {}
    for stage in view.dockerfile.stages:
        replaced = stage.name in view.outside.contexts
        found[stage.index] = None if replaced else names.get(expanded(view, stage.base, scope).text)
        if stage.name:
            names[stage.name] = stage.index
    return found


def uses(view: View) -> Iterator[Use]:
    """Every variable that an instruction expands and that has no value there."""
    outer = global_scope(view, view.outside.args)
    bases = base_stages(view)
    finished: dict[int, Scope] = {}
    for stage, body in view.bodies():
        scope = _start(view, stage, bases[stage.index], finished, outer)
        for at in body:
            for name in _unset(view, at, scope, outer):
                if name not in scope.declared:
                    yield Use(at, name, tuple(scope.values), scope.complete)
        finished[stage.index] = scope


def _start(
    view: View, stage: Stage, base: int | None, finished: Mapping[int, Scope], outer: Mapping[str, str]
) -> Scope:
    if base is not None:
        above = finished[base]
        return Scope(dict(above.values), set(above.declared), above.complete)
    name = expanded(view, stage.base, outer).text
    if name == "scratch" and stage.name not in view.outside.contexts:
        return Scope()
    fact = view.outside.bases.get(name)
    return Scope(complete=False) if fact is None else Scope({"PATH": _PATH, **fact.env})


def _unset(view: View, at: Written, scope: Scope, outer: Mapping[str, str]) -> Iterator[str]:
    """The names without a value in one instruction, which then changes the scope."""
    item = at.item
    if isinstance(item, Arg):
        yield from _arg(view, item, scope, outer)
        return
    found: dict[str, None] = {}
    for result in _expansions(view, at, scope.values):
        found |= dict.fromkeys(result.unset)
    if isinstance(item, Env):
        pairs = [
            (expanded(view, key, scope.values).text, expanded(view, value, scope.values).text)
            for key, value in item.pairs
        ]
        scope.values.update(pairs)
    yield from found


def _arg(view: View, item: Arg, scope: Scope, outer: Mapping[str, str]) -> Iterator[str]:
    for name, default in item.pairs:
        value = view.outside.args.get(name)
        if value is None and default is not None:
            result = expanded(view, default, scope.values)
            yield from result.unset
            value = result.text
        if value is None:
            value = outer.get(name)
        scope.declared.add(name)
        if value is not None:
            scope.values[name] = value


def _expansions(view: View, at: Written, env: Mapping[str, str]) -> Iterator[Expanded | ExpandedWords]:
    item = at.item
    for text in words_of(item):
        yield expanded(view, text, env)
    try:
        if isinstance(item, Expose):
            for port in item.ports:
                yield expand_words(port, env, escape=view.dockerfile.escape)
        if isinstance(item, Transfer):
            for heredoc in item.heredocs:
                if heredoc.expand:
                    yield expand_heredoc(heredoc.body, env)
    except WordError:
        return


def words_of(item: object) -> tuple[str, ...]:
    """The texts of an instruction that are expanded, each as one word (dockerfile.md §4.1)."""
    match item:
        case Env() | Label():
            return tuple(text for pair in item.pairs for text in pair)
        case Add():
            return _given(*item.sources, item.dest, item.chown, item.chmod, item.checksum)
        case Copy():
            return _given(*item.sources, item.dest, item.chown, item.chmod)
        case Run():
            return _given(*(value for mount in item.mounts for _, value in mount.options))
        case User():
            return (item.user,)
        case Workdir():
            return (item.path,)
        case Volume():
            return item.paths
        case Stopsignal():
            return (item.signal,)
    return ()


def _given(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text)
