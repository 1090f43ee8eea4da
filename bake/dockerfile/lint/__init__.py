"""The lint rules of Dockerfiles: the peer's 22 and our own, each one function (reference/dockerfile.md §14)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bake.dockerfile.instructions import Dockerfile
from bake.dockerfile.lint import casing, descriptions, instructions, order, paths, stages, variables
from bake.dockerfile.lint.checks import Checks, parse_checks
from bake.dockerfile.lint.rule import Finding, Rule
from bake.dockerfile.lint.view import BaseFact, Outside, View, view_of
from bake.errors import Diagnostic, Span, nearest

__all__ = ["CHECK_ARG", "RULES", "BaseFact", "Outside", "lint"]

CHECK_ARG = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument whose value replaces the directive's."""
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
         'write it as ["program", "argument"], or say the shell with SHELL'),
    Rule("MaintainerDeprecated", "maintainer-deprecated", instructions.maintainer_deprecated,
         "LABEL org.opencontainers.image.authors=…"),
    Rule("UndefinedArgInFrom", "undefined-arg-in-from", variables.undefined_arg_in_from,
         "declare it with ARG before the first FROM"),
    Rule("WorkdirRelativePath", "workdir-relative-path", paths.workdir_relative_path, "begin the path with /"),
    Rule("UndefinedVar", "undefined-var", variables.undefined_var,
         "declare it with ARG or ENV in this stage, above this line"),
    Rule("MultipleInstructionsDisallowed", "multiple-instructions-disallowed", instructions.multiple_instructions,
         "remove this one"),
    Rule("LegacyKeyValueFormat", "legacy-key-value-format", instructions.legacy_key_value_format,
         "put = between name and value"),
    Rule("InvalidBaseImagePlatform", "invalid-base-image-platform", stages.invalid_base_image_platform,
         "choose an image that is there for this platform"),
    Rule("RedundantTargetPlatform", "redundant-target-platform", stages.redundant_target_platform,
         "remove the flag"),
    Rule("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env", instructions.secrets_used_in_arg_or_env,
         "use RUN --mount=type=secret: ARG and ENV can be read from the image"),
    Rule("InvalidDefaultArgInFrom", "invalid-default-arg-in-from", variables.invalid_default_arg_in_from,
         "give the ARG a default that makes a valid name"),
    Rule("FromPlatformFlagConstDisallowed", "from-platform-flag-const-disallowed", stages.constant_platform,
         "use $BUILDPLATFORM, or name the stage after the platform"),
    Rule("CopyIgnoredFile", "copy-ignored-file", paths.copy_ignored_file,
         "take it out of the ignore file, or out of this line"),
    Rule("InvalidDefinitionDescription", "invalid-definition-description", descriptions.invalid_definition_description,
         "begin the comment with the name, or put an empty line with # below it", experimental=True),
    Rule("ExposeProtoCasing", "expose-proto-casing", instructions.expose_proto_casing, "write tcp, udp or sctp"),
    Rule("ExposeInvalidFormat", "expose-invalid-format", instructions.expose_invalid_format,
         "name the container's port alone"),
    Rule("UnusedStage", "unused-stage", stages.unused_stage,
         "remove it, or build it: a target with `target = \"…\"`"),
    Rule("CopyBeforeInstall", "copy-before-install", order.copy_before_install, "move the RUN above this line"),
)  # fmt: skip
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}


def lint(dockerfile: Dockerfile, outside: Outside = Outside()) -> tuple[Diagnostic, ...]:  # noqa: B008
    """All findings by line: warnings, or errors where the file says `error=true`.

    A wrong `# check=` line is an error of its own; the rules are then applied as if it were not there.
    """
    view = view_of(dockerfile, outside)
    checks, found = _checks(view)
    for rule in _RULES:
        for finding in rule.find(view):
            if checks.with_comments(finding.at.comments).allows(rule):
                found.append(_diagnostic(rule, finding, checks.error))
    return tuple(sorted(found, key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0)))


def _diagnostic(rule: Rule, finding: Finding, error: bool) -> Diagnostic:
    hint = f"{rule.hint}; rule {rule.name}"
    return Diagnostic(rule.code, finding.message, finding.span, hint, "error" if error else "warning")


def _checks(view: View) -> tuple[Checks, list[Diagnostic]]:
    text = view.outside.args.get(CHECK_ARG, view.dockerfile.check)
    if text is None:
        return Checks(), []
    span = _directive_span(view)
    try:
        checks = parse_checks(text)
    except ValueError as error:
        hint = "skip=RULE,…  error=true  experimental=RULE,…"
        return Checks(), [Diagnostic("bad-check-option", str(error), span, hint)]
    return checks, [_unknown(name, span) for name in checks.names if not _is_rule(name)]


def _is_rule(name: str) -> bool:
    return name.lower() in {"all", *(known.lower() for known in RULES)}


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
