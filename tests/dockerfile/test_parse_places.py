"""Where mistakes are said to be, and what instructions keep (reference/dockerfile.md §1, §8.1, §9, §15)."""

from __future__ import annotations

import pytest
from dockerfiles import mistakes, only, read

from bake.dockerfile.instructions import Copy, Run
from bake.dockerfile.parse import parse_instruction
from bake.errors import InputError


def marked(text: str) -> list[str]:
    """What the diagnostics point at: `line:the text there`."""
    with pytest.raises(InputError) as caught:
        read(text)
    rows = text.split("\n")
    found: list[str] = []
    for diagnostic in caught.value.diagnostics:
        span = diagnostic.span
        assert span is not None
        end = span.end_column - 1 if span.end_line == span.line else None
        found.append(f"{span.line}:{rows[span.line - 1][span.column - 1 : end]}")
    return found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("RUM a b", "2:RUM"),
        ("  RUM\ta b", "2:RUM"),
        ("\\\n RUM a b", "3:RUM"),
        ("COPY --chown=1 --form=x a b", "2:--form=x"),
        ("COPY --chown=1 \\\n --form=x a b", "3:--form=x"),
        ("COPY --from=$x a b", "2:--from=$x"),
        ("RUN --network=hots true", "2:--network=hots"),
        ("RUN --mount=type=bind --mount=from=$a true", "2:from=$a"),
        ("ENV a=b \\\n  c \\\n  d=e", "3:c"),
        ("ENV a=b =c", "2:=c"),
        ("HEALTHCHECK --retries=-1 CMD x", "2:--retries=-1"),
        ("HEALTHCHECK COMMAND x", "2:COMMAND"),
        ("HEALTHCHECK NONE x", "2:x"),
        ("ONBUILD FROM x", "2:FROM"),
        ("SHELL bash -c", "2:bash -c"),
        ("FROM a AS 1x", "2:1x"),
        ("COPY a <<E\nE", "2:<<E"),
        ("RUN cat <<E <<F\nE", "2:<<F"),
        ('CMD ["a", 1]', "2:["),
        ("USER", "2:USER"),
        ("WORKDIR --x /", "2:--x"),
    ],
)
def test_mistakes_point_at_their_word(text: str, place: str) -> None:
    assert marked(f"FROM scratch\n{text}") == [place]


def test_every_instruction_is_looked_at() -> None:
    text = "RUN a\nARG =\nFROM a b\nRUM x\nFROM c AS d\nCOPY x\nRUN <<E\nFROM never\n"
    assert marked(text) == ["1:RUN", "2:=", "3:FROM a b", "4:RUM", "6:COPY x", "7:<<E"]


def test_an_empty_text_is_told_from_one_without_instructions() -> None:
    assert mistakes("") == [(1, "the Dockerfile cannot be empty")]
    assert mistakes(" \n") == [(1, "file with no instructions")]
    assert mistakes("\\") == [(1, "unknown instruction: ")]


def test_a_byte_order_mark_moves_no_place() -> None:
    with pytest.raises(InputError) as caught:
        read("\ufeffRUM a\n")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (1, 2)
    assert read("\ufeff# escape=`\nFROM scratch\n").escape == "`"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('EXPOSE ["80"] 81', {"ports": ('["80"]', "81")}),
        ('VOLUME ["/a b", "/c"]', {"paths": ("/a b", "/c")}),
        ("VOLUME /a  /b", {"paths": ("/a", "/b")}),
        ("USER a b", {"user": "a b"}),
        ("WORKDIR /a b", {"path": "/a b"}),
        ("STOPSIGNAL --ignored 9", {"signal": "9"}),
        ("ARG --ignored A B=c", {"pairs": (("A", None), ("B", "c"))}),
        ("ARG A=\"b c\" D=", {"pairs": (("A", '"b c"'), ("D", ""))}),
        ("MAINTAINER a <b>", {"name": "a <b>"}),
        ('COPY ["a b", "/c d/"]', {"sources": ("a b",), "dest": "/c d/"}),
        ("COPY --chown= --from=x a b c", {"chown": None, "from_": "x", "sources": ("a", "b"), "dest": "c"}),
        ("COPY --parents --link=false --exclude=a --exclude=!b x y", {
            "parents": True, "link": False, "exclude": ("a", "!b")}),
        ("ADD --keep-git-dir --unpack=false --checksum=sha256:x u v", {
            "keep_git_dir": True, "unpack": False, "checksum": "sha256:x"}),
        ("ADD u v", {"keep_git_dir": None, "unpack": None}),
        ("RUN --network=none --security=insecure --device=a --device=b,required x", {
            "network": "none", "security": "insecure", "devices": ("a", "b,required")}),
        ("ENV A b=c d", {"pairs": (("A", "b=c d"),), "legacy": True}),
        ("ENV A=b\\ c", {"pairs": (("A", "b\\ c"),), "legacy": False}),
        ("LABEL 'a b'=c", {"pairs": (("'a b'", "c"),)}),
        ("ONBUILD   ADD a b", {"trigger": "ADD a b"}),
        ("HEALTHCHECK --interval=x NONE", {"command": None}),
        ("HEALTHCHECK --interval= --retries=2 cmd\ttrue", {"interval": 0, "retries": 2}),
    ],
)  # fmt: skip
def test_instructions_keep_what_is_written(text: str, fields: dict[str, object]) -> None:
    instruction = only(text)
    assert {name: getattr(instruction, name) for name in fields} == fields


def test_stages_keep_what_is_written() -> None:
    stage = read("from --platform=$P Image As Name.1\n").stages[0]
    assert (stage.base, stage.name, stage.platform) == ("Image", "name.1", "$P")
    assert read("FROM --platform= a").stages[0].platform is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ENV \\", "ENV requires at least one argument"),
        ("ARG \\", "ARG requires at least one argument"),
        ("ARG", "ARG requires at least one argument"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ('VOLUME ["", "/a"]', "VOLUME specified can not be an empty string"),
        ('COPY ["a"]', "COPY requires at least two arguments"),
        ("HEALTHCHECK --retries=" + "9" * 5000 + " CMD x", "--retries must be a whole number"),
        ("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"),
        ("USER --x a", "unknown flag: --x"),
        ("RUN --foo", "unknown flag: --foo"),
        ("RUN\xa0x", "unknown instruction: RUN\xa0x"),
        ("FROM a b c", "FROM requires either one or three arguments"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
    ],
)
def test_more_that_is_refused(text: str, message: str) -> None:
    ((_, said),) = mistakes(f"FROM scratch\n{text}")
    assert message in said


def test_two_heredocs_of_one_name_have_the_last_content() -> None:
    copy = only("COPY <<A <<A /d/\none\nA\ntwo\nA")
    assert isinstance(copy, Copy)
    assert [h.body for h in copy.heredocs] == ["two\n", "two\n"]


def test_heredoc_bodies_keep_their_line_ends() -> None:
    run = only("RUN <<E\r\na\r\n\r\nE\r")
    assert isinstance(run, Run)
    assert run.heredocs[0].body == "a\r\n\r\n"


def test_triggers_say_what_they_are_in_errors() -> None:
    span = only("ONBUILD RUN x").span
    with pytest.raises(InputError) as caught:
        parse_instruction("COPY a", span)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message.startswith("ONBUILD COPY a: COPY requires at least two arguments")
    assert diagnostic.span == span
    with pytest.raises(InputError):
        parse_instruction("", span)
