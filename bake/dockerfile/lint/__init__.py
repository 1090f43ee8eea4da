"""The lint rules of Dockerfiles: the peer's 22 and our own, each one function (reference/dockerfile.md §14)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bake.dockerfile.directives import CHECK_ARG
from bake.dockerfile.instructions import Dockerfile
from bake.dockerfile.lint import casing, descriptions, instructions, order, paths, stages, triggers, typos, variables
from bake.dockerfile.lint.checks import Checks, first_word, parse_checks
from bake.dockerfile.lint.rule import Finding, Rule
from bake.dockerfile.lint.view import BaseFact, Outside, View, view_of
from bake.errors import Diagnostic, Span, nearest

__all__ = ["CHECK_ARG", "RULES", "BaseFact", "Outside", "lint", "violations"]

_DIRECTIVE = re.compile(r"#\s*check\s*=\s*(.+?)\s*$", re.IGNORECASE)

_RULES = (
    Rule("StageNameCasing", "stage-name-casing", casing.stage_name_casing, "write the name in lower case"),
    Rule("FromAsCasing", "from-as-casing", casing.from_as_casing, "write AS in the case of FROM"),
    Rule("NoEmptyContinuation", "no-empty-continuation", casing.no_empty_continuation,
         "remove the blank line, or put a # in it"),
    Rule("ConsistentInstructionCasing", "consistent-instruction-casing", casing.consistent_instruction_casing,
         "write all instructions in one case"),
    Rule("DuplicateStageName", "duplicate-stage-name", stages.duplicate_stage_name, "give the stage a name of its own"),
    Rule("ReservedStageName", "reserved-stage-name", stages.reserved_stage_name, "choose another name"),
    Rule("JSONArgsRecommended", "json-args-recommended", instructions.json_args_recommended,
         'write it as ["program", "argument"], or say the shell with SHELL', reached=True),
    Rule("MaintainerDeprecated", "maintainer-deprecated", instructions.maintainer_deprecated,
         "LABEL org.opencontainers.image.authors=…"),
    Rule("UndefinedArgInFrom", "undefined-arg-in-from", variables.undefined_arg_in_from,
         "declare it with ARG before the first FROM"),
    Rule("WorkdirRelativePath", "workdir-relative-path", paths.workdir_relative_path, "begin the path with /",
         reached=True),
    Rule("UndefinedVar", "undefined-var", variables.undefined_var,
         "declare it with ARG or ENV in this stage, above this line", reached=True),
    Rule("MultipleInstructionsDisallowed", "multiple-instructions-disallowed", instructions.multiple_instructions,
         "remove this one", reached=True),
    Rule("LegacyKeyValueFormat", "legacy-key-value-format", instructions.legacy_key_value_format,
         "put = between name and value", reached=True),
    Rule("InvalidBaseImagePlatform", "invalid-base-image-platform", stages.invalid_base_image_platform,
         "choose an image that is there for this platform", reached=True),
    Rule("RedundantTargetPlatform", "redundant-target-platform", stages.redundant_target_platform,
         "remove the flag"),
    Rule("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env", instructions.secrets_used_in_arg_or_env,
         "use RUN --mount=type=secret: ARG and ENV can be read from the image", reached=True),
    Rule("InvalidDefaultArgInFrom", "invalid-default-arg-in-from", variables.invalid_default_arg_in_from,
         "give the ARG a default that makes a valid name"),
    Rule("FromPlatformFlagConstDisallowed", "from-platform-flag-const-disallowed", stages.constant_platform,
         "use $BUILDPLATFORM, or name the stage after the platform"),
    Rule("CopyIgnoredFile", "copy-ignored-file", paths.copy_ignored_file,
         "take it out of the ignore file, or out of this line", reached=True),
    Rule("InvalidDefinitionDescription", "invalid-definition-description", descriptions.invalid_definition_description,
         "begin the comment with the name, or put an empty line with # below it", experimental=True),
    Rule("ExposeProtoCasing", "expose-proto-casing", instructions.expose_proto_casing, "write tcp, udp or sctp",
         reached=True),
    Rule("ExposeInvalidFormat", "expose-invalid-format", instructions.expose_invalid_format,
         "name the container's port alone", reached=True),
    Rule("UnusedStage", "unused-stage", stages.unused_stage,
         "remove it, or build it: a target with `target = \"…\"`", own=True),
    Rule("CopyBeforeInstall", "copy-before-install", order.copy_before_install, "move the RUN above this line",
         own=True),
    Rule("CopyBeforeDependencies", "copy-before-dependencies", order.copy_before_dependencies,
         "copy the list of dependencies alone, RUN, and then copy the rest", own=True),
    Rule("BrokenJSONForm", "broken-json-form", typos.broken_json_form,
         'double quotes and commas: ["a", "b"]', own=True),
    Rule("StageNameTypo", "stage-name-typo", typos.stage_name_typo,
         "write the stage's name, or the image's with its tag", own=True),
)  # fmt: skip
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}


def lint(dockerfile: Dockerfile, outside: Outside = Outside()) -> tuple[Diagnostic, ...]:  # noqa: B008
    """All findings by line: warnings, or errors where the file says `error=true` and BuildKit has the rule.

    A wrong `# check=` line is an error of its own; the rules are then applied as if it were not there.
    """
    view = triggers.with_triggers(view_of(dockerfile, outside))
    checks, found = _checks(view)
    for rule in _RULES:
        for finding in rule.find(view):
            if checks.with_comments(finding.at.comments).allows(rule):
                found.append(_diagnostic(rule, finding, checks.error and not rule.own))
    return _by_line(found)


def violations(dockerfile: Dockerfile, outside: Outside) -> tuple[Diagnostic, ...]:
    """The errors that keep this from being built, since it says `error=true`; the last one sums them up as BuildKit
    does. `outside.reached`: the stages of this build.
    """
    view = triggers.with_triggers(view_of(dockerfile, outside))
    checks, wrong = _checks(view)
    failed = [each for each in wrong if each.severity == "error"]
    if failed or not checks.error:
        return tuple(failed)
    found: list[Diagnostic] = []
    names: dict[str, None] = {}
    for rule in _RULES:
        for finding in () if rule.own else rule.find(view):
            if _is_met(rule, finding, outside) and checks.with_comments(finding.at.comments).allows(rule):
                found.append(_diagnostic(rule, finding, error=True))
                names[rule.name] = None
    if not found:
        return ()
    message = f"lint violation found for rules: {', '.join(names)}"
    hint = f"mend them, or `# check=skip={','.join(names)};error=true`"
    return (*_by_line(found), Diagnostic("lint-violation", message, _directive_span(view), hint))


def _is_met(rule: Rule, finding: Finding, outside: Outside) -> bool:
    stage = finding.at.stage
    return not rule.reached or stage < 0 or outside.reached is None or stage in outside.reached


def _by_line(found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(found, key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0)))


def _diagnostic(rule: Rule, finding: Finding, error: bool) -> Diagnostic:
    hint = f"{rule.hint}; rule {rule.name}"
    return Diagnostic(rule.code, finding.message, finding.span, hint, "error" if error else "warning")


def _checks(view: View) -> tuple[Checks, list[Diagnostic]]:
    given, written = view.outside.args.get(CHECK_ARG), view.dockerfile.check or ""
    text = first_word(written) if given is None else given
    if not text:
        return Checks(), []
    span = _directive_span(view)
    found: list[Diagnostic] = []
    if given is None and text != written:
        message = f"what follows the blank is not read: '{written.removeprefix(text).strip()}'"
        found.append(Diagnostic("bad-check-option", message, span, "write it without blanks", "warning"))
    try:
        checks = parse_checks(text)
    except ValueError as error:
        hint = "skip=RULE,…  error=true  experimental=RULE,…"
        return Checks(), [*found, Diagnostic("bad-check-option", str(error), span, hint)]
    return checks, [*found, *(_unknown(name, span) for name in checks.names if name not in {*RULES, "all"})]


def _unknown(name: str, span: Span | None) -> Diagnostic:
    near = nearest(name, tuple(RULES))
    hint = f"did you mean {near}?" if near else None
    return Diagnostic("unknown-check-rule", f"there is no rule '{name}'", span, hint, "warning")


def _directive_span(view: View) -> Span | None:
    """Where the value of the directive stands, None when a build argument gave it."""
    for number, row in enumerate(view.source.text.split("\n"), 1):
        if (found := _DIRECTIVE.search(row)) and found[1] == view.dockerfile.check:
            return Span(view.source, number, found.start(1) + 1, number, found.end(1) + 1)
    return None
