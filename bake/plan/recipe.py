"""One target for one platform: its Dockerfile's stages lowered on demand, from the final one down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bake.dockerfile.directives import SYNTAX_ARG
from bake.dockerfile.forms import place_of
from bake.dockerfile.instructions import Stage
from bake.dockerfile.parse import parse_instruction
from bake.errors import Diagnostic, InputError, Span
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import parse_reference
from bake.plan import epoch
from bake.plan.bases import LAYOUT, ContextSpec, context_name, from_image, parse_context, scratch
from bake.plan.contexts import main_context, named_directory
from bake.plan.dockerfiles import read_dockerfile
from bake.plan.facts import ImageQuery
from bake.plan.global_scope import ambient, expanded, global_scope, platform_args
from bake.plan.layouts import parse_layout
from bake.plan.lower import lower
from bake.plan.lower.stage import Lowered, StageBuilder
from bake.plan.outcome import HistoryLine, LayerRef
from bake.plan.remote import FILE, Open, RemoteContext, ask_git, git_of, time_of
from bake.plan.stages import find_target, reachable, source_stage, stage_named
from bake.plan.step import CopyAction, CopyOp, GitOp, HttpOp, LocalOp, ScratchOp, StepId
from bake.spec.target import Target

if TYPE_CHECKING:
    from bake.plan.compile import Compiler

_DEFAULT = "give its ARG, above the first FROM, a default, or a value in `args` of the target"


class Recipe:
    """The World that the instructions of one target see."""

    def __init__(self, compiler: Compiler, target: Target, platform: Platform) -> None:
        self.compiler = compiler
        self.graph = compiler.graph
        self.target = target
        self.platform = platform
        self.build_args = {**compiler.args, **target.args}
        self.pull = target.pull or compiler.pull
        keep = self.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "") not in ("", "0", "false")
        self.main = main_context(compiler, target, self.pull, keep)
        self.contexts = {
            context_name(name): parse_context(name, value, target.span(f"contexts.{name}"))
            for name, value in target.contexts.items()
        }
        self.dockerfile = read_dockerfile(target, self.main, self.build_args.get(SYNTAX_ARG))
        self.escape = self.dockerfile.escape
        self.ambient = ambient(self.dockerfile, target)
        given = platform_args(self.dockerfile, target, platform, compiler.build_platform_of(platform))
        self.global_scope = global_scope(self.dockerfile, self.build_args, given)
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
            with suppress(Open):
                if context_name(stage.name or "") in self.contexts:
                    self._named(stage.name or "", self.platform, stage.span)
                elif stage_named(self.dockerfile, bases[stage.index], stage.index) is None:
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
            return self._as_state(self._named(stage.name, self.platform, stage.span))
        base = self.compiler.finished(self._base(stage))
        builder = StageBuilder(self, base, stage.index, stage.name, self._uncached(stage))
        triggers = base.onbuild
        builder.onbuild = []
        errors: list[Diagnostic] = []
        place = place_of(stage.span, stage.base)
        instructions = [parse_instruction(text, place) for text in triggers]
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
        return self._as_state(self._named(name, platform, stage.span))

    def _as_state(self, given: Lowered) -> Lowered:
        """FROM a directory, a git tree or a file: all of it is the first layer."""
        source = self.graph.steps[given.step].op
        if not isinstance(source, LocalOp | GitOp | HttpOp):
            return given
        action = CopyAction(1, "/", "/")
        self.reads(given.step, action)
        step = self.graph.add(CopyOp((action,)), (self.graph.add(ScratchOp()), given.step))
        line = HistoryLine("COPY / / # buildkit", step, "buildkit.exporter.image.v0")
        return replace(given, step=step, layers=(LayerRef(step),), history=(line,))

    def _named(self, name: str, platform: Platform, span: Span) -> Lowered:
        """A named context, a sibling's tag, or an image of a registry."""
        span = place_of(span, name)
        spec = self.contexts.get(context_name(name))
        if spec is not None:
            match spec.kind:
                case "target":
                    return self.compiler.sibling(self.target, spec.value, platform)
                case "scratch":
                    return scratch(self.graph, platform)
                case "image":
                    return self._image(spec.value, platform, span)
                case "layout":
                    return self._layout(spec.value, platform, span)
                case "directory" | "git" | "http":
                    return replace(scratch(self.graph, platform), step=self._tree(spec, span))
        try:
            reference = parse_reference(name).with_default_tag()
        except ValueError as error:
            message = f"failed to parse stage name '{name}': {error}"
            raise InputError(Diagnostic("bad-reference", message, *self._written(name, span))) from None
        owner = self.compiler.siblings.owner(str(reference))
        if owner is not None and owner != self.target.name:
            return self.compiler.sibling(self.target, owner, platform)
        return self._image(str(reference), platform, span)

    def _tree(self, spec: ContextSpec, span: Span) -> StepId:
        """A named context that is no image."""
        if spec.kind == "directory":
            return named_directory(self.compiler, self.target, spec.value)
        return self.graph.add(git_of(spec, span) if spec.kind == "git" else HttpOp(spec.value, FILE))

    def _layout(self, value: str, platform: Platform, span: Span) -> Lowered:
        try:
            layout = parse_layout(value, self.target.root)
        except ValueError as error:
            raise InputError(Diagnostic("bad-reference", f"{LAYOUT}{value}: {error}", span)) from None
        return self._image_of(layout.reference, layout.question, platform, span)

    def _image(self, name: str, platform: Platform, span: Span) -> Lowered:
        try:
            reference = str(parse_reference(name).with_default_tag())
        except ValueError as error:
            raise InputError(Diagnostic("bad-reference", str(error), *self._written(name, span))) from None
        return self._image_of(reference, reference, platform, place_of(span, name))

    def _image_of(self, reference: str, question: str, platform: Platform, place: Span) -> Lowered:
        names = tuple(stage.name for stage in self.dockerfile.stages if stage.name)
        query = ImageQuery(question, str(platform), self.pull, place, names)
        fact = self.compiler.facts.images.get(query)
        if fact is None:
            self.compiler.needs.images.setdefault(query)
            raise Open
        return from_image(self.graph, reference, platform, fact)

    def _written(self, name: str, span: Span) -> tuple[Span, str]:
        """Where an image is named, and what its name should be."""
        for stage in self.dockerfile.stages:
            if stage.span.line == span.line and "$" in stage.base:
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

    def context(self) -> StepId:
        return self.main.step()

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

    def reads(self, source: StepId, action: CopyAction, span: Span | None = None) -> None:
        op = self.graph.steps[source].op
        if span is not None and isinstance(op, HttpOp | GitOp):
            self.compiler.needs.places.setdefault(op, span)
        match op:
            case LocalOp() as op if op not in self.compiler.facts.trees:
                self.compiler.needs.trees.setdefault(op, {})[action] = None
            case HttpOp() as op if op not in self.compiler.facts.urls:
                self.compiler.needs.urls[op] = self.compiler.needs.urls.get(op, False) or self.pull
            case GitOp() as op if op not in self.compiler.facts.gits:
                ask_git(self.compiler, op, self.pull)

    # Global ARGs (dockerfile.md §5)

    def _epoch(self) -> int | None:
        """The build argument, else a global ARG of that name; the number takes the place of what was written."""
        value = self.build_args.get(epoch.NAME) or self.global_scope.get(epoch.NAME, "")
        span = self.target.span(f"args.{epoch.NAME}")
        named = self.contexts.get(context_name(value)) if value and value != FILE else None
        if value == FILE:
            found = self.main.time()
        elif named is not None and named.kind in ("git", "http"):
            found = RemoteContext(self.compiler, named, span, self.pull).time()
        elif named is not None and named.kind == "directory":
            found = None
        elif value and (stage := epoch.stage_of(self.dockerfile, value)) is not None:
            base = self._global(stage.base, stage.span)
            op = epoch.source_of(stage, base, self.build_args, self.global_scope, self.escape)
            found = time_of(self.compiler, op, self.pull)
        else:
            found = epoch.epoch_of(value, span)
        for scope in (self.build_args, self.global_scope):
            if epoch.NAME in scope:
                scope[epoch.NAME] = "" if found is None else str(found)
        return found

    def _global(self, text: str, span: Span) -> str:
        return expanded(text, self.global_scope, self.escape, span)
