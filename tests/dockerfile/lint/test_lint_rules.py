"""Each lint rule: what it finds, where, and what it leaves alone (reference/dockerfile.md §14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.lint import RULES, BaseFact, Outside, lint
from bake.dockerfile.parse import KEYWORDS, parse
from bake.errors import Diagnostic, InputError, Source


def found(text: str, outside: Outside = Outside(), check: str = "") -> tuple[Diagnostic, ...]:  # noqa: B008
    head = f"# check={check}\n" if check else ""
    return lint(parse(Source("Dockerfile", head + text)), outside)


def marked(diagnostic: Diagnostic) -> str:
    """The text under the carets."""
    span = diagnostic.span
    assert span is not None
    rows = span.source.text.split("\n")[span.line - 1 : span.end_line]
    rows[-1] = rows[-1][: span.end_column - 1]
    rows[0] = rows[0][span.column - 1 :]
    return "\n".join(rows)


# rule, Dockerfile, what is marked, message
FINDS = [
    ("StageNameCasing", "FROM scratch AS Build", "Build", "Stage name 'Build' should be lowercase"),
    ("FromAsCasing", "FROM scratch as a", "as", "'as' and 'FROM' keywords' casing do not match"),
    ("FromAsCasing", "from scratch AS a", "AS", "'AS' and 'from' keywords' casing do not match"),
    ("NoEmptyContinuation", "FROM scratch\nRUN a \\\n\n  b", "", "Empty continuation line"),
    (
        "ConsistentInstructionCasing",
        "FROM scratch\nLABEL a=b\nrun x",
        "run",
        "Command 'run' should match the case of the command majority (uppercase)",
    ),
    (
        "ConsistentInstructionCasing",
        "from scratch\nrun x\nLabel a=b",
        "Label",
        "Command 'Label' should match the case of the command majority (lowercase)",
    ),
    (
        "ConsistentInstructionCasing",
        "FROM scratch\nrun x",
        "run",
        "Command 'run' should match the case of the command majority (uppercase)",
    ),
    (
        "DuplicateStageName",
        "FROM scratch AS a\nFROM scratch AS a",
        "a",
        'Duplicate stage name "a", stage names should be unique',
    ),
    (
        "ReservedStageName",
        "FROM scratch AS context",
        "context",
        'Stage name should not use the same name as reserved stage "context"',
    ),
    (
        "JSONArgsRecommended",
        "FROM scratch\nCMD echo hi",
        "CMD echo hi",
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    ),
    (
        "JSONArgsRecommended",
        "FROM scratch\nentrypoint x",
        "entrypoint x",
        "JSON arguments recommended for entrypoint to prevent unintended behavior related to OS signals",
    ),
    (
        "MaintainerDeprecated",
        "FROM scratch\nMAINTAINER me",
        "MAINTAINER me",
        "Maintainer instruction is deprecated in favor of using label",
    ),
    (
        "UndefinedArgInFrom",
        "ARG VERSION=1\nFROM alpine:${VERSIO}",
        "${VERSIO",
        "FROM argument 'VERSIO' is not declared (did you mean VERSION?)",
    ),
    (
        "UndefinedArgInFrom",
        "FROM --platform=$NOWHERE alpine",
        "$NOWHERE",
        "FROM argument 'NOWHERE' is not declared",
    ),
    (
        "WorkdirRelativePath",
        "FROM alpine\nWORKDIR app/src",
        "app/src",
        'Relative workdir "app/src" can have unexpected results if the base image changes',
    ),
    ("UndefinedVar", "FROM scratch\nCOPY $there /", "$there", "Usage of undefined variable '$there'"),
    (
        "UndefinedVar",
        "FROM scratch\nARG DIR=/a\nCOPY x ${DIRS}/y",
        "${DIRS",
        "Usage of undefined variable '$DIRS' (did you mean $DIR?)",
    ),
    ("UndefinedVar", "ARG GLOBAL=1\nFROM alpine\nENV A=$GLOBAL", "$GLOBAL", "Usage of undefined variable '$GLOBAL'"),
    (
        "UndefinedVar",
        "FROM alpine\nENV PYTHON=/x\nENV A=$PYTHO",
        "$PYTHO",
        "Usage of undefined variable '$PYTHO' (did you mean $PYTHON?)",
    ),
    (
        "UndefinedVar",
        "FROM scratch\nENV A=1 B=$A",
        "$A",
        "Usage of undefined variable '$A'",
    ),
    (
        "MultipleInstructionsDisallowed",
        'FROM scratch\nCMD ["a"]\nCMD ["b"]',
        'CMD ["a"]',
        "Multiple CMD instructions should not be used in the same stage because only the last one will be used",
    ),
    (
        "MultipleInstructionsDisallowed",
        "FROM scratch\nHEALTHCHECK NONE\nHEALTHCHECK CMD x",
        "HEALTHCHECK NONE",
        "Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used",
    ),
    (
        "LegacyKeyValueFormat",
        "FROM scratch\nENV a b c",
        "ENV a b c",
        '"ENV key=value" should be used instead of legacy "ENV key value" format',
    ),
    (
        "LegacyKeyValueFormat",
        "FROM scratch\nLABEL a b",
        "LABEL a b",
        '"LABEL key=value" should be used instead of legacy "LABEL key value" format',
    ),
    (
        "RedundantTargetPlatform",
        "FROM --platform=$TARGETPLATFORM alpine",
        "$TARGETPLATFORM",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    ),
    (
        "SecretsUsedInArgOrEnv",
        "FROM scratch\nARG NPM_TOKEN",
        "NPM_TOKEN",
        'Do not use ARG or ENV instructions for sensitive data (ARG "NPM_TOKEN")',
    ),
    (
        "SecretsUsedInArgOrEnv",
        "FROM scratch\nENV A=b password=c",
        "password",
        'Do not use ARG or ENV instructions for sensitive data (ENV "password")',
    ),
    (
        "InvalidDefaultArgInFrom",
        "ARG VERSION\nFROM alpine:$VERSION",
        "alpine:$VERSION",
        "Default value for ARG alpine:$VERSION results in empty or invalid base image name",
    ),
    (
        "FromPlatformFlagConstDisallowed",
        "FROM --platform=linux/amd64 alpine AS build",
        "linux/amd64",
        'FROM --platform flag should not use constant value "linux/amd64"',
    ),
    (
        "ExposeProtoCasing",
        "FROM scratch\nEXPOSE 80/TCP",
        "80/TCP",
        "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
    ),
    (
        "CopyBeforeInstall",
        "FROM alpine\nCOPY . /app\nRUN set -e; apk add --no-cache curl && make -C /app",
        "COPY . /app",
        "Packages are installed again whenever any file of the context changes, by the RUN in line 3",
    ),
    (
        "CopyBeforeDependencies",
        "FROM alpine\nCOPY . /app\nRUN cd /app && npm ci --omit=dev",
        "COPY . /app",
        "Dependencies are installed again whenever any file of the context changes, by the RUN in line 3",
    ),
    (
        "CopyBeforeDependencies",
        "FROM alpine\nCOPY ./ .\nRUN <<E\npip install --no-cache-dir -r requirements.txt\nE",
        "COPY ./ .",
        "Dependencies are installed again whenever any file of the context changes, by the RUN in line 3",
    ),
    (
        "BrokenJSONForm",
        "FROM scratch\nCMD ['a', 'b']",
        "['a', 'b']",
        "CMD is run by a shell as it stands, since this is no JSON list",
    ),
    (
        "BrokenJSONForm",
        'FROM scratch\nENTRYPOINT ["a" "b"]',
        '["a" "b"]',
        "ENTRYPOINT is run by a shell as it stands, since this is no JSON list",
    ),
    (
        "BrokenJSONForm",
        'FROM scratch\nCOPY ["a", "b",] ',
        '["a", "b",]',
        "COPY is a list of words, since this is no JSON list",
    ),
    (
        "BrokenJSONForm",
        "FROM scratch\nRUN ['/x', 'y']",
        "['/x', 'y']",
        "RUN is run by a shell as it stands, since this is no JSON list",
    ),
    (
        "StageNameTypo",
        "FROM scratch AS build\nFROM scratch\nCOPY --from=biuld /a /b",
        "biuld",
        "'biuld' is no stage, so it is pulled as an image (did you mean build?)",
    ),
    (
        "StageNameTypo",
        "FROM scratch AS base\nFROM bsae",
        "bsae",
        "'bsae' is no stage, so it is pulled as an image (did you mean base?)",
    ),
    (
        "StageNameTypo",
        'FROM scratch AS tools\nFROM scratch\nRUN --mount=from=tolos,target=/t ["/t/x"]',
        "tolos",
        "'tolos' is no stage, so it is pulled as an image (did you mean tools?)",
    ),
    (
        "ExposeInvalidFormat",
        "FROM scratch\nEXPOSE 90 127.0.0.1:80:80",
        "127.0.0.1:80:80",
        "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ),
]


@pytest.mark.parametrize(
    ("rule", "text", "place", "message"), FINDS, ids=[f"{r}-{i}" for i, (r, *_) in enumerate(FINDS)]
)
def test_a_rule_finds(rule: str, text: str, place: str, message: str) -> None:
    only = [d for d in found(text) if d.code == RULES[rule].code]
    assert [(marked(d), d.message, d.severity) for d in only] == [(place, message, "warning")]
    assert rule in (only[0].hint or "")


QUIET = [
    ("StageNameCasing", "FROM scratch AS build"),
    ("FromAsCasing", "from scratch as a"),
    ("FromAsCasing", "From scratch as a"),
    ("NoEmptyContinuation", "FROM scratch\nRUN a \\\n# comment\n  b\n\nRUN c"),
    ("ConsistentInstructionCasing", "arg A=1\nFROM scratch\nLABEL a=b"),
    ("JSONArgsRecommended", 'FROM scratch\nCMD ["a"]'),
    ("JSONArgsRecommended", 'FROM scratch AS a\nSHELL ["/b"]\nFROM a\nCMD x'),
    ("UndefinedArgInFrom", "ARG A\nFROM $A$TARGETARCH"),
    ("WorkdirRelativePath", "FROM alpine AS a\nWORKDIR /app\nWORKDIR src\nFROM a\nWORKDIR x"),
    ("WorkdirRelativePath", "FROM alpine\nENV A=/x\nWORKDIR $A/y"),
    ("UndefinedVar", "FROM scratch\nARG A\nCOPY $A $PATH /x"),
    ("UndefinedVar", "FROM alpine\nENV A=$HOME$PYTHON_VERSION"),
    ("UndefinedVar", "FROM scratch AS a\nARG X=1\nENV Y=2\nFROM a\nLABEL a=$X$Y"),
    ("UndefinedVar", "FROM scratch\nRUN echo $x"),
    ("UndefinedVar", "FROM scratch\nCOPY <<'E' /x\n$nothing\nE"),
    ("UndefinedVar", "FROM scratch\nLABEL a='$x' b=\\$y"),
    ("MultipleInstructionsDisallowed", 'FROM scratch AS a\nCMD ["a"]\nFROM a\nCMD ["b"]'),
    ("LegacyKeyValueFormat", "FROM scratch\nENV a=b"),
    ("RedundantTargetPlatform", "FROM --platform=$BUILDPLATFORM alpine"),
    ("SecretsUsedInArgOrEnv", "FROM scratch\nENV TOKEN_FILE=x PUBLIC_KEY=y MONKEY=z"),
    ("InvalidDefaultArgInFrom", "ARG VERSION=3\nFROM alpine:$VERSION"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 alpine AS build-amd64"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform=$BUILDPLATFORM alpine"),
    ("ExposeProtoCasing", "FROM scratch\nEXPOSE 80/tcp 81 $port"),
    ("ExposeInvalidFormat", "FROM scratch\nEXPOSE 80-90/udp"),
    ("InvalidDefinitionDescription", "# words\nARG A=1\nFROM scratch"),
    ("CopyIgnoredFile", "FROM scratch\nCOPY a /"),
    ("CopyBeforeInstall", "FROM alpine\nRUN apk add curl\nCOPY . /app"),
    ("CopyBeforeInstall", "FROM alpine\nCOPY apk.list /\nRUN apk add curl"),
    ("CopyBeforeInstall", "FROM alpine\nCOPY . /app\nRUN apk add $(cat list)"),
    ("CopyBeforeInstall", "FROM debian\nCOPY . .\nRUN apt-get install -y ./a.deb"),
    ("CopyBeforeInstall", "FROM debian\nCOPY . .\nRUN apt-get install -y /tmp/x && echo install"),
    ("CopyBeforeInstall", "FROM debian AS a\nCOPY . .\nFROM debian\nRUN apt-get update && apt-get install -y curl"),
    ("UnusedStage", "FROM scratch AS a\nFROM scratch"),
    ("CopyBeforeDependencies", "FROM alpine\nCOPY package.json .\nRUN npm ci\nCOPY . .\nRUN npm run build"),
    (
        "CopyBeforeDependencies",
        "FROM alpine\nRUN --mount=source=uv.lock,target=uv.lock uv sync --no-install-project\nCOPY . .\nRUN uv sync",
    ),
    ("CopyBeforeDependencies", "FROM alpine\nCOPY . .\nRUN pip install .\nRUN go build ./... && echo npm"),
    ("CopyBeforeDependencies", "FROM alpine\nCOPY . .\nRUN --mount=target=/x pip install -r /x/requirements.txt"),
    ("CopyBeforeDependencies", "FROM alpine AS a\nCOPY . .\nFROM alpine\nCOPY --from=a . .\nRUN go mod download"),
    ("BrokenJSONForm", 'FROM scratch\nCMD ["a", "b"]\nRUN [ "$a" = b ]\nRUN [ -f /x ] || exit 1'),
    ("BrokenJSONForm", "FROM scratch\nRUN ['$a' ]\nCMD [ -f /x ]\nCOPY [a] /b"),
    ("StageNameTypo", "FROM scratch AS build\nFROM build\nCOPY --from=Build /a /b\nCOPY --from=0 /a /b"),
    ("StageNameTypo", "FROM scratch AS debian\nFROM debian:12\nFROM localhost:5000/debain\nFROM quite-another"),
]


@pytest.mark.parametrize(("rule", "text"), QUIET, ids=[f"{r}-{i}" for i, (r, _) in enumerate(QUIET)])
def test_a_rule_leaves_alone(rule: str, text: str) -> None:
    assert [d for d in found(text, PLATFORMS) if d.code == RULES[rule].code] == []


PLATFORMS = Outside(predefined={"TARGETARCH": "amd64", "TARGETPLATFORM": "linux/amd64", "BUILDPLATFORM": "linux/amd64"})


def test_every_rule_of_the_peer_is_there_and_tested() -> None:
    known = {rule for rule, *_ in FINDS} | {rule for rule, _ in QUIET} | {"InvalidBaseImagePlatform"}
    assert known == set(RULES)
    assert sum(not rule.own for rule in RULES.values()) == 22
    own = {name for name, rule in RULES.items() if rule.own}
    assert own == {"UnusedStage", "CopyBeforeInstall", "CopyBeforeDependencies", "BrokenJSONForm", "StageNameTypo"}


@pytest.mark.parametrize(
    ("source", "patterns", "message"),
    [
        ("COPY a.log /", ("*.log",), 'Attempting to Copy file "a.log" that is excluded by .dockerignore'),
        ("ADD ./d/x /", ("d",), 'Attempting to Add file "./d/x" that is excluded by .dockerignore'),
        ("COPY . /", ("**",), 'Attempting to Copy file "." that is excluded by .dockerignore'),
        ("COPY d/ /", ("d/**",), 'Attempting to Copy file "d/" that is excluded by .dockerignore'),
        ("ARG S=a.log\nCOPY $S /", ("*.log",), 'Attempting to Copy file "a.log" that is excluded by .dockerignore'),
        ("COPY d /", ("d/**",), None),
        ("COPY . /", ("a",), None),
        ("COPY a.log /", ("*.log", "!a.log"), None),
        ("COPY --from=x a.log /", ("*.log",), None),
        ("ADD https://localhost/a.log /", ("**/*.log",), None),
    ],
)
def test_ignored_files(source: str, patterns: tuple[str, ...], message: str | None) -> None:
    messages = [d.message for d in found(f"FROM scratch\n{source}", Outside(ignore=patterns))]
    assert messages == ([message] if message else [])


def test_what_is_known_of_a_base_image() -> None:
    outside = Outside(bases={"alpine": BaseFact("linux/arm64", {"HOME": "/root"})}, predefined=PLATFORMS.predefined)
    messages = [d.message for d in found("FROM alpine\nENV A=$HOME B=$HOMEDIR", outside)]
    assert messages == [
        'Base image alpine was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
        "Usage of undefined variable '$HOMEDIR'",
    ]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ENV MY_TOKEN=1 TOKEN=2", [(5, 13), (16, 21)]),
        ("EXPOSE 180/TCP 80/TCP 80/TCP", [(8, 15), (16, 22), (23, 29)]),
        ("EXPOSE 8080/tcp 80/TCP", [(17, 23)]),
        ('EXPOSE "80/TCP"', [(8, 16)]),
    ],
)
def test_a_word_is_marked_and_not_what_looks_like_it(text: str, columns: list[tuple[int, int]]) -> None:
    spans = [d.span for d in found(f"FROM scratch\n{text}")]
    assert [(span.column, span.end_column) for span in spans if span] == columns


def test_stages_that_nobody_builds() -> None:
    text = "FROM scratch AS a\nFROM scratch\nFROM scratch"
    messages = [d.message for d in found(text, Outside(reached=frozenset({2})))]
    assert messages == ["Stage 'a' is not built by any target", "Stage 1 is not built by any target"]


def test_a_build_argument_counts_as_a_default_in_stages_only() -> None:
    outside = Outside(args={"V": "1"})
    codes = [d.code for d in found("ARG V\nFROM alpine:$V\nARG V\nLABEL a=$V", outside)]
    assert codes == ["invalid-default-arg-in-from"]


def test_descriptions_are_asked_for() -> None:
    text = "# words\nARG A=1\n\n# make it\nFROM scratch AS build\n# B is the b\nARG B\n# x\n#\nARG C"
    messages = [d.message for d in found(text, check="experimental=InvalidDefinitionDescription")]
    assert messages == [
        "Comment for ARG should follow the format: `# A <description>`",
        "Comment for FROM should follow the format: `# build <description>`",
    ]


TWO = "FROM scratch AS Build\nCMD x"


BOTH = ["stage-name-casing:warning", "json-args-recommended:warning"]


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("", BOTH),
        ("skip=StageNameCasing", ["json-args-recommended:warning"]),
        ("skip=all", []),
        ("skip=StageNameCasing,JSONArgsRecommended", []),
        ("skip=StageNameCasing, JSONArgsRecommended", ["bad-check-option:warning", "json-args-recommended:warning"]),
        ("skip=stagenamecasing", ["unknown-check-rule:warning", *BOTH]),
        ("skip=StageNameCasing,all", ["json-args-recommended:warning"]),
        ("skip=StageNameCasing;", ["bad-check-option:error", *BOTH]),
        ("error=true", ["stage-name-casing:error", "json-args-recommended:error"]),
        ("skip=StageNameCasing;error=true", ["json-args-recommended:error"]),
        ("skip=StageNameCasin;error=false", ["unknown-check-rule:warning", *BOTH]),
        ("skipp=all", ["bad-check-option:error", *BOTH]),
        ("error=yes", ["bad-check-option:error", *BOTH]),
    ],
)
def test_the_directive(check: str, expected: list[str]) -> None:
    assert [f"{d.code}:{d.severity}" for d in found(TWO, check=check)] == expected


def test_a_comment_skips_for_one_instruction() -> None:
    text = "ARG A=1\n# check=skip=StageNameCasing\n" + TWO
    assert [d.code for d in found(text)] == ["json-args-recommended"]
    text = "FROM scratch\n# check=skip=JSONArgsRecommended because\nCMD x\nENTRYPOINT y"
    assert [marked(d) for d in found(text)] == ["ENTRYPOINT y"]


def test_the_build_argument_replaces_the_directive() -> None:
    outside = Outside(args={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"})
    assert found(TWO, outside, check="error=true") == ()


@given(
    st.lists(st.tuples(st.sampled_from(KEYWORDS), st.text(alphabet="aA$ {}[]\"'\\:-=/.\n#<", max_size=12)), max_size=8)
)
def test_linting_what_parses_never_fails(lines: list[tuple[str, str]]) -> None:
    text = "FROM scratch AS a\n" + "".join(f"{keyword} {rest}\n" for keyword, rest in lines)
    try:
        dockerfile = parse(Source("Dockerfile", text))
    except InputError:
        return
    for diagnostic in lint(dockerfile, Outside(ignore=("*.log",), reached=frozenset())):
        assert diagnostic.span is not None
        assert 1 <= diagnostic.span.line <= text.count("\n") + 1
