"""One entry of `output`: checked, and turned into where an image goes and in which form (docs/outputs.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bake.errors import Diagnostic, InputError, Span
from bake.image.annotations import Annotation, foreign, parse_annotation, parse_option
from bake.image.form import Compression, Form
from bake.oci.platform import parse_platform
from bake.oci.reference import Reference, parse_reference
from bake.plan.epoch import epoch_of
from bake.spec.target import Table, Target

STDOUT = "-"
_REFUSED: Mapping[str, tuple[object, str, str]] = {
    "name-canonical": (True, "images have no further name here", "the report tells the digest of what was pushed"),
    "prefer-image-digest": (True, "the report always tells both digests", "read `digest` or `platforms` of the report"),
    "store": (False, "what is built stays in the store", "bake cache prune removes what is not used"),
}
"""Option → (the value that asks for something, why it cannot be had, what to do)."""
LOADED = Form(compression=Compression(force=True))
"""The form for engines: what each reads, whatever base images are compressed with. Statements have no place in it."""
_LEVELS = {"gzip": (0, 9), "zstd": (1, 22), "none": (0, 0)}


@dataclass(frozen=True)
class FileOutput:
    """An image as files. `dest` None is stdout; without `tar` an `oci` or `docker` output is a directory.

    `split`: one directory a platform; `delete`: what was not written is removed from the directory.
    """

    kind: str
    dest: Path | None
    tar: bool = True
    split: bool | None = None
    delete: bool = False


@dataclass(frozen=True)
class Load:
    """Into an engine of this host: `docker` (of the docker context `context`, if one is named) or `podman`."""

    engine: str = ""
    context: str = ""


@dataclass(frozen=True)
class Outlet:
    """Where one output sends the image: at most one of `file`, `load`, `push`."""

    form: Form
    names: tuple[Reference, ...]
    push: bool = False
    by_digest: bool = False
    unpack: bool = False
    file: FileOutput | None = None
    load: Load | None = None
    image: bool = False
    """Whether `--push` publishes it in this form."""


def outlet(target: Target, number: int) -> Outlet:
    """The `number`-th output of a target. Raises InputError for what cannot be done, with its place."""
    row, span = target.output[number], target.span(f"output[{number}]")
    _check(row, span)
    kind = str(row["type"])
    form, names = _form(target, row, span), _names(target, row, span)
    if kind in ("image", "registry"):
        push = kind == "registry" or flag(row, "push")
        by_digest = flag(row, "push-by-digest")
        if by_digest and not names:
            _refuse("no-tags", "`push-by-digest` needs a repository", span, 'name = "localhost:5000/app"')
        return Outlet(form, names, push, by_digest, flag(row, "unpack"), image=True)
    if kind == "docker" and not row.get("dest"):
        return Outlet(LOADED, names, load=Load("docker" if row.get("context") else "", str(row.get("context", ""))))
    return Outlet(form, names, file=_file(target, kind, row, span))


def annotations_of(target: Target) -> tuple[Annotation, ...]:
    """Those of the key `annotations`, which all outputs get. Raises InputError."""
    found: list[Annotation] = []
    for written, value in target.annotations.items():
        try:
            found += parse_annotation(written, value)
        except ValueError as error:
            span = target.span(f"annotations.{written}") or target.span("annotations")
            raise InputError(Diagnostic("bad-annotation", str(error), span)) from None
    return tuple(found)


def checked(target: Target, form: Form) -> Form:
    """The form. Raises InputError for annotations that have no place in this target's image."""
    platforms = {parse_platform(name) for name in target.platforms if name != "local"}
    odd = foreign(form.annotations, platforms) if platforms and "local" not in target.platforms else None
    span = target.span("annotations") or target.span("output")
    if odd is not None:
        message = f"annotation '{odd.key}' is for {odd.platform}, which is not built"
        _refuse("bad-annotation", message, span, "add it to `platforms`")
    if len(target.platforms) < 2 and not attests(target):
        lost = next((row for row in form.annotations if row.level.startswith("index")), None)
        if lost is not None:
            message = f"annotation '{lost.key}' is for the {lost.level}; one platform without attestations has none"
            _refuse("bad-annotation", message, span, "use `manifest:`")
    return form


def insecure_hosts(targets: Iterable[Target]) -> set[str]:
    """Registries that the targets' outputs and caches allow to be reached without TLS (`registry.insecure`)."""
    found: set[str] = set()
    for target in targets:
        for row in (*target.output, *target.cache_from, *target.cache_to):
            if flag(row, "registry.insecure"):
                named = [str(row[name]) for name in ("name", "ref") if row.get(name)]
                texts = ",".join(named or target.tags).split(",")
                found |= {parse_reference(text.strip()).domain for text in texts if text.strip()}
    return found


