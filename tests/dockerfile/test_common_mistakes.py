"""What people get wrong: told with its exact place, in the words of the field, and with the nearest good form."""

from __future__ import annotations

import pytest
from compiling import compile_targets, target

from bake.errors import InputError, Span

MISTAKES = [
    # the Dockerfile, where it points, the message or a part of it, the hint or a part of it
    ("FORM debian", "FORM", "unknown instruction: FORM", "did you mean FROM?"),
    ("FROM scratch\nRNU x", "RNU", "unknown instruction: RNU", "did you mean RUN?"),
    ("FROM scratch\nEXPOES 80", "EXPOES", "unknown instruction: EXPOES", "did you mean EXPOSE?"),
    ("FROM scratch\nENV a=b\n    c=d", "c=d", "unknown instruction: c=d", "must end with \\"),
    ("FROM scratch\nCOPY a", "COPY a", "COPY requires at least two arguments", "COPY SOURCE… DESTINATION"),
    ('FROM scratch\nADD ["a"]', 'ADD ["a"]', "ADD requires at least two arguments", "ADD SOURCE… DESTINATION"),
    ("FROM scratch\nCOPY --chwon=1 a /b", "--chwon=1", "unknown flag: --chwon", "did you mean --chown?"),
    ("FROM scratch\nCOPY --from a /b", "--from", "missing a value on flag: --from", "--from=VALUE"),
    ("FROM scratch\nCOPY --link=yes a /b", "--link=yes", "expecting boolean value for flag --link", "true or false"),
    (
        "FROM scratch\nCOPY --chmod=999 a /b",
        "--chmod=999",
        "invalid chmod parameter: '999'",
        "an octal number such as 644",
    ),
    ("FROM scratch\nCOPY --chmod=u+z a /b", "--chmod=u+z", "invalid chmod parameter: 'u+z'", "u=rwX,go=rX"),
    (
        "FROM scratch\nCOPY --from=$x a /b",
        "--from=$x",
        "variable expansion is not supported for --from",
        "FROM $IMAGE AS",
    ),
    ("FROM scratch\nCOPY https://localhost/x /y", "https://localhost/x", "source can't be a URL for COPY", "use ADD"),
    ("FROM scratch\nCOPY --from=7 a /b", "--from=7", "invalid stage index 7", "count from 0"),
    ("FROM scratch\nCOPY <<EOF /a\nx", "<<EOF", "unterminated heredoc", "just EOF"),
    (
        "FROM scratch\nADD --checksum=sha256:1 a /z",
        "--checksum=sha256:1",
        "checksum requires HTTP(S) or Git sources",
        "URL",
    ),
    ("FROM --platfrom=linux/arm64 scratch", "--platfrom=linux/arm64", "unknown flag: --platfrom", "--platform?"),
    ("FROM --platform=linux/arm/v7/x y", "linux/arm/v7/x", "failed to parse platform", "os/arch[/variant]"),
    (
        "FROM a b",
        "FROM a b",
        "FROM requires either one or three arguments",
        "FROM [--platform=PLATFORM] IMAGE [AS NAME]",
    ),
    ("FROM scratch AS 1st", "1st", 'invalid name for build stage: "1st"', "a letter first"),
    ("FROM Debian/Base", "Debian/Base", "must be lower case", "in lower case"),
    ("FROM $BASE", "$BASE", "base name ($BASE) should not be blank", "a default"),
    ("FROM debian:$V\nARG V=12", "debian:$V", "failed to parse stage name 'debian:'", "above the first FROM"),
    ("RUN x", "RUN", "no build stage in current context", "a Dockerfile begins with FROM"),
    ("ENV a=b\nFROM scratch", "ENV", "no build stage in current context", "only ARG may come before it"),
    ("ARG a=1", "", "dockerfile contains no stages to build", "add a FROM line"),
    ("FROM scratch\nENV a", "ENV a", "ENV must have two arguments", "ENV a=VALUE"),
    ("FROM scratch\nENV a=b c d", "c", 'can\'t find = in "c"', "quote values that hold blanks"),
    ("FROM scratch\nENV =b", "=b", "ENV names can not be blank", "ENV NAME=VALUE"),
    ("FROM scratch\nENV", "ENV", "ENV requires at least one argument", "ENV NAME=VALUE"),
    ("FROM scratch\nLABEL x", "LABEL x", "LABEL must have two arguments", "LABEL x=VALUE"),
    ("FROM scratch\nARG", "ARG", "ARG requires at least one argument", "ARG NAME[=DEFAULT]"),
    ("FROM scratch\nENV x=1 a=${b", "${b", "missing '}'", "close it: ${NAME}"),
    ("FROM scratch\nENV x=1 a=${b:x}", "${b:x}", "unsupported modifier (:x)", "${NAME:-DEFAULT}"),
    ("FROM scratch\nLABEL a='b", "'b", "matching single-quote", "close the quote"),
    ("FROM scratch\nCOPY a \\\n  ${y:?} /b", "${y:?}", "y: is not allowed to be", "ARG NAME=DEFAULT"),
    ("FROM scratch\nEXPOSE 1 80/tpc", "80/tpc", 'invalid port: "80/tpc": invalid proto: tpc', "EXPOSE PORT"),
    ("FROM scratch\nEXPOSE http", "http", "invalid containerPort: http", "EXPOSE PORT"),
    ("FROM scratch\nEXPOSE", "EXPOSE", "EXPOSE requires at least one argument", "EXPOSE PORT"),
    ("FROM scratch\nUSER", "USER", "USER requires exactly one argument", "USER NAME[:GROUP]"),
    ("FROM scratch\nWORKDIR", "WORKDIR", "WORKDIR requires exactly one argument", "WORKDIR /PATH"),
    ("FROM scratch\nVOLUME", "VOLUME", "VOLUME requires at least one argument", "VOLUME ["),
    ("FROM scratch\nSTOPSIGNAL SIGTREM", "SIGTREM", "invalid signal: SIGTREM", "SIGTERM"),
    ("FROM scratch\nSHELL /bin/sh", "/bin/sh", "SHELL requires the arguments to be in JSON form", 'SHELL ["'),
    ('FROM scratch\nCMD ["a", 1]', "[", "arrays must be comprised of strings only", '"1"'),
    ("FROM scratch\nHEALTHCHECK curl x", "curl", 'Unknown type "CURL" in HEALTHCHECK', "HEALTHCHECK CMD curl x"),
    (
        "FROM scratch\nHEALTHCHECK CMD",
        "HEALTHCHECK CMD",
        "Missing command after HEALTHCHECK CMD",
        "HEALTHCHECK CMD COMMAND",
    ),
    ("FROM scratch\nHEALTHCHECK --intervall=5s CMD x", "--intervall=5s", "unknown flag: --intervall", "--interval?"),
    ("FROM scratch\nHEALTHCHECK --interval=5 CMD x", "--interval=5", 'invalid duration "5"', "30s or 1m30s"),
    ("FROM scratch\nONBUILD FROM x", "FROM", "FROM isn't allowed as an ONBUILD trigger", "ONBUILD INSTRUCTION"),
    ("FROM scratch\nONBUILD ONBUILD RUN x", "ONBUILD", "Chaining ONBUILD", "write ONBUILD once"),
    ("FROM scratch\nRUN --network=hots x", "--network=hots", 'invalid network mode "hots"', "did you mean host?"),
    ("FROM scratch\nRUN --security=insecur x", "--security=insecur", 'security "insecur" is not valid', "insecure?"),
    ("FROM scratch\nRUN --mont=type=cache x", "--mont=type=cache", "unknown flag: --mont", "did you mean --mount?"),
    ("FROM scratch\nRUN --mount=type=cahce,target=/x y", "type=cahce", 'unsupported mount type "cahce"', "'cache'?"),
    ("FROM scratch\nRUN --mount=type=cache,tagret=/x y", "tagret=/x", "unexpected key 'tagret'", "'target'?"),
    (
        "FROM scratch\nRUN --mount=type=cache,target=/x,sharing=lokced y",
        "sharing=lokced",
        'sharing value "lokced"',
        "'locked'?",
    ),
    ("FROM scratch\nRUN --mount=type=secret y", "--mount=", "invalid secret mount", "id=NAME"),
    ("FROM scratch\nRUN --mount=type=secret,id=a,requird y", "requird", "invalid field 'requird'", "'required'?"),
    ("FROM scratch\nRUN --mount=type=secret,id=a,env y", "env", "invalid field 'env'", "env=VALUE"),
    (
        "FROM scratch\nRUN --mount=type=tmpfs,target=/x,size=abc y",
        "size=abc",
        "invalid value for size: abc",
        "size=64m",
    ),
    (
        "FROM scratch\nRUN --mount=type=cache,target=/x,mode=rwx y",
        "mode=rwx",
        "invalid value rwx for mode",
        "mode=0755",
    ),
    (
        "FROM scratch\nRUN --mount=type=bind,from=$x,target=/x y",
        "from=$x",
        "doesn't support variable",
        "FROM $IMAGE AS",
    ),
    ("FROM scratch\nRUN --mount=type=cache,target=/ y", "target=/", 'invalid mount target "/"', "below the root"),
    (
        "FROM scratch\nCOPY --from=later a /b\nFROM scratch AS later\nCOPY --from=0 / /",
        "--from=later",
        "cannot copy from stage 'later'",
        "move the stage 'later' up",
    ),
    (
        "FROM scratch\nRUN --mount=from=later,target=/x y\nFROM scratch AS later\nCOPY --from=0 / /",
        "from=later",
        "cannot mount from stage 'later'",
        "move the stage 'later' up",
    ),
    ("FROM scratch\nCOPY a b[ /c", "b[", "syntax error in pattern 'b['", "escape it with a backslash"),
    ("FROM scratch AS a\nCOPY --from=a x /y", "--from=a", "circular dependency detected on stage: a", ""),
    ("FROM scratch\nCOPY --exclude=a* --exclude=[b . /c", "--exclude=[b", "syntax error in pattern: [b", "backslash"),
    ("FROM scratch\nCOPY <<E /x\na\n b${Y^}\nE", "${Y^}", "unsupported modifier (^)", "${NAME:-DEFAULT}"),
    ("FROM scratch\nCOPY <<E /x\na\n b${Y:?none}c\nE", "${Y:?none}c", "heredoc E: Y: none", ""),
    ("FROM scratch\nCOPY --chown=bob a /x", "--chown=bob", "the owner bob cannot be looked up", "use numbers"),
    (
        "FROM scratch\nADD --checksum=sha256:1 https://a/x /y",
        "--checksum=sha256:1",
        "invalid checksum",
        "URL",
    ),
    (
        "FROM scratch\nADD http://a/x.git?rev=1 /y",
        "http://a/x.git?rev=1",
        'unexpected query "rev"',
        "",
    ),
    ('FROM scratch\nVOLUME ["/a", " "]', '" "', "VOLUME specified can not be an empty string", "VOLUME ["),
    ("FROM scratch\nVOLUME /a $X", "$X", "VOLUME specified can not be an empty string", "VOLUME ["),
    ("FROM scratch\nEXPOSE 8 80 800/x", "800/x", 'invalid port: "800/x"', "EXPOSE PORT"),
    ("FROM scratch\nRUN --network=host x", "--network=host", "network.host is not allowed", "entitlements"),
    (
        "FROM scratch\nRUN --security=insecure x",
        "--security=insecure",
        "security.insecure is not allowed",
        "if you trust",
    ),
    (
        "FROM scratch\nRUN --device=a --network=none x",
        "--device=a",
        "no engine of bake gives",
        "remove the flag",
    ),
    ("FROM scratch\nRUN --mount=type=secret,id=a,src=b x", "src=b", "both source and id can't be set", "keep id"),
    ("FROM scratch\nRUN --mount=type=tmpfs,dst=/x,gid=1 y", "gid=1", 'gid not allowed for "tmpfs"', ""),
    ("FROM scratch\nRUN --mount=type=tmpfs,dst=/,rw y", "dst=/", 'invalid mount target "/"', "below the root"),
    ("# escape=x\nFROM scratch", "# escape=x", "invalid escape token 'x'", "# escape=`"),
    ("# check=eror=true\nFROM scratch", "eror=true", 'invalid check option "eror"', "error=true"),
]


def marked(span: Span) -> str:
    row = span.source.text.split("\n")[span.line - 1]
    return row[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None]


@pytest.mark.parametrize(("text", "place", "message", "hint"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_with_place_and_remedy(text: str, place: str, message: str, hint: str) -> None:
    """A `place` that ends with `=` is how the marked text starts."""
    with pytest.raises(InputError) as caught:
        compile_targets(target("app", text))
    found = caught.value.diagnostics[0]
    assert message in found.message
    assert hint in (found.hint or "")
    assert found.span is not None
    shown = marked(found.span)
    if place.endswith("="):
        assert shown.startswith(place)
    else:
        assert shown == place


def test_the_table_is_long() -> None:
    assert len({row[0] for row in MISTAKES}) == len(MISTAKES) > 60
