"""`RUN --mount` options and defaults (reference/dockerfile.md §7.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.mounts import (
    BindMount,
    CacheMount,
    ResolvedMount,
    SecretMount,
    SshMount,
    TmpfsMount,
    parse_mount,
    resolve_mount,
)
from bake.errors import InputError, Source, Span

SPAN = Span(Source("Dockerfile", "RUN --mount=x true\n"), 1, 5, 1, 14)


def resolve(text: str) -> ResolvedMount:
    return resolve_mount(parse_mount(text, SPAN), lambda value: value.replace("$V", "v"))


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("target=/x", BindMount("/x")),
        ("type=bind,dst=/x,src=a,from=base", BindMount("/x", "a", "base")),
        ("type=bind,destination=/x,rw", BindMount("/x", readonly=False)),
        ("type=bind,target=/x,rw=false", BindMount("/x")),
        ("type=bind,target=/x,ro,rw", BindMount("/x", readonly=False)),
        ("type=bind,target=/x,readwrite,readonly=true", BindMount("/x")),
        ("TYPE=BIND,Target=/x,id=ignored,env=E", BindMount("/x")),
        ("target=/x,from=", BindMount("/x")),
        ("type=cache,target=/c/../d/", CacheMount("/c/../d/", "/d")),
        ("type=cache,target=rel", CacheMount("rel", "rel")),
        ("type=cache", CacheMount("", ".")),
        ("type=cache,target=/x,id=$V,sharing=LOCKED,ro", CacheMount("/x", "v", "locked", readonly=True)),
        (
            "type=cache,target=/x,from=a,source=/s,mode=0700,uid=1,gid=2",
            CacheMount("/x", "/x", "shared", "a", "/s", 0o700, 1, 2),
        ),
        ("type=tmpfs,target=/x", TmpfsMount("/x")),
        ("type=tmpfs,target=/x,size=64m,from=a", TmpfsMount("/x", 64 << 20)),
        ("type=tmpfs,target=/x,size=1.5GiB", TmpfsMount("/x", 3 << 29)),
        ("type=tmpfs,target=/x,size=12", TmpfsMount("/x", 12)),
        ("type=secret,id=a", SecretMount("a", "/run/secrets/a")),
        ("type=secret,id=a/b", SecretMount("a/b", "/run/secrets/b")),
        ("type=secret,source=s", SecretMount("s", "/run/secrets/s")),
        ("type=secret,target=/etc/pip.conf", SecretMount("pip.conf", "/etc/pip.conf")),
        ("type=secret,id=a,env=A", SecretMount("a", "", "A")),
        ("type=secret,id=a,env=A,target=/t", SecretMount("a", "/t", "A")),
        ("type=secret,id=a,required,uid=1", SecretMount("a", "/run/secrets/a", None, 0o400, 1, 0, True)),
        ("type=secret,id=a,required=false,mode=440", SecretMount("a", "/run/secrets/a", None, 0o440)),
        ("type=ssh", SshMount("default", "")),
        ("type=ssh,id=k,target=/s,mode=600,required", SshMount("k", "/s", 0o600, 0, 0, True)),
        ('type=secret,"id=a,b"', SecretMount("a,b", "/run/secrets/a,b")),
        ("type=bind,target=/$V", BindMount("/v")),
    ],
)
def test_mounts_have_their_defaults(text: str, mount: ResolvedMount) -> None:
    assert resolve(text) == mount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oops", "invalid field 'oops' must be a key=value pair"),
        ("type=what", 'unsupported mount type "what"'),
        ("targt=/x", "unexpected key 'targt' in 'targt=/x'"),
        (" target=/x", "unexpected key ' target' in ' target=/x'"),
        ("type=cache,target=/x,sharing=mine", 'unsupported sharing value "mine"'),
        ("required,type=secret,id=a", "unexpected key 'required' for mount type 'bind'"),
        ("size=1,type=tmpfs", "unexpected key 'size' for mount type 'bind'"),
        ("type=tmpfs,size=x", "invalid value for size: x"),
        ("type=bind,ro=maybe", "invalid value for ro: maybe"),
        ("type=cache,mode=9", "invalid value 9 for mode"),
        ("type=cache,uid=-1", "invalid value -1 for uid"),
        ("type=cache,gid=" + "9" * 5000, "for gid"),
        ("type=bind,mode=7", 'mode not allowed for "bind" type mounts'),
        ("type=tmpfs,uid=7", 'uid not allowed for "tmpfs" type mounts'),
        ("type=bind,sharing=shared", "invalid cache sharing set for bind mount"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
        ("type=ssh,source=x", "ssh does not support source"),
        ("type=bind,from=$x", "'from' doesn't support variable expansion, define alias stage instead"),
        ('"a"b', "failed to parse csv mounts"),
        ('"a', "failed to parse csv mounts"),
        ("", "failed to parse csv mounts"),
    ],
)
def test_what_is_wrong_is_told_at_the_mount(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(text)
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert diagnostic.span == SPAN


def test_only_from_is_looked_at_before_the_stage_is_built() -> None:
    assert parse_mount("type=what,oops,Key=V", SPAN).options == (("type", "what"), ("oops", None), ("key", "V"))


@given(st.text("typebindcacheargsource=,\"'$/. 01234m", max_size=40))
def test_any_text_is_a_mount_or_refused(text: str) -> None:
    try:
        resolve(text)
    except InputError as error:
        assert all(d.span == SPAN for d in error.diagnostics)
