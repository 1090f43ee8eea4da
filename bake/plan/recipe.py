"""One target for one platform: its Dockerfile's stages lowered on demand, from the final one down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from posixpath import relpath
from typing import TYPE_CHECKING

from bake.dockerfile.directives import SYNTAX_ARG
from bake.dockerfile.forms import place_of, word_hint
from bake.dockerfile.frontend import check_frontend
from bake.dockerfile.ignore import parse_patterns
from bake.dockerfile.instructions import Dockerfile, Stage
from bake.dockerfile.parse import parse, parse_instruction
from bake.errors import Diagnostic, InputError, Source, Span
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import parse_reference
from bake.plan import epoch
from bake.plan.bases import context_name, from_image, parse_context, scratch
from bake.plan.facts import ImageQuery, join
from bake.plan.lower import lower
from bake.plan.lower.stage import Lowered, StageBuilder
from bake.plan.stages import find_target, reachable, source_stage, stage_named
from bake.plan.step import Ambient, CopyAction, GitOp, HttpOp, LocalOp, StepId
from bake.spec.target import Target
from bake.words import WordError, expand

if TYPE_CHECKING:
    from bake.plan.compile import Compiler

_HEAD = 2000
"""Characters of a Dockerfile; directives are its first lines."""
_DEFAULT = "give its ARG, above the first FROM, a default, or a value in `args` of the target"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


class Open(Exception):
    """Lowering stopped at a question of `Needs` that has no answer yet."""


class Recipe:
    """The World that the instructions of one target see."""

    def __init__(self, compiler: Compiler, target: Target, platform: Platform) -> None:
        self.compiler = compiler
        self.graph = compiler.graph
        self.target = target
        self.platform = platform
        self.build_args = {**compiler.args, **target.args}
        self.root = join(target.root, target.context)
        self.contexts = {
            context_name(name): parse_context(name, value, target.span(f"contexts.{name}"))
            for name, value in target.contexts.items()
        }
        self.dockerfile = self._dockerfile()
        self.escape = self.dockerfile.escape
        self.ambient = _ambient(self.dockerfile, target)
        self.global_scope = self._global_scope()
        self.epoch = self._epoch()
        self._results: dict[int, Lowered] = {}
        self._under_way: list[int] = []

    def build(self) -> Lowered:
        final = find_target(self.dockerfile, self.target.target, self.target.span("target"))
        try:
            return replace(self.stage(final), epoch=self.epoch)
        except Open:
            self._ask_for_all(final)
            raise

    def _ask_for_all(self, final: Stage) -> None:
        """Asks for the bases of all stages that the build reaches, so that one round of answers is enough."""
        self._under_way.clear()
        bases = {stage.index: self._global(stage.base, stage.span) for stage in self.dockerfile.stages}
        for stage in reachable(self.dockerfile, final, bases, frozenset(self.contexts)):
            if stage_named(self.dockerfile, bases[stage.index], stage.index) is None:
                with suppress(Open):
                    self._base(stage)

    def stage(self, stage: Stage) -> Lowered:
        """The finished stage; each is lowered once."""
        if stage.index in self._results:
            return self._results[stage.index]
        if stage.index in self._under_way:
            message = f"circular dependency detected on stage: {stage.name or stage.index}"
            raise InputError(Diagnostic("stage-cycle", message, stage.span))
        self._under_way.append(stage.index)
        result = self._lower(stage)
        self._under_way.pop()
        self._results[stage.index] = result
        return result

    def _lower(self, stage: Stage) -> Lowered:
        replaced = self.contexts.get(context_name(stage.name)) if stage.name else None
        if replaced is not None:
            return self._named(stage.name, self.platform, stage.span)
        base = self._base(stage)
        builder = StageBuilder(self, base, stage.index, stage.name, self._uncached(stage))
        triggers = base.onbuild
        builder.onbuild = []
        errors: list[Diagnostic] = []
        instructions = [parse_instruction(text, stage.span) for text in triggers]
        for instruction in [*instructions, *stage.instructions]:
            try:
                lower(builder, instruction)
            except InputError as error:
                errors += error.diagnostics
        if errors:
            raise InputError(errors)
        return builder.finish()

    def _uncached(self, stage: Stage) -> bool:
        names = {name.lower() for name in self.target.no_cache_filter}
        return self.target.no_cache or self.compiler.no_cache or (bool(stage.name) and stage.name in names)

    def _base(self, stage: Stage) -> Lowered:
        name = self._global(stage.base, stage.span)
        if not name:
            message = f"base name ({stage.base}) should not be blank"
            raise InputError(Diagnostic("blank-base", message, place_of(stage.span, stage.base), _DEFAULT))
        platform = self._stage_platform(stage)
        earlier = stage_named(self.dockerfile, name, stage.index)
        if earlier is not None:
            return self.stage(earlier)
        if name == "scratch":
            return scratch(self.graph, platform)
        return self._named(name, platform, stage.span)

    def _named(self, name: str, platform: Platform, span: Span) -> Lowered:
        """A named context, a sibling's tag, or an image of a registry."""
        spec = self.contexts.get(context_name(name))
        if spec is not None:
            match spec.kind:
                case "target":
                    return self.compiler.sibling(self.target, spec.value, platform)
                case "scratch":
                    return scratch(self.graph, platform)
                case "image":
                    return self._image(spec.value, platform, span)
                case "directory":
                    empty = scratch(self.graph, platform)
                    step = self._directory(spec.value)
                    return Lowered(step, platform, empty.config, empty.env, {}, {}, (), ())
        try:
            reference = parse_reference(name).with_default_tag()
        except ValueError as error:
            message = f"failed to parse stage name '{name}': {error}"
            raise InputError(Diagnostic("bad-reference", message, *self._written(name, span))) from None
        owner = self.compiler.siblings.owner(str(reference))
        if owner is not None and owner != self.target.name:
            return self.compiler.sibling(self.target, owner, platform)
        return self._image(str(reference), platform, span)

    def _image(self, name: str, platform: Platform, span: Span) -> Lowered:
        try:
            reference = str(parse_reference(name).with_default_tag())
        except ValueError as error:
            raise InputError(Diagnostic("bad-reference", str(error), *self._written(name, span))) from None
        names = tuple(stage.name for stage in self.dockerfile.stages if stage.name)
        place = place_of(span, name)
        query = ImageQuery(reference, str(platform), self.target.pull or self.compiler.pull, place, names)
        fact = self.compiler.facts.images.get(query)
        if fact is None:
            self.compiler.needs.images.setdefault(query)
            raise Open
        return from_image(self.graph, reference, platform, fact)

    def _written(self, name: str, span: Span) -> tuple[Span, str]:
        """Where an image is named, and what its name should be."""
        for stage in self.dockerfile.stages:
            if stage.span == span and "$" in stage.base:
                return place_of(span, stage.base), _DEFAULT
        return place_of(span, name), "[REGISTRY/]NAME[:TAG][@DIGEST], in lower case"

    def _stage_platform(self, stage: Stage) -> Platform:
        if stage.platform is None:
            return self.platform
        text = self._global(stage.platform, stage.span)
        try:
            return parse_platform(text)
        except ValueError as error:
            message, place = f"failed to parse platform: {error}", place_of(stage.span, stage.platform)
            hint = "os/arch[/variant], such as linux/amd64"
            raise InputError(Diagnostic("bad-platform", message, place, hint)) from None

    # What instructions ask for (lower.stage.World)

    def context(self, span: Span) -> StepId:
        place = self.target.span("context") or span
        if parse_context("context", self.target.context, place).kind != "directory":
            message = f"unsupported build context '{self.target.context}'"
            raise InputError(Diagnostic("unsupported-context", message, place, "a directory works here"))
        return self.graph.add(LocalOp(self.root, self._patterns(self._ignore_paths())))

    def source(self, name: str, stage: StageBuilder, span: Span, numeric: bool) -> StepId:
        if "$" in name:
            flag = "--from" if numeric else "'from'"
            message = f"variable expansion is not supported for {flag}"
            hint = "define a new stage with FROM, using an ARG from the global scope"
            raise InputError(Diagnostic("from-variable", message, span, hint))
        if context_name(name.lower()) not in self.contexts:
            found = source_stage(self.dockerfile, name, self.dockerfile.stages[stage.index], span, numeric)
            if found is not None:
                return self.stage(found).step
        return self._named(name, stage.platform, span).step

    def reads(self, source: StepId, action: CopyAction) -> None:
        match self.graph.steps[source].op:
            case LocalOp() as op if op not in self.compiler.facts.trees:
                self.compiler.needs.trees.setdefault(op, {})[action] = None
            case HttpOp() as op if op not in self.compiler.facts.urls:
                self.compiler.needs.urls[op] = None
            case GitOp() as op if op not in self.compiler.facts.gits:
                self.compiler.needs.gits[op] = None

    # Files of the context directory

    def _directory(self, path: str) -> StepId:
        root = join(self.target.root, path)
        return self.graph.add(LocalOp(root, self._patterns([f"{root}/.dockerignore"])))

    def _ignore_paths(self) -> list[str]:
        """Candidates, the best first (dockerfile.md §12)."""
        own = [] if self.target.dockerfile_inline is not None else [f"{self._dockerfile_path()}.dockerignore"]
        return [*own, f"{self.root}/.dockerignore"]

    def _patterns(self, candidates: list[str]) -> tuple[str, ...]:
        texts = [(path, self._text(path)) for path in candidates]
        for path, text in texts:
            if text is not None:
                return _patterns(self._shown(path), text)
        return ()

    def _text(self, path: str) -> str | None:
        texts = self.compiler.facts.texts
        if path not in texts:
            self.compiler.needs.texts[path] = None
            raise Open
        return texts[path]

    def _dockerfile_path(self) -> str:
        return join(self.root, self.target.dockerfile)

    def _dockerfile(self) -> Dockerfile:
        inline = self.target.dockerfile_inline
        if inline is not None:
            return self._parsed(f"{self.target.name}:dockerfile-inline", inline)
        path = self._dockerfile_path()
        for candidate in self._ignore_paths():
            if candidate not in self.compiler.facts.texts:
                self.compiler.needs.texts[candidate] = None
        text = self._text(path)
        if text is None and path.endswith("/Dockerfile"):
            path = path[: -len("Dockerfile")] + "dockerfile"
            text = self._text(path)
        if text is None:
            shown = self._shown(self._dockerfile_path())
            message = f"target '{self.target.name}': there is no {shown}"
            hint = "set `dockerfile`, `context` or `dockerfile-inline`"
            span = self.target.span("dockerfile") or self.target.span("")
            raise InputError(Diagnostic("no-dockerfile", message, span, hint))
        return self._parsed(self._shown(path), text)

    def _parsed(self, name: str, text: str) -> Dockerfile:
        syntax = self.build_args.get(SYNTAX_ARG)
        if syntax or "syntax" in text[:_HEAD].lower():
            check_frontend(Source(name, text), syntax, self.target.span(f"args.{SYNTAX_ARG}"))
        return _parsed(name, text)

    def _shown(self, path: str) -> str:
        """From the workspace's directory: the name of an included file's target tells where that file is."""
        shown = join(self.target.name.rpartition(":")[0], relpath(path, self.target.root))
        return path if shown.startswith("../..") else shown

    # Global ARGs (dockerfile.md §5)

    def _global_scope(self) -> dict[str, str]:
        scope = {
            **self._platform_args(),
        }
        scope = {name: self.build_args.get(name, value) for name, value in scope.items()}
        for instruction in self.dockerfile.args:
            for name, default in instruction.pairs:
                value = self.build_args.get(name)
                if value is None and default is not None:
                    value = _word(default, scope, self.escape, instruction.span)
                if value is not None:
                    scope[name] = value
        return scope

    def _epoch(self) -> int | None:
        """The build argument, else a global ARG of that name; the number takes the place of what was written."""
        value = self.build_args.get(epoch.NAME) or self.global_scope.get(epoch.NAME, "")
        found = epoch.epoch_of(value, self.target.span(f"args.{epoch.NAME}"))
        if found is not None:
            self.build_args[epoch.NAME] = str(found)
            if epoch.NAME in self.global_scope:
                self.global_scope[epoch.NAME] = str(found)
        return found

    def _platform_args(self) -> dict[str, str]:
        final = self.target.target or (self.dockerfile.stages[-1].name if self.dockerfile.stages else "")
        found = {"TARGETSTAGE": final or "default"}
        for prefix, platform in (("TARGET", self.platform), ("BUILD", self.compiler.build_platform)):
            found |= {
                f"{prefix}PLATFORM": str(platform),
                f"{prefix}OS": platform.os,
                f"{prefix}ARCH": platform.arch,
                f"{prefix}VARIANT": platform.variant,
                f"{prefix}OSVERSION": "",
            }
        return found

    def _global(self, text: str, span: Span) -> str:
        return _word(text, self.global_scope, self.escape, span)


def _word(text: str, scope: dict[str, str], escape: str, span: Span) -> str:
    try:
        return expand(text, scope, escape=escape).text
    except WordError as error:
        message = f'failed to process "{text}": {error}'
        hint = word_hint(message)
        raise InputError(Diagnostic("bad-substitution", message, place_of(span, text), hint)) from None


def _ambient(dockerfile: Dockerfile, target: Target) -> Ambient:
    """Proxies that no ARG declares, both cases of each; addresses of extra hosts."""
    declared = {name for stage in dockerfile.stages for i in stage.instructions for name, _ in getattr(i, "pairs", ())}
    env: dict[str, str] = {}
    for name, value in target.args.items():
        if name.upper() in _PROXIES and name not in declared:
            env |= {name.upper(): value, name.lower(): value}
    return Ambient(tuple(env.items()), tuple(sorted(target.extra_hosts.items())))


@lru_cache(maxsize=4096)
def _parsed(name: str, text: str) -> Dockerfile:
    return parse(Source(name, text))


@lru_cache(maxsize=1024)
def _patterns(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(parse_patterns(text))
    except ValueError as error:
        raise InputError(Diagnostic("bad-ignore-pattern", f"{name}: {error}")) from None
