"""COPY and ADD (reference/dockerfile.md §8)."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from bake.dockerfile.forms import place_of, word_hint
from bake.dockerfile.instructions import Add, Copy, Heredoc, Transfer
from bake.dockerfile.paths import clean
from bake.errors import Diagnostic, InputError, Span
from bake.oci.digest import is_digest
from bake.plan.git_url import is_git_url, parse_git_url
from bake.plan.lower.owners import check_owner
from bake.plan.lower.stage import StageBuilder
from bake.plan.origin import Word
from bake.plan.select import check_patterns
from bake.plan.step import CopyAction, CopyOp, GitOp, HttpOp, MergeOp, ScratchOp, StepId, WriteOp, WrittenFile
from bake.words import WordError, expand_heredoc

_CHECKSUM = "ADD --checksum=sha256:… URL DESTINATION, one source at a time"


class _Inputs:
    """The inputs of a copy step; equal sources share one number. Input 0 is what is copied into."""

    def __init__(self, into: StepId) -> None:
        self.steps = [into]

    def number(self, step: StepId) -> int:
        if step not in self.steps[1:]:
            self.steps.append(step)
        return self.steps.index(step, 1)


def lower_copy(stage: StageBuilder, instruction: Copy) -> None:
    span = instruction.span
    if instruction.from_ is None:
        source = stage.world.context() if instruction.sources else None
    else:
        source = stage.world.source(instruction.from_, stage, span, True)
    sources = [(stage.word(text, span), source) for text in instruction.sources]
    for written, (text, _) in zip(instruction.sources, sources, strict=True):
        if is_remote(text):
            kind = "git ref" if is_git_url(text) else "URL"
            message = f"source can't be a {kind} for COPY"
            raise InputError(Diagnostic("copy-remote", message, place_of(span, written), "use ADD"))
    _lower(stage, instruction, sources, parents=instruction.parents, unpack=False)


def lower_add(stage: StageBuilder, instruction: Add) -> None:
    span = instruction.span
    texts = [stage.word(text, span) for text in instruction.sources]
    checksum = stage.word(instruction.checksum, span) if instruction.checksum else ""
    remote = [text for text in texts if is_remote(text)]
    if checksum and len(texts) != 1:
        raise _bad_checksum("checksum can't be specified for multiple sources", instruction)
    if checksum and not remote:
        raise _bad_checksum("checksum requires HTTP(S) or Git sources", instruction)
    sources: list[tuple[str, StepId | None]] = []
    for text in texts:
        if not is_remote(text):
            sources.append((text, stage.world.context()))
            continue
        op = remote_op(text, instruction, checksum)
        step = stage.world.graph.add(op)
        sources.append((f"/{op.name}" if isinstance(op, HttpOp) else "/", step))
    unpack = instruction.unpack if instruction.unpack is not None else not remote
    _lower(stage, instruction, sources, parents=False, unpack=unpack, shown=texts)


def remote_op(text: str, instruction: Add, checksum: str) -> GitOp | HttpOp:
    """What an ADD of a URL fetches. Raises InputError."""
    return _git(text, instruction, checksum) if is_git_url(text) else _http(text, checksum, instruction)


def is_remote(text: str) -> bool:
    """Whether a source of ADD is fetched from elsewhere."""
    return text.startswith(("http://", "https://")) or is_git_url(text)


def _http(url: str, checksum: str, instruction: Add) -> HttpOp:
    if checksum and not is_digest(checksum) and checksum.partition(":")[0] in ("sha256", checksum):
        message = f"invalid checksum {checksum}: it is no sha256: and 64 hexadecimal digits"
        raise _bad_checksum(message, instruction)
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return HttpOp(url, name if name not in ("", ".", "..") and "/" not in name else "__unnamed__", checksum)


def _git(url: str, instruction: Add, checksum: str) -> GitOp:
    try:
        return parse_git_url(url, instruction.keep_git_dir, checksum)
    except ValueError as error:
        place = place_of(instruction.span, url, *instruction.sources)
        raise InputError(Diagnostic("bad-git-url", f"{url}: {error}", place)) from None


def _bad_checksum(message: str, instruction: Add) -> InputError:
    place = place_of(instruction.span, f"--checksum={instruction.checksum}")
    return InputError(Diagnostic("bad-checksum", message, place, _CHECKSUM))


def _lower(
    stage: StageBuilder,
    instruction: Transfer,
    sources: list[tuple[str, StepId | None]],
    *,
    parents: bool,
    unpack: bool,
    shown: list[str] | None = None,
) -> None:
    span = instruction.span
    dest = stage.word(instruction.dest, span)
    owner = stage.word(instruction.chown, span) if instruction.chown else ""
    mode = stage.word(instruction.chmod, span) if instruction.chmod else ""
    _check_mode(mode, instruction)
    link = instruction.link and not mode
    check_owner(stage, owner, place_of(span, f"--chown={instruction.chown}"), link)
    graph = stage.world.graph
    inputs = _Inputs(graph.add(ScratchOp()) if link else stage.step)
    actions = [
        CopyAction(
            inputs.number(step), _clean(path, parents), _absolute(stage, dest), owner, mode,
            instruction.exclude, parents, unpack,
        )
        for path, step in sources
        if step is not None
    ]  # fmt: skip
    places = [place_of(span, written) for written in instruction.sources]
    for action, place in zip(actions, places, strict=False):
        _check_patterns(action, instruction, place)
        stage.world.reads(inputs.steps[action.input], action, place)
    words = _words(instruction, [action.source for action in actions], places)
    if instruction.heredocs:
        files = graph.add(WriteOp(tuple(_written(stage, heredoc, instruction) for heredoc in instruction.heredocs)))
        number = inputs.number(files)
        actions += [CopyAction(number, f"/{h.name}", _absolute(stage, dest), owner, mode) for h in instruction.heredocs]
    keyword = "COPY" if isinstance(instruction, Copy) else "ADD"
    created_by = _created_by(keyword, parents, owner, mode, shown or [path for path, _ in sources], instruction, dest)
    op = CopyOp(tuple(actions))
    label = _label(keyword, instruction)
    if not link:
        stage.layer(op, tuple(inputs.steps), instruction, label, created_by, words=words)
        return
    made = graph.add(op, tuple(inputs.steps), str(stage.platform), uncached=stage.uncached)
    stage.layer(MergeOp(), (stage.step, made), instruction, label, created_by, worker=made, words=words)


def _words(instruction: Transfer, paths: list[str], places: list[Span]) -> tuple[Word, ...]:
    """What the step may fail over. `paths`: of its sources, each with the place where it is written."""
    span = instruction.span
    written = [(f"/{h.name}", place_of(span, f"<<{h.name}", f"<<-{h.name}")) for h in instruction.heredocs]
    sources = [(path.replace("/./", "/"), place) for path, place in zip(paths, places, strict=False)]
    return (
        *(Word("source", f'"{path}"', place) for path, place in [*sources, *written]),
        Word("destination", "", place_of(span, instruction.dest)),
        *([Word("owner", "", place_of(span, f"--chown={instruction.chown}"))] if instruction.chown else ()),
    )


def _check_patterns(action: CopyAction, instruction: Transfer, source: Span) -> None:
    try:
        check_patterns(action)
    except ValueError as error:
        excluded = [f"--exclude={pattern}" for pattern in instruction.exclude if pattern in str(error)]
        place = place_of(instruction.span, *excluded) if excluded else source
        raise InputError(Diagnostic("bad-pattern", str(error), place, "escape it with a backslash")) from None


def _check_mode(mode: str, instruction: Transfer) -> None:
    from bake.dockerfile.mode import parse_mode

    if not mode:
        return
    try:
        parse_mode(mode)
    except ValueError as error:
        hint = "use an octal number such as 644, or a form such as u=rwX,go=rX"
        place = place_of(instruction.span, f"--chmod={instruction.chmod}")
        raise InputError(Diagnostic("bad-chmod", str(error), place, hint)) from None


def _clean(path: str, parents: bool) -> str:
    """Absolute and without `..`; the pivot `/./` of `--parents` stays."""
    if parents and "/./" in path:
        base, _, rest = path.partition("/./")
        return f"{clean('/' + base).rstrip('/')}/./{clean('/' + rest).lstrip('/')}"
    return clean("/" + path.lstrip("/"))


def _absolute(stage: StageBuilder, dest: str) -> str:
    """The destination from the root; a trailing `/` or `/.` is kept as `/`."""
    slash = dest.endswith("/") or dest.rpartition("/")[2] == "."
    path = clean(dest if dest.startswith("/") else f"{stage.workdir}/{dest}")
    return path if path == "/" or not slash else path + "/"


def _written(stage: StageBuilder, heredoc: Heredoc, instruction: Transfer) -> WrittenFile:
    body = re.sub(r"(?m)^\t+", "", heredoc.body) if heredoc.chomp else heredoc.body
    if not heredoc.expand:
        return WrittenFile(f"/{heredoc.name}", body)
    try:
        return WrittenFile(f"/{heredoc.name}", expand_heredoc(body, stage.scope).text)
    except WordError as error:
        message = f"heredoc {heredoc.name}: {error}"
        place = _within(instruction.span, heredoc, body, error.offset)
        raise InputError(Diagnostic("bad-substitution", message, place, word_hint(message))) from None


def _within(span: Span, heredoc: Heredoc, body: str, offset: int) -> Span:
    """The rest of the line from an offset of a body on, else, where the file has no such line, the heredoc's word."""
    start = body.rfind("\n", 0, offset) + 1
    wanted = body[start:].partition("\n")[0]
    for number in range(span.line, span.end_line + 1):
        row = span.source.text.split("\n")[number - 1]
        if row.endswith(wanted) and not row.removesuffix(wanted).strip("\t"):
            column = len(row) - len(wanted) + offset - start + 1
            return Span(span.source, number, column, number, len(row) + 1)
    return place_of(span, f"<<{heredoc.name}", f"<<-{heredoc.name}")


def _created_by(
    keyword: str, parents: bool, owner: str, mode: str, sources: list[str], instruction: Transfer, dest: str
) -> str:
    flags = [*(["--parents"] if parents else []), *([f"--chown={owner}"] if owner else [])]
    flags += [f"--chmod={mode}"] if mode else []
    words = [keyword, *flags, *sources, *(f"<<{h.name}" for h in instruction.heredocs), dest, "# buildkit"]
    return " ".join(words)


def _label(keyword: str, instruction: Transfer) -> str:
    flags = f"--from={instruction.from_} " if isinstance(instruction, Copy) and instruction.from_ is not None else ""
    words = [*instruction.sources, *(f"<<{h.name}" for h in instruction.heredocs), instruction.dest]
    return f"{keyword} {flags}{' '.join(words)}"
