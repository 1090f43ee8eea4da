"""A target whose text is for a front end of somebody else, lowered: one opaque step that makes the whole image.

Its options are those that other clients of BuildKit give (`filename`, `target`, `build-arg:NAME`, `context:NAME`, …).
What it reads is up to it, so all of a context counts; what it fetches itself is named by digest as far as it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from posixpath import basename
from typing import TYPE_CHECKING

import msgspec

from bake.dockerfile.frontend import ForeignFrontend
from bake.errors import Diagnostic, InputError, Span
from bake.oci.model import ImageConfig, RunConfig, encode
from bake.oci.platform import Platform
from bake.oci.reference import Reference, parse_reference
from bake.plan import epoch
from bake.plan.bases import ContextSpec, context_name, parse_context
from bake.plan.contexts import main_context, named_directory
from bake.plan.facts import ImageFact, ImageQuery
from bake.plan.lower.stage import Lowered, env_of
from bake.plan.origin import Origin
from bake.plan.outcome import HistoryLine, LayerRef
from bake.plan.remote import FILE, Open, ask_git, git_of, url_fact
from bake.plan.step import CopyAction, FrontendInput, FrontendOp, GitOp, HttpOp, LocalOp, StepId
from bake.spec.target import Target

if TYPE_CHECKING:
    from bake.plan.compile import Compiler

STAGE = "frontend"
_WHOLE = CopyAction(0, "/", "/")


def lower_frontend(compiler: Compiler, target: Target, platform: Platform, foreign: ForeignFrontend) -> Lowered:
    """The target's image, whose config and layers are not known yet. Raises Open, InputError."""
    return _Lowering(compiler, target, platform, foreign).lowered()


def with_config(lowered: Lowered, config: ImageConfig) -> Lowered:
    """The same when it is known what the front end says of its image; what overrides that stays."""
    known = overridden(config, lowered.config)
    return Lowered(
        lowered.step, lowered.platform, known, env_of(known.config), {}, {}, lowered.layers, lowered.history,
        known.config.on_build or (), lowered.epoch, lowered.opaque,
    )  # fmt: skip


def overridden(config: ImageConfig, ours: ImageConfig) -> ImageConfig:
    """A front end's config with the labels and the platform that ours has; without times, layers and history."""
    labels = {**(config.config.labels or {}), **(ours.config.labels or {})}
    run = msgspec.structs.replace(config.config, labels=labels or None)
    return msgspec.structs.replace(
        config, os=ours.os, architecture=ours.architecture, variant=ours.variant, config=run, created=None, history=(),
        rootfs=msgspec.structs.replace(config.rootfs, diff_ids=()),
    )  # fmt: skip


