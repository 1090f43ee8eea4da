"""Dockerfile texts → typed instructions: lexing, flags, heredocs, places (reference/dockerfile.md §1–3, §15, §16.2)."""

from __future__ import annotations

import pytest
from dockerfiles import mistakes, only, read
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.instructions import Copy, Env, Healthcheck, Label, Onbuild, Run, Shell
from bake.dockerfile.parse import KEYWORDS, parse_instruction
from bake.errors import InputError
from bake.words import expand


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("RUN a \\\n  b", "a   b"),
        ("RUN a \\  \n  b", "a   b"),
        ("RUN a\\\\\nRUN b", None),
        ("RUN a \\\n# comment\n b", "a  b"),
        ("RUN a \\\n   # comment\n b", "a  b"),
        ("RUN a \\\n\n b", "a  b"),
        ("RUN a \\", "a"),
        ("\\\nRUN a", "a"),
        ("   run\ta", "a"),
        ("RUN a # no comment", "a # no comment"),
        ("RUN a\r", "a"),
        ("RUN -- --foo", "--foo"),
        ('RUN ["a", 1', '["a", 1'),
    ],
)
def test_lines_join_to_instructions(text: str, shell: str | None) -> None:
    if shell is None:
        first, second = read(f"FROM scratch\n{text}\n").stages[0].instructions
        assert isinstance(first, Run) and first.command.shell == "a\\\\"
        assert isinstance(second, Run)
        return
    run = only(text)
    assert isinstance(run, Run)
    assert run.command.shell == shell


def test_the_escape_directive_changes_continuation_and_flags() -> None:
    made = read("# escape=`\nFROM scratch\nRUN dir `\n C:\\\n")
    (run,) = made.stages[0].instructions
    assert isinstance(run, Run)
    assert run.command.shell == "dir  C:\\"


def test_directives_end_at_the_first_other_line() -> None:
    made = read("#syntax = docker/dockerfile:1\n# check=skip=all\n\n# escape=`\nFROM scratch\n")
    assert (made.syntax, made.check, made.escape) == ("docker/dockerfile:1", "skip=all", "\\")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the Dockerfile cannot be empty"),
        ("# only a comment\n", 1, "file with no instructions"),
        ("ARG A\n", 1, "dockerfile contains no stages to build"),
        ("RUN a\nFROM scratch\n", 1, "no build stage in current context"),
        ("FROM scratch\nRUM a\n", 2, "unknown instruction: RUM"),
        ("FROM a b\n", 1, "FROM requires either one or three arguments"),
        ("FROM a AS 1b\n", 1, "invalid name for build stage"),
        ("FROM scratch\nCOPY a\n", 2, "COPY requires at least two arguments"),
        ("FROM scratch\nCOPY --chwon=1 a b\n", 2, "unknown flag: --chwon"),
        ("FROM scratch\nCOPY --from=a --from=b a b\n", 2, "duplicate flag specified: --from"),
        ("FROM scratch\nCOPY --from a b\n", 2, "missing a value on flag: --from"),
        ("FROM scratch\nCOPY --link=x a b\n", 2, "expecting boolean value for flag --link, not: x"),
        ("FROM scratch\nENV a\n", 2, "ENV must have two arguments"),
        ("FROM scratch\nENV a=b c\n", 2, "Syntax error - can't find = in"),
        ("FROM scratch\nENV =b\n", 2, "ENV names can not be blank"),
        ("FROM scratch\nARG =b\n", 2, "ARG names can not be blank"),
        ("FROM scratch\nLABEL\n", 2, "LABEL requires at least one argument"),
        ("FROM scratch\nWORKDIR\n", 2, "WORKDIR requires exactly one argument"),
        ("FROM scratch\nSHELL bash\n", 2, "SHELL requires the arguments to be in JSON form"),
        ("FROM scratch\nSHELL []\n", 2, "SHELL requires at least one argument"),
        ('FROM scratch\nCMD ["a", 1]\n', 2, "arrays must be comprised of strings only"),
        ("FROM scratch\nHEALTHCHECK RUN x\n", 2, 'Unknown type "RUN" in HEALTHCHECK (try CMD)'),
        ("FROM scratch\nHEALTHCHECK NONE x\n", 2, "HEALTHCHECK NONE takes no arguments"),
        ("FROM scratch\nHEALTHCHECK CMD\n", 2, "Missing command after HEALTHCHECK CMD"),
        ("FROM scratch\nHEALTHCHECK --interval=1us CMD x\n", 2, "cannot be less than 1ms"),
        ("FROM scratch\nONBUILD ONBUILD RUN x\n", 2, "Chaining ONBUILD"),
        ("FROM scratch\nONBUILD FROM x\n", 2, "FROM isn't allowed as an ONBUILD trigger"),
        ("FROM scratch\nRUN --network=x y\n", 2, 'invalid network mode "x"'),
        ("FROM scratch\nRUN --security=x y\n", 2, 'security "x" is not valid'),
        ("FROM scratch\nRUN --mount=type=bind,from=$x y\n", 2, "'from' doesn't support variable expansion"),
        ("FROM scratch\nCOPY <<EOF /x\nbody\n", 2, "unterminated heredoc"),
        ("FROM scratch\nCOPY a <<EOF\nEOF\n", 2, "cannot accept a heredoc as a destination"),
        ("# escape=x\nFROM scratch\n", 1, "invalid escape token 'x'"),
        ("# escape=`\n# escape=`\nFROM scratch\n", 2, "only one escape parser directive can be used"),
        ("FROM scratch\nRUN " + "x" * 70000 + "\n", 2, "dockerfile line greater than max allowed size"),
    ],
)  # fmt: skip
def test_mistakes_have_a_line_and_the_fields_words(text: str, line: int, message: str) -> None:
    ((at, said), *_) = mistakes(text)
    assert at == line
    assert message in said


