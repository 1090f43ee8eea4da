"""Dockerfiles, words and ignore files that were damaged or made up: an answer or a placed error, soon, no crash."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.dockerfile.ignore import BadPattern, Matcher, parse_patterns
from bake.dockerfile.lint import lint
from bake.dockerfile.parse import KEYWORDS, parse
from bake.dockerfile.parse.scan import scan
from bake.errors import InputError, Source, Span
from bake.words import WordError, expand, expand_heredoc, expand_words, heredoc_name, split_raw

SEED, DAMAGED = 7_000, 6_000
SAMPLES = (
    "# syntax=docker/dockerfile:1\n# escape=`\n\nARG V=1 W\nFROM --platform=$BUILDPLATFORM a/b:${V:-2} AS Build`\n  \n",
    "FROM scratch AS a\nRUN --mount=type=cache,target=/c,sharing=locked \\\n  # inside\n  make \\\n\n x\n"
    'COPY --from=a --chown=1:2 --chmod=u+x,go= ["a b", "/c"]\nADD --checksum=sha256:00 https://localhost/x /y\n',
    "FROM a\nRUN <<-EOF cat <<'two words'\n\techo $x\n\tEOF\n$y\ntwo words\nCOPY <<A <<B /d/\nx\nA\nB\n"
    "HEALTHCHECK --interval=1m30s --retries=2 CMD [\"a\"]\nONBUILD COPY <<E /x\nE\nSHELL [\"/bin/sh\", \"-c\"]\n",
    "from x as y\r\nenv a=b \\\r\n  c='d e' f=\"g $h\"\r\nlabel k v w\r\nexpose 80/TCP 1-3\r\nvolume [\"/a\"]\r\n"
    "user a:b\r\nworkdir ./x\r\nstopsignal 9\r\nmaintainer me\r\nentrypoint a\r\ncmd b",
)  # fmt: skip
PIECES = (
    *"\n\t \r\\`#$\"'{}[]<>=-,:/|&;@!~?*",
    "\\\n", "`\n", "\n\n", "<<E", "\nE\n", "--", "--x=", "${", "${a:-", "[\"", "\ufeff",
    "\x00", "é", "\u2028", "\x0b", "\x85", "😀", "# check=", "# escape=`\n", "ONBUILD ",
    *(f"\n{word} " for word in KEYWORDS),
)  # fmt: skip


def damaged(seed: int) -> str:
    chance = random.Random(seed)
    text = chance.choice(SAMPLES)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 10) :]
            case 2:
                text = text[:at] + chance.choice(PIECES) + text[at + 1 :]
            case _:
                start = chance.randrange(len(text) + 1)
                text = text[:at] + text[start : start + 40] + text[at:]
    return text


def check_span(span: Span) -> None:
    """A span lies in its text: a caret can be drawn."""
    rows = span.source.text.split("\n")
    assert 1 <= span.line <= max(len(rows), 1)
    assert span.line <= span.end_line <= max(len(rows), 1)
    assert 1 <= span.column <= len(rows[span.line - 1]) + 1
    assert 1 <= span.end_column <= len(rows[span.end_line - 1]) + 2


def check(text: str) -> bool:
    """Whether the text is a Dockerfile."""
    try:
        dockerfile = parse(Source("Dockerfile", text))
    except InputError as error:
        for diagnostic in error.diagnostics:
            assert diagnostic.span is not None, diagnostic
            check_span(diagnostic.span)
        return False
    for diagnostic in lint(dockerfile):
        if diagnostic.span is not None:
            check_span(diagnostic.span)
    return True


def offset(text: str, line: int, column: int) -> int:
    return sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1


def check_round_trip(text: str) -> None:
    """The instructions by their spans, and comments, blanks and directives between them, are the whole text."""
    try:
        scanned = scan(Source("Dockerfile", text))
    except InputError:
        return
    if scanned.error is not None:
        return
    escape = re.escape(scanned.directives.escape)
    between = re.compile(rf"\ufeff?(?:\s*(?:#[^\n]*)?(?:{escape}[ \t]*\r*)?(?:\n|$))*\s*")
    pieces: list[str] = []
    at = 0
    for raw in scanned.raws:
        start = offset(text, raw.span.line, raw.span.column)
        end = offset(text, raw.span.end_line, raw.span.end_column)
        assert at <= start <= end, raw
        gap = text[at:start]
        assert between.fullmatch(gap), (gap, raw)
        assert not raw.word or text[start] == raw.word[0]
        pieces += [gap, text[start:end]]
        at = end
    rest = text[at:]
    assert between.fullmatch(rest), rest
    assert "".join([*pieces, rest]) == text


def test_the_samples_are_good() -> None:
    assert [check(text) for text in SAMPLES] == [True] * len(SAMPLES)
    for text in SAMPLES:
        check_round_trip(text)


@pytest.mark.parametrize("part", range(4))
def test_damaged_dockerfiles(part: int) -> None:
    good = 0
    for seed in range(SEED + part * DAMAGED // 4, SEED + (part + 1) * DAMAGED // 4):
        text = damaged(seed)
        try:
            good += check(text)
            check_round_trip(text)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {text!r}") from error
    assert 0 < good < DAMAGED // 4


ANY = st.lists(st.sampled_from([*PIECES, "a", "FROM", "b c"]) | st.text(max_size=3), max_size=30).map("".join)
WORD = st.lists(
    st.sampled_from(["${", *"$}ab:-+?#%/*\\`'\" \né"]),
    max_size=24,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_any_text_is_answered(text: str) -> None:
    check(text)
    check("FROM scratch\n" + text)
    check_round_trip(text)


@settings(max_examples=1000, deadline=None)
@given(WORD, st.dictionaries(st.sampled_from("ab"), WORD, max_size=2), st.sampled_from("\\`"))
def test_any_word_is_expanded_or_refused(word: str, env: dict[str, str], escape: str) -> None:
    for work in (
        lambda: expand(word, env, escape=escape),
        lambda: expand_words(word, env, escape=escape),
        lambda: expand_heredoc(word, env),
        lambda: split_raw(word),
        lambda: heredoc_name(word),
    ):
        try:
            work()
        except WordError as error:
            assert str(error)


PATTERN = st.lists(
    st.sampled_from(["*", "**", "**/", "/", "a", "b", "?", "[a-c]", "[", "^", "!", "\\", ".", " "]), max_size=12
)
PATH = st.lists(st.sampled_from(["a", "b", "ab", "a.b", "c"]), min_size=1, max_size=8).map("/".join)


@settings(max_examples=800, deadline=None)
@given(st.lists(PATTERN.map("".join), max_size=4), st.lists(PATH, max_size=4))
def test_any_ignore_file_is_answered(patterns: list[str], paths: list[str]) -> None:
    try:
        found = parse_patterns("\n".join(patterns))
    except BadPattern as error:
        assert error.line > 0
        return
    matcher = Matcher(found)
    for path in paths:
        assert matcher.ignored(path) in (True, False)
        matcher.may_descend(path)


SLOW = {
    "stars in a replacement": "expand('${v//*x*y*z/-}', {'v': 'xy' * 30_000})",
    "a star behind a letter": "expand('${v//x*y/-}', {'v': 'x' * 60_000})",
    "many stars in a prefix": "expand('${v##' + '*a' * 200 + 'b}', {'v': 'a' * 60_000})",
    "many stars in a suffix": "expand('${v%%b' + 'a*' * 200 + '}', {'v': 'a' * 60_000})",
    "nesting": "expand('${a:-' * 20_000, {})",
    "closed nesting": "expand('${a:-' * 20_000 + '}' * 20_000, {})",
    "nested quotes": "expand('\"${a:-' * 5_000, {})",
    "stars in a component": "Matcher(parse_patterns('*a' * 60 + 'b')).ignored('a' * 4000)",
    "directories": "Matcher(parse_patterns('**/a/' * 30 + 'b')).ignored('a/' * 1000 + 'c')",
    "stars and directories": "Matcher(parse_patterns('**/*a*/' * 20 + 'b')).ignored('aaaa/' * 400 + 'c')",
    "stars that are no components": "Matcher(parse_patterns('**a' * 30 + 'b')).ignored('a/' * 100 + 'c')",
    "a long continuation": "scan(Source('D', 'RUN x \\\\\\n' + 'y \\\\\\n' * 100_000))",
    "many comments": "parse(Source('D', '#\\n' * 200_000 + 'FROM a\\n'))",
    "many instructions": "lint(parse(Source('D', 'FROM a\\n' + 'ENV a=$b\\n' * 4_000)))",
    "many heredocs without an end": "scan(Source('D', 'FROM a\\n' + 'RUN cat <<E\\n' * 20_000))",
    "many heredoc words": "scan(Source('D', 'FROM a\\nRUN cat ' + '<<E ' * 10_000))",
    "deep JSON": "parse(Source('D', 'FROM a\\nCMD ' + '[' * 30_000))",
    "many flags": "scan(Source('D', 'FROM a\\nRUN ' + '--mount=a ' * 6_000))",
}  # fmt: skip
_SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
from bake.dockerfile.ignore import BadPattern, Matcher, parse_patterns
from bake.dockerfile.lint import lint
from bake.dockerfile.parse import parse
from bake.dockerfile.parse.scan import scan
from bake.errors import InputError, Source
from bake.words import WordError, expand
for name, work in {table}.items():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        eval(work)
    except (InputError, WordError, ValueError) as error:
        assert type(error) is not RecursionError
    print(f"{{resource.getrusage(resource.RUSAGE_SELF).ru_utime - before:.2f}}", name, flush=True)
"""


@pytest.mark.parametrize("name", SLOW)
def test_hostile_texts_take_little_time(name: str) -> None:
    """The limit is on CPU time: a process that goes on and on is killed, and says nothing."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(table={name: SLOW[name]})],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, _, rest = done.stdout.partition(" ")
    assert rest.strip() == name
    assert float(seconds) < 3
