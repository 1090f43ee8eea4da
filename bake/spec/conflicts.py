"""What targets of one run must not do to each other: claim one tag, one remote cache or one output path (which the
peer allows: reference/buildx-bake.md, trap 11), or wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from posixpath import join, normpath

from bake.errors import Diagnostic, Span
from bake.oci.reference import parse_reference
from bake.spec.redact import redact
from bake.spec.report import RELATED, arrows
from bake.spec.target import Table, Target

_CIRCLES = 10
_CACHE_IDENTITY: dict[object, tuple[str, ...]] = {
    "gha": ("scope", "url", "repository"),
    "s3": ("endpoint_url", "bucket", "prefix", "name"),
    "azblob": ("account_url", "container", "prefix", "name"),
}


def normal_tag(tag: str) -> str:
    """The full form that tags are compared by."""
    return str(parse_reference(tag).with_default_tag())


def conflicts(targets: Iterable[Target], requested: Container[str] | None = None) -> Iterator[Diagnostic]:
    """One error for each thing that a target claims after another one did.

    `requested`: only these write their outputs, the others are there for what stands on them; None: all.
    """
    claimed: dict[tuple[str, str], tuple[Target, str]] = {}
    told: set[tuple[str, str]] = set()
    for target in targets:
        for code, identity, path, shown in _claims(target):
            if code == "duplicate-output" and requested is not None and target.name not in requested:
                continue
            first, where = claimed.setdefault((code, identity), (target, path))
            if first is target or (code, identity) in told or _one_cache(code, first.span(where), target.span(path)):
                continue
            told.add((code, identity))
            shown = redact(shown, first.sensitive | target.sensitive)
            message = f"{shown} is claimed by two targets: `{first.name}` and `{target.name}`"
            place = first.span(where)
            related = ((place, f"`{first.name}` claims it here"),) if place is not None else ()
            yield Diagnostic(code, message, target.span(path), _HINTS[code], related=related)


def _one_cache(code: str, one: Span | None, other: Span | None) -> bool:
    """Whether one entry (of `[defaults]`, a template, a matrix) says that targets share a cache: it holds all."""
    return code == "duplicate-cache" and one is not None and one == other


_HINTS = {
    "duplicate-tag": "give each its own tag; in a matrix, let the tag hold every axis",
    "duplicate-cache": "give each its own reference, or write `cache-to` once in [defaults] for a cache they share",
    "duplicate-output": "give each its own `dest`; in a matrix, let it hold every axis",
}


def _claims(target: Target) -> Iterator[tuple[str, str, str, str]]:
    """(code, identity, path in the target, how to call it)"""
    for index, tag in enumerate(target.tags):
        yield "duplicate-tag", normal_tag(tag), f"tags[{index}]", f"tag {tag}"
    for index, entry in enumerate(target.cache_to):
        for identity in _cache(entry, target.root):
            yield "duplicate-cache", identity, f"cache-to[{index}]", f"cache {identity.partition(' ')[2]}"
    for index, entry in enumerate(target.output):
        dest = str(entry.get("dest", ""))
        if dest:
            path = dest if dest == "-" else _absolute(target.root, dest)
            shown = "standard output" if dest == "-" else f"output path {dest}"
            yield "duplicate-output", path, f"output[{index}]", shown


def _cache(entry: Table, root: str) -> Iterator[str]:
    kind = entry.get("type")
    if kind == "registry" and "ref" in entry:
        yield f"registry {normal_tag(str(entry['ref']))}"
    elif kind == "local" and "dest" in entry:
        yield f"local {_absolute(root, str(entry['dest']))}"
    elif kind in _CACHE_IDENTITY:
        parts = [str(entry[name]) for name in _CACHE_IDENTITY[kind] if name in entry]
        yield f"{kind} {' '.join(parts) or 'without a name'}"


def _absolute(root: str, path: str) -> str:
    return normpath(join(root, path))


def edges(target: Target) -> dict[str, str]:
    """The targets that one names by `contexts` and `after`, each with the key path that names it."""
    found: dict[str, str] = {}
    for name, value in target.contexts.items():
        if value.startswith("target:"):
            found.setdefault(value.removeprefix("target:"), f"contexts.{name}")
    for index, name in enumerate(target.after):
        found.setdefault(name, f"after[{index}]")
    return found


def circles(targets: Mapping[str, Target]) -> Iterator[Diagnostic]:
    """Targets that wait for each other, one error a circle, the first few. Does not recurse: a chain may be long."""
    left = _CIRCLES
    done: set[str] = set()
    for start in targets:
        path: dict[str, Iterator[str]] = {}
        stack = [] if start in done else [start]
        while stack:
            name = stack[-1]
            if name not in path:
                path[name] = iter([each for each in edges(targets[name]) if each in targets])
            following = next((each for each in path[name] if each not in done), None)
            if following is None:
                done.add(stack.pop())
                path.pop(name)
            elif following in path:
                yield _circle(targets, [*stack[stack.index(following) :], following])
                left -= 1
                if not left:
                    return
            else:
                stack.append(following)


def _circle(targets: Mapping[str, Target], names: list[str]) -> Diagnostic:
    first, *others = (targets[name] for name in names[:-1])
    message = f"targets wait for each other in a circle: {arrows(names)}"
    spans = [(each, each.span(edges(each)[after])) for each, after in zip(others[:RELATED], names[2:], strict=False)]
    related = tuple((span, f"`{each.name}` waits here") for each, span in spans if span is not None)
    return Diagnostic("target-cycle", message, first.span(edges(first)[names[1]]), related=related)