def test_all_mistakes_come_at_once_with_hints() -> None:
    with pytest.raises(InputError) as caught:
        read("FROM scratch\nRUM a\nCOPY --chwon=1 a b\nENV x\n")
    assert [(d.span.line, d.hint) for d in caught.value.diagnostics if d.span] == [
        (2, "did you mean RUN?"),
        (3, "did you mean --chown?"),
        (4, "ENV x=VALUE"),
    ]


def test_flags_are_placed_at_their_own_column() -> None:
    with pytest.raises(InputError) as caught:
        read("FROM scratch\nCOPY --from=a \\\n  --what=1 a b\n")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (3, 3)


@pytest.mark.parametrize(
    ("word", "name", "expand"),
    [
        ("<<EOF", "EOF", True),
        ("<<- EOF", "EOF", True),
        ("<< EOF", "EOF", True),
        ('<<EO"F"', "EOF", False),
        ("4<<EOF", "EOF", True),
        ("<< -EOF", "-EOF", True),
        ("<<'one two'", "one two", False),
        ("<<eo\\'f", "eo'f", True),
        ("<<$EOF", "$EOF", True),
        ("<<EOF>f", "EOF>f", True),
        ("<<A;", "A;", True),
        ("${x?} <<EOF", "EOF", True),
        ("it\\'s <<EOF", "EOF", True),
        ("<<\\EOF", "EOF", True),
    ],
)
def test_heredoc_words(word: str, name: str, expand: bool) -> None:
    run = only(f"RUN cat {word}\nbody\n{name}")
    assert isinstance(run, Run)
    ((heredoc),) = run.heredocs
    assert (heredoc.name, heredoc.expand, heredoc.body) == (name, expand, "body\n")


@pytest.mark.parametrize(
    "word", ["'<<EOF'", "<<<EOF", "<EOF", "<<", "cmd<<EOF", "<< <<EOF", "$((1<<2))", "${x^^} <<EOF"]
)
def test_what_is_no_heredoc(word: str) -> None:
    run = only(f"RUN cat {word}")
    assert isinstance(run, Run)
    assert run.heredocs == ()


def test_several_heredocs_are_read_in_order_and_raw() -> None:
    copy = only("COPY a <<ONE <<-TWO /d/\n# not a comment \\\nONE\n\tx\n\tTWO")
    assert isinstance(copy, Copy)
    assert copy.sources == ("a",)
    assert [(h.name, h.body, h.chomp) for h in copy.heredocs] == [
        ("ONE", "# not a comment \\\n", False),
        ("TWO", "\tx\n", True),
    ]


