"""How targets hang together: which build on the image of which, and which only wait for which. Needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from bake.errors import Diagnostic, InputError
from bake.oci.platform import Platform
from bake.plan.compile import Compiler, Siblings, problems_of
from bake.plan.facts import Facts, Needs
from bake.plan.unknown import UnknownImages
from bake.spec.conflicts import edges as written_edges
from bake.spec.target import Target

Kind = Literal["image", "after"]


@dataclass(frozen=True, slots=True)
class Link:
    """`user` builds on the image of `used`, or only comes after it."""

    user: str
    used: str
    kind: Kind


@dataclass(frozen=True)
class Links:
    """`targets` in the order met, each after those that it reaches or that asked for it; each pair is linked once.

    `problems` keep a target's Dockerfile from being read as a build would, so that links may be missing.
    """

    requested: tuple[str, ...]
    targets: tuple[str, ...]
    links: tuple[Link, ...]
    problems: tuple[Diagnostic, ...] = ()

    def used_by(self) -> Mapping[str, tuple[Link, ...]]:
        """Target → its links to what it uses."""
        found: dict[str, list[Link]] = {name: [] for name in self.targets}
        for link in self.links:
            found[link.user].append(link)
        return {name: tuple(links) for name, links in found.items()}


def find_links(targets: Sequence[Target], siblings: Siblings, facts: Facts, build_platform: Platform) -> Links | Needs:
    """The links of `targets` and all they reach; or the Needs (only `texts`) to be answered before.

    Raises InputError when targets wait for each other in a circle.
    """
    compiler = Compiler(siblings, replace(facts, images=UnknownImages()), build_platform)
    problems: list[Diagnostic] = []
    reached: dict[str, Target] = {}
    todo = list(targets)[::-1]
    while todo:
        target = todo.pop()
        if target.name in reached:
            continue
        reached[target.name] = target
        problems += problems_of(compiler, target)
        names = [*written_edges(target), *compiler.edges.get(target.name, ())]
        todo += [siblings.target(name) for name in reversed(names) if name not in reached]
    if compiler.needs.texts:
        return compiler.needs
    links = tuple(link for target in reached.values() for link in _links(compiler, target))
    _refuse_circles(links)
    warnings = (replace(problem, severity="warning") for problem in dict.fromkeys(problems))
    return Links(tuple(target.name for target in targets), tuple(reached), links, tuple(warnings))


def _links(compiler: Compiler, target: Target) -> Iterator[Link]:
    """What is written in the spec counts also where the Dockerfile makes no use of it: that is what is built first."""
    built_on = compiler.edges.get(target.name, {})
    for name in dict.fromkeys([*built_on, *written_edges(target)]):
        kind: Kind = "after" if name not in built_on and name in target.after else "image"
        yield Link(target.name, name, kind)


def _refuse_circles(links: Sequence[Link]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for link in links:
        sorter.add(link.user, link.used)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InputError(Diagnostic("target-cycle", f"targets wait for each other in a circle: {circle}")) from None
