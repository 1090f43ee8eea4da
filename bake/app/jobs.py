"""What a target's image is made into besides layers of the store: pushes, files, loads (`push`, `output`, `--load`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bake.app.attesting import NOTHING, Attest, attest_of
from bake.app.outputs import LOADED, FileOutput, Load, Outlet, annotations_of, checked, outlet
from bake.errors import Diagnostic, InputError
from bake.image.form import Form
from bake.oci.reference import Reference, parse_reference
from bake.registry.publication import Rule
from bake.spec.target import Target

_RULES: Mapping[str, Rule] = {"if-changed": "if-changed", "if-missing": "if-missing"}


@dataclass(frozen=True)
class Job:
    """One target in one form: the references it is pushed as, the repositories it is pushed to without a tag, the
    files it is written to, the engines it is loaded into. `names` are what files and engines call it.
    """

    target: str
    form: Form
    tags: tuple[Reference, ...] = ()
    repositories: tuple[str, ...] = ()
    files: tuple[FileOutput, ...] = ()
    loads: tuple[Load, ...] = ()
    names: tuple[Reference, ...] = ()
    unpack: bool = False
    rule: Rule = "always"
    immutable: tuple[str, ...] = ()
    """Patterns of tags that must not move."""
    attest: Attest = NOTHING

    @property
    def pushes(self) -> bool:
        return bool(self.tags or self.repositories)

    @property
    def plain(self) -> bool:
        """Whether only plain files are asked for, so that no layer need be packed."""
        files_only = not (self.pushes or self.loads or self.attest or self.unpack)
        return files_only and all(file.kind in ("local", "tar") for file in self.files)


def jobs_of(target: Target, push: bool, load: bool = False) -> tuple[Job, ...]:
    """One job a form that is asked for, those that push first; none when the image just stays in the store.

    Raises InputError for an output that cannot be written, with its place.
    """
    outlets = [outlet(target, number) for number in range(len(target.output))]
    outlets = _pushed(target, outlets, push)
    if load and not any(each.load for each in outlets):
        outlets.append(Outlet(LOADED, _tags(target), load=Load()))
    attest = attest_of(target)
    jobs: dict[tuple[Form, tuple[Reference, ...]], Job] = {}
    for each in outlets:
        key = each.form, each.names
        job = jobs.get(key, replace(_job(target, each), attest=NOTHING if each.form == LOADED else attest))
        jobs[key] = _with(job, each)
    wanted = [job for job in jobs.values() if job.pushes or job.files or job.loads or job.unpack]
    return tuple(sorted(wanted, key=lambda job: not job.pushes))


def _job(target: Target, each: Outlet) -> Job:
    rule = _RULES.get(target.push, "always")
    return Job(target.name, each.form, names=each.names, rule=rule, immutable=target.immutable_tags)


def _pushed(target: Target, outlets: Sequence[Outlet], push: bool) -> list[Outlet]:
    """With `push` where `--push` or the key `push` says so; an image that no output describes gets one of its own."""
    if target.push == "never":
        return [replace(each, push=False) for each in outlets]
    if not push and target.push != "always":
        return list(outlets)
    found = [replace(each, push=each.push or each.image) for each in outlets]
    if not any(each.push for each in found):
        found.append(Outlet(checked(target, Form(annotations=annotations_of(target))), _tags(target), push=True))
    return found


def _with(job: Job, each: Outlet) -> Job:
    tags = each.names if each.push and not each.by_digest else ()
    bare = tuple(name.repository for name in each.names) if each.push and each.by_digest else ()
    return replace(
        job,
        tags=tuple(dict.fromkeys((*job.tags, *tags))),
        repositories=tuple(dict.fromkeys((*job.repositories, *bare))),
        files=(*job.files, each.file) if each.file else job.files,
        loads=(*job.loads, each.load) if each.load else job.loads,
        unpack=job.unpack or each.unpack,
    )


def _tags(target: Target) -> tuple[Reference, ...]:
    return tuple(parse_reference(tag).with_default_tag() for tag in target.tags)


def output_findings(target: Target) -> list[Diagnostic]:
    """What is wrong with the outputs of a target, for `bake check`."""
    found: list[Diagnostic] = []
    checks: list[Callable[[], object]] = [partial(outlet, target, number) for number in range(len(target.output))]
    checks.append(partial(attest_of, target))
    for check in checks:
        try:
            check()
        except InputError as error:
            found += (diagnostic for diagnostic in error.diagnostics if diagnostic not in found)
    return found


def check_files(
    jobs: Mapping[str, Iterable[Job]], targets: Mapping[str, Target], stdout: str, kept: Iterable[Path]
) -> None:
    """Raises InputError for what must not be written. `stdout` says why nothing can be written there, "" when it can.

    `kept`: directories that `mode = "delete"` must never empty, besides that of the spec.

    That no two targets write one file is held by `spec.conflicts`.
    """
    for name, file in ((name, file) for name, rows in jobs.items() for job in rows for file in job.files):
        _check_delete(file, targets[name], kept)
        if file.dest is None and stdout:
            message = f"'{name}' cannot be written to standard output: {stdout}"
            raise InputError(Diagnostic("bad-output", message, targets[name].span("output"), "name a file"))


def _check_delete(file: FileOutput, target: Target, kept: Iterable[Path]) -> None:
    """A slip in `dest` must cost neither the sources nor what else is precious."""
    if not file.delete or file.dest is None:
        return
    dest = file.dest.resolve()
    for precious in (Path(target.root), *kept):
        if dest == precious.resolve() or dest in precious.resolve().parents:
            message = f'mode = "delete" would empty {file.dest}, which holds {precious}'
            raise InputError(Diagnostic("bad-output", message, target.span("output"), "take a directory of its own"))