def test_an_unbalanced_quote_means_no_heredoc() -> None:
    assert mistakes("FROM scratch\nRUN echo it's <<EOF\nhello\nEOF\n")[0][0] == 3


def test_spans_cover_continuations_and_heredocs() -> None:
    stage = read("FROM scratch\n  RUN a \\\n  b\nCOPY <<E /x\nhi\nE\n").stages[0]
    run, copy = stage.instructions
    assert (run.span.line, run.span.column, run.span.end_line) == (2, 3, 3)
    assert (copy.span.line, copy.span.end_line, copy.span.end_column) == (4, 6, 2)


def test_pairs_keep_quotes_for_expansion() -> None:
    env = only("ENV a=b c=\"d e\" f='g' h\\ i=j")
    assert isinstance(env, Env)
    assert env.pairs == (("a", "b"), ("c", '"d e"'), ("f", "'g'"), ("h\\ i", "j"))
    legacy = only("ENV name a value = more")
    assert isinstance(legacy, Env)
    assert (legacy.pairs, legacy.legacy) == ((("name", "a value = more"),), True)


def test_healthchecks_have_durations_in_nanoseconds() -> None:
    check = only('HEALTHCHECK --interval=1m30s --timeout=0.5s --retries=3 CMD ["a", "b"]')
    assert isinstance(check, Healthcheck)
    assert (check.interval, check.timeout, check.retries) == (90 * 10**9, 5 * 10**8, 3)
    assert check.command is not None and check.command.words == ("a", "b")


def test_triggers_are_parsed_where_they_are_used() -> None:
    onbuild = only("ONBUILD RUN <<EOF\necho\nEOF")
    assert isinstance(onbuild, Onbuild)
    run = parse_instruction(onbuild.trigger, onbuild.span)
    assert isinstance(run, Run)
    assert run.heredocs[0].body == "echo\n"
    with pytest.raises(InputError, match="single expression"):
        parse_instruction("RUN a\nRUN b", onbuild.span)


def test_shells_are_lists() -> None:
    shell = only('SHELL ["/bin/bash", "-c"]')
    assert isinstance(shell, Shell)
    assert shell.words == ("/bin/bash", "-c")


def test_exec_forms_have_no_heredocs() -> None:
    for text in ('RUN ["cat", "<<EOF"]', 'COPY ["<<EOF", "/x"]', 'ONBUILD RUN ["<<EOF"]', "CMD cat <<EOF"):
        assert getattr(only(text), "heredocs", ()) == ()


names = st.text("abc_", min_size=1, max_size=5)
values = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.tuples(names, values), min_size=1, max_size=4), st.sampled_from(["ENV", "LABEL"]))
def test_quoted_pairs_come_back(pairs: list[tuple[str, str]], keyword: str) -> None:
    def quoted(value: str) -> str:
        return "'" + value.replace("'", "'\\''") + "'"

    text = " ".join(f"{name}={quoted(value)}" for name, value in pairs)
    instruction = only(f"{keyword} {text}")
    assert isinstance(instruction, Env | Label)
    assert [(name, expand(value, {}).text) for name, value in instruction.pairs] == pairs


lines = st.lists(
    st.one_of(
        st.sampled_from([f"{keyword} " for keyword in KEYWORDS]).flatmap(
            lambda keyword: st.text("ab=$\\'\"<>[]-,\t ", max_size=12).map(lambda rest: keyword + rest)
        ),
        st.text("# \\\tEOF<", max_size=8),
    ),
    max_size=8,
)


@given(lines)
def test_any_text_parses_or_is_refused_at_a_place(rows: list[str]) -> None:
    text = "\n".join(["FROM scratch", *rows])
    try:
        made = read(text)
    except InputError as error:
        assert all(d.span is not None and d.span.line >= 1 for d in error.diagnostics)
        return
    written = text.split("\n")
    for stage in made.stages:
        for instruction in stage.instructions:
            place = written[instruction.span.line - 1][instruction.span.column - 1 :]
            assert place.upper().startswith(type(instruction).__name__.upper())
