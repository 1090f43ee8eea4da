"""Which variables stand where: global ARGs, and each stage's ARG and ENV line by line (reference/dockerfile.md §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bake.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Env,
    Label,
    Run,
    Stage,
    Stopsignal,
    Transfer,
    User,
    Volume,
    Workdir,
)
from bake.dockerfile.lint.view import BaseFact, View, Written
from bake.errors import Span
from bake.words import Expanded, WordError, expand, expand_heredoc

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Scope:
    """`declared`: ARGs, also those without a value; `complete` unless it stands on a base image that is not known."""

    values: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    declared: set[str] = field(default_factory=set)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """A variable without a value, met in a word of an instruction. `known`: the names that have one there."""

    at: Written
    name: str
    span: Span
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


def walk(view: View) -> Iterator[tuple[Written, Scope]]:
    """Every instruction of every stage, with what it sees; the scope holds until the next one is asked for."""
    outer = global_scope(view, view.outside.args)
    bases = base_stages(view)
    finished: dict[int, Scope] = {}
    for stage, body in view.bodies():
        scope = _start(view, stage, bases[stage.index], finished)
        for at in body:
            yield at, scope
            if isinstance(at.item, Arg):
                for name, default in at.item.pairs:
                    _declare(view, name, default, scope, outer)
            elif isinstance(at.item, Env):
                scope.values |= {
                    expanded(view, key, scope.values).text: expanded(view, value, scope.values).text
                    for key, value in at.item.pairs
                }
        finished[stage.index] = scope


def uses(view: View) -> Iterator[Use]:
    """Every word's variables that have no value there."""
    outer = global_scope(view, view.outside.args)
    for at, scope in walk(view):
        found = _unset_in_arg(view, at.item, scope, outer) if isinstance(at.item, Arg) else _unset(view, at, scope)
        places = {name: at.variables(name) for name in {name for name, _ in found}}
        for name, known in found:
            yield Use(at, name, next(places[name]), known, scope.complete)


def base_fact(view: View, stage: Stage) -> BaseFact | None:
    """What is known of the image that a stage is FROM."""
    if not view.outside.bases or stage.name in view.outside.contexts:
        return None
    return view.outside.bases.get(expanded(view, stage.base, global_scope(view, view.outside.args)).text)


def _start(view: View, stage: Stage, base: int | None, finished: Mapping[int, Scope]) -> Scope:
    if base is not None:
        above = finished[base]
        return Scope(dict(above.values), set(above.declared), above.complete)
    name = expanded(view, stage.base, global_scope(view, view.outside.args)).text
    if name == "scratch" and stage.name not in view.outside.contexts:
        return Scope()
    fact = base_fact(view, stage)
    return Scope(complete=False) if fact is None else Scope({"PATH": _PATH, **fact.env})


def _unset(view: View, at: Written, scope: Scope) -> list[tuple[str, tuple[str, ...]]]:
    """Names without a value, once a word, each with the names that have one."""
    known = tuple(scope.values)
    expansions = _expansions(view, at, scope.values)
    return [(name, known) for word in expansions for name in word.unset if name not in scope.declared]


def _unset_in_arg(view: View, item: Arg, scope: Scope, outer: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """As `_unset`; each default sees the ARGs before it on the line."""
    seen = Scope(dict(scope.values), set(scope.declared))
    found: list[tuple[str, tuple[str, ...]]] = []
    for name, default in item.pairs:
        known = tuple(seen.values)
        unset = _declare(view, name, default, seen, outer)
        found += [(each, known) for each in unset if each not in scope.declared]
    return found


def _declare(view: View, name: str, default: str | None, scope: Scope, outer: Mapping[str, str]) -> tuple[str, ...]:
    """Puts one ARG into the scope; the names without a value in its default."""
    unset: tuple[str, ...] = ()
    value = view.outside.args.get(name)
    if value is None and default is not None:
        result = expanded(view, default, scope.values)
        value, unset = result.text, result.unset
    if value is None:
        value = outer.get(name)
    scope.declared.add(name)
    if value is not None:
        scope.values[name] = value
    return unset


def _expansions(view: View, at: Written, env: Mapping[str, str]) -> Iterator[Expanded]:
    for text in words_of(at.item):
        yield expanded(view, text, env)
    if not isinstance(at.item, Transfer):
        return
    for heredoc in at.item.heredocs:
        if heredoc.expand:
            try:
                yield expand_heredoc(heredoc.body, env)
            except WordError:
                continue


def words_of(item: object) -> tuple[str, ...]:
    """The texts of an instruction that are expanded, each as one word (dockerfile.md §4.1).

    Without EXPOSE, in which the peer finds no undefined variables.
    """
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