@dataclass
class _Lowering:
    """`inputs` and `given` are pairs; `options` grow while contexts are met."""

    compiler: Compiler
    target: Target
    platform: Platform
    foreign: ForeignFrontend
    inputs: list[StepId] = field(default_factory=list)
    given: list[FrontendInput] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    def lowered(self) -> Lowered:
        target, graph, frontend = self.target, self.compiler.graph, self.foreign.frontend
        build_args = {**self.compiler.args, **target.args}
        self.options |= _options(target, self.platform, build_args, self.pull)
        self.options["cmdline"] = frontend.syntax
        if self.compiler.no_cache:
            self.options["no-cache"] = ""
        reference = self._reference(frontend.image, frontend.span)
        runs_on = self.compiler.build_platform_of(self.platform)
        image = partial(self._image, reference, runs_on, frontend.span)
        fact = self._all(image, [self._main, *(partial(self._context, name) for name in target.contexts)])
        op = FrontendOp(
            str(reference), fact.digest, str(runs_on), frontend.source.text, tuple(sorted(self.options.items())),
            tuple(self.given),
            tuple(sorted(str(row["id"]) for row in target.secret if "id" in row)),
            tuple(sorted(str(row.get("id", "default")) for row in target.ssh)), _entitlements(target),
        )  # fmt: skip
        uncached = target.no_cache or self.compiler.no_cache
        step = graph.add(op, tuple(self.inputs), str(self.platform), uncached=uncached)
        shown = f"# syntax={frontend.syntax}"
        graph.stands_for(step, Origin(target.name, str(self.platform), STAGE, 1, shown, frontend.span))
        span = target.span(f"args.{epoch.NAME}")
        empty = ImageConfig(
            architecture=self.platform.arch, os=self.platform.os, variant=self.platform.variant, config=RunConfig()
        )
        return Lowered(
            step, self.platform, empty, {}, {}, {}, (LayerRef(step),), (HistoryLine("", step),),
            epoch=epoch.epoch_of(build_args.get(epoch.NAME, ""), span), opaque=step,
        )  # fmt: skip

    @property
    def pull(self) -> bool:
        return self.target.pull or self.compiler.pull

    def _all(self, image: Callable[[], ImageFact], contexts: list[Callable[[], None]]) -> ImageFact:
        """The front end's own image; all is asked, so that one round of answers is enough. Raises Open."""
        waiting = False
        for context in contexts:
            try:
                context()
            except Open:
                waiting = True
        found = image()
        if waiting:
            raise Open
        return found

    def _reference(self, name: str, span: Span | None) -> Reference:
        try:
            return parse_reference(name).with_default_tag()
        except ValueError as error:
            hint = "[REGISTRY/]NAME[:TAG][@DIGEST], in lower case"
            raise InputError(Diagnostic("bad-reference", str(error), span, hint)) from None

    def _image(self, reference: Reference, platform: Platform, span: Span | None) -> ImageFact:
        query = ImageQuery(str(reference), str(platform), self.pull, span)
        fact = self.compiler.facts.images.get(query)
        if fact is None:
            self.compiler.needs.images.setdefault(query)
            raise Open
        return fact

    def _main(self) -> None:
        """A git context is checked out here, as for other targets; one from the web is fetched by the front end."""
        keep = self.target.args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "") not in ("", "0", "false")
        step = main_context(self.compiler, self.target, self.pull, keep).step()
        if isinstance(self.compiler.graph.steps[step].op, LocalOp | GitOp):
            self._local("", step)
            return
        self.options |= {"context": self.target.context, "filename": self.target.dockerfile}
        self._remote("", self.target.context)

    def _context(self, name: str) -> None:
        span = self.target.span(f"contexts.{name}")
        spec = parse_context(name, self.target.contexts[name], span)
        key, option = context_name(name), f"context:{context_name(name)}"
        match spec.kind:
            case "directory":
                self._local(key, named_directory(self.compiler, self.target, spec.value))
            case "git":
                self._local(key, self.compiler.graph.add(git_of(spec, span)))
            case "target":
                self._target(key, spec)
            case "image":
                reference = self._reference(spec.value, span)
                fact = self._image(reference, self.platform, span)
                self.options[option] = f"docker-image://{reference.repository}@{fact.digest}"
            case "scratch":
                self.options[option] = "docker-image://scratch"
            case "http":
                self.options[option] = spec.value
                self._remote(key, spec.value)
            case "layout":
                message = f"the context '{name}' is an OCI layout, which cannot be given to a front end"
                hint = "push it, and name it as docker-image://…; or build on it in a target of its own: target:NAME"
                raise InputError(Diagnostic("unsupported-context", message, span, hint))

    def _target(self, key: str, spec: ContextSpec) -> None:
        other = self.compiler.finished(self.compiler.sibling(self.target, spec.value, self.platform))
        self.options[f"context:{key}"] = f"input:{key}"
        self._add(FrontendInput(key, "state", encode(other.config).decode()), other.step)

    def _local(self, key: str, step: StepId) -> None:
        """A directory of this host, or of a checkout: all of it is read."""
        if key:
            self.options[f"context:{key}"] = f"local:{key}"
        op = self.compiler.graph.steps[step].op
        if isinstance(op, LocalOp) and op not in self.compiler.facts.trees:
            self.compiler.needs.trees.setdefault(op, {})[_WHOLE] = None
        if isinstance(op, GitOp) and op not in self.compiler.facts.gits:
            ask_git(self.compiler, op, self.pull)
        self._add(FrontendInput(key, "local"), step)

    def _remote(self, key: str, url: str) -> None:
        op = HttpOp(url, FILE)
        url_fact(self.compiler, op, self.pull)
        self._add(FrontendInput(key, "remote"), self.compiler.graph.add(op))

    def _add(self, given: FrontendInput, step: StepId) -> None:
        self.given.append(given)
        self.inputs.append(step)


def _options(target: Target, platform: Platform, build_args: dict[str, str], pull: bool) -> dict[str, str]:
    """What does not depend on contexts."""
    inline = target.dockerfile_inline is not None
    found = {"platform": str(platform), "filename": "Dockerfile" if inline else basename(target.dockerfile)}
    found |= {f"build-arg:{name}": value for name, value in build_args.items()}
    found |= {f"label:{name}": value for name, value in target.labels.items()}
    if target.target:
        found["target"] = target.target
    if target.no_cache or target.no_cache_filter:
        found["no-cache"] = "" if target.no_cache else ",".join(target.no_cache_filter)
    if pull:
        found["image-resolve-mode"] = "pull"
    if target.network in ("none", "host"):
        found["force-network-mode"] = target.network
    if target.extra_hosts:
        found["add-hosts"] = ",".join(f"{host}={address}" for host, address in sorted(target.extra_hosts.items()))
    if target.shm_size:
        found["shm-size"] = str(target.shm_size)
    if target.ulimits:
        found["ulimit"] = ",".join(target.ulimits)
    return found


def _entitlements(target: Target) -> tuple[str, ...]:
    """What its steps may ask for; `network = "host"` of a target allows that as well."""
    host = ["network.host"] if target.network == "host" else []
    return tuple(sorted({*host, *(e for e in target.entitlements if e in ("network.host", "security.insecure"))}))