def attests(target: Target) -> bool:
    """Whether any statement is published with the image."""
    return any(not flag(row, "disabled") for row in target.attest)


def flag(row: Table, name: str, default: bool = False) -> bool:
    """A switch of an entry, however it was written."""
    value = row.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1")


def _refuse(code: str, message: str, span: Span | None, hint: str | None = None) -> NoReturn:
    raise InputError(Diagnostic(code, message, span, hint))


def _check(row: Table, span: Span | None) -> None:
    for name, (asks, why, hint) in _REFUSED.items():
        if name in row and flag(row, name) is asks:
            _refuse("unsupported-output", f"`{name}` of an output: {why}", span, hint)
    if row.get("dangling-name-prefix"):
        _refuse("unsupported-output", "`dangling-name-prefix` of an output: images without names get none", span)


def _form(target: Target, row: Table, span: Span | None) -> Form:
    docker = row.get("media-types") == "docker" or not flag(row, "oci-mediatypes", True)
    own = _own_annotations(row, span)
    source_date = str(row["source-date-epoch"]) if "source-date-epoch" in row else None
    epoch_of(source_date or "", span)
    form = Form(
        docker,
        _compression(row, span),
        (*annotations_of(target), *own),
        flag(row, "oci-artifact", not docker),
        source_date,
        flag(row, "rewrite-timestamp", True),
    )
    if docker and form.compression.kind == "zstd":
        _refuse("bad-output", "Docker's media types have none for zstd layers", span, 'use media-types = "oci"')
    if docker and attests(target):
        _refuse("bad-output", "Docker's manifests take no attestations", span, 'use media-types = "oci"')
    if docker and form.artifacts:
        _refuse("bad-output", "`oci-artifact` needs OCI media types", span, 'use media-types = "oci"')
    if docker and any(row.level != "manifest" for row in form.annotations):
        message = "Docker's manifests take no annotations of an index or a descriptor"
        _refuse("bad-output", message, span, 'use media-types = "oci"')
    return checked(target, form)


def _own_annotations(row: Table, span: Span | None) -> list[Annotation]:
    try:
        made = (parse_option(name, str(value)) for name, value in row.items())
        return [annotation for annotation in made if annotation is not None]
    except ValueError as error:
        _refuse("bad-annotation", str(error), span)


def _compression(row: Table, span: Span | None) -> Compression:
    name = str(row.get("compression", "gzip"))
    if name == "estargz":
        _refuse("unsupported-output", "compression 'estargz' is not known here", span, "use gzip or zstd")
    kind = "none" if name in ("none", "uncompressed") else name
    level = row.get("compression-level")
    if level is None:
        return Compression(kind, None, flag(row, "force-compression"))
    least, most = _LEVELS[kind]
    if not least <= int(str(level)) <= most:
        _refuse("bad-output", f"compression-level {level}: {name} has levels {least} to {most}", span)
    return Compression(kind, int(str(level)), flag(row, "force-compression"))


def _names(target: Target, row: Table, span: Span | None) -> tuple[Reference, ...]:
    texts = [name.strip() for name in str(row["name"]).split(",")] if row.get("name") else list(target.tags)
    try:
        return tuple(parse_reference(text).with_default_tag() for text in texts if text)
    except ValueError as error:
        _refuse("bad-reference", str(error), span)


def _file(target: Target, kind: str, row: Table, span: Span | None) -> FileOutput | None:
    if kind == "cacheonly":
        return None
    if kind == "docker" and len(target.platforms) > 1:
        message = "an output of type docker holds one platform"
        _refuse("several-platforms", message, span, 'use type = "oci", or build one platform')
    dest = str(row.get("dest") or "")
    tar = kind == "tar" or (kind in ("oci", "docker") and flag(row, "tar", True))
    if not dest or (dest == STDOUT and not tar):
        what = "file to write" if tar else "directory to write to"
        message = f"output of type '{kind}' needs `dest`, the {what}"
        _refuse("no-dest", message, span, f'dest = "{"image.tar" if tar else "out"}"')
    path = None if dest == STDOUT else Path(target.root, dest).expanduser()
    split = flag(row, "platform-split") if "platform-split" in row else None
    return FileOutput(kind, path, tar, split, row.get("mode") == "delete")
