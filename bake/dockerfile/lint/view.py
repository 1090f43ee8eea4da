"""A Dockerfile as the lint rules look at it: typed, as it was written, and with what is known outside of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bake.dockerfile.instructions import Dockerfile, Instruction, Stage
from bake.dockerfile.lines import Logical
from bake.dockerfile.parse.scan import scan
from bake.errors import Source, Span

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class BaseFact:
    """What is known of a base image: its platform (`os/arch[/variant]`), and of its config the variables and whether
    it has a shell of its own, and the ONBUILD triggers.
    """

    platform: str
    env: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What rules need beyond the file. What is left at its default is not known, and rules keep silent about it.

    `args`: build arguments; `predefined`: platform ARGs (dockerfile.md §5); `ignore`: patterns of the ignore file;
    `bases`: by the name in FROM, expanded; `contexts`: names of named contexts; `reached`: indices of the stages that
    some target builds.
    """

    args: Mapping[str, str] = field(default_factory=dict)
    predefined: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    bases: Mapping[str, BaseFact] = field(default_factory=dict)
    contexts: frozenset[str] = frozenset()
    reached: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One instruction or FROM line; `keyword` as written, at offset `start` of the logical line.

    `comments` stand right above it; `stage` is -1 before the first FROM. `triggered`: it comes from an ONBUILD of the
    base, so that its place is the FROM line.
    """

    item: Instruction | Stage
    stage: int
    keyword: str
    start: int
    logical: Logical
    comments: tuple[str, ...]
    triggered: bool = False

    @property
    def span(self) -> Span:
        return self.item.span

    @property
    def keyword_span(self) -> Span:
        return self.logical.span(self.start, self._behind)

    @property
    def _behind(self) -> int:
        return self.start + len(self.keyword)

    def words(self) -> list[tuple[str, int]]:
        """The words behind the keyword, each with its offset in the logical line."""
        return [(m[0], m.start()) for m in _WORD.finditer(self.logical.text, self._behind)]

    def find(self, text: str, nth: int = 0) -> Span:
        """Where `text` stands in the instruction, as a word of its own if it does somewhere; the whole instruction when
        it was written in another way. `nth`: of several such places.
        """
        if not text or self.triggered:
            return self.span
        pattern = re.escape(text)
        for form in (rf"(?<![\w./-]){pattern}(?![\w./-])", pattern):
            found = list(re.compile(form).finditer(self.logical.text, self._behind))
            if found:
                place = found[min(nth, len(found) - 1)]
                return self.logical.span(place.start(), place.end())
        return self.span

    def variable(self, name: str) -> Span:
        """The first use of that variable, from its `$` on."""
        return next(self.variables(name))

    def variables(self, name: str) -> Iterator[Span]:
        """Each use of that variable, also in heredocs; then the whole instruction for ever."""
        pattern = re.compile(rf"(?<!\\)\$\{{?{re.escape(name)}(?!\w)")
        for found in pattern.finditer("" if self.triggered else self.logical.text):
            yield self.logical.span(found.start(), found.end())
        source = self.logical.source
        rows = source.text.split("\n")[self.logical.last : self.span.end_line]
        for number, row in enumerate(rows, self.logical.last + 1):
            for found in pattern.finditer(row):
                yield Span(source, number, found.start() + 1, number, found.end() + 1)
        while True:
            yield self.span


@dataclass(frozen=True)
class View:
    """`written` in file order; `triggered`: by stage, what the ONBUILDs of its base add."""

    dockerfile: Dockerfile
    source: Source
    written: tuple[Written, ...]
    outside: Outside
    triggered: Mapping[int, tuple[Written, ...]] = field(default_factory=dict)

    def of(self, *kinds: type[Instruction]) -> Iterator[Written]:
        """The instructions of those kinds."""
        return (w for w in self.written if isinstance(w.item, kinds))

    def stages(self) -> Iterator[tuple[Stage, Written]]:
        """The FROM lines."""
        return ((w.item, w) for w in self.written if isinstance(w.item, Stage))

    def bodies(self) -> Iterator[tuple[Stage, list[Written]]]:
        """Each stage with its instructions, what is triggered first."""
        own: dict[int, list[Written]] = {}
        for at in self.written:
            if not isinstance(at.item, Stage):
                own.setdefault(at.stage, []).append(at)
        for stage, _ in self.stages():
            yield stage, [*self.triggered.get(stage.index, ()), *own.get(stage.index, ())]


def view_of(dockerfile: Dockerfile, outside: Outside) -> View:
    """Reads the text once more, for what the parser does not keep: cases, blank lines, comments."""
    source = dockerfile.stages[0].span.source
    items: list[tuple[int, Instruction | Stage]] = [(-1, arg) for arg in dockerfile.args]
    for stage in dockerfile.stages:
        items.append((stage.index, stage))
        items += [(stage.index, instruction) for instruction in stage.instructions]
    written: list[Written] = []
    last = 0
    for (index, item), raw in zip(items, scan(source).raws, strict=True):
        written.append(Written(item, index, raw.word, raw.start, raw.logical, _above(dockerfile, last, item.span.line)))
        last = item.span.end_line
    return View(dockerfile, source, tuple(written), outside)


def _above(dockerfile: Dockerfile, after: int, before: int) -> tuple[str, ...]:
    """The comments between two instructions; an empty one starts anew, a blank line does not (dockerfile.md §1)."""
    found: list[str] = []
    for number, text in dockerfile.comments:
        if after < number < before:
            found = [*found, text.strip()] if text.strip() else []
    return tuple(found)
