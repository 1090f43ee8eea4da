"""Registries that ask who is there: htpasswd, a token server, TLS; and what users are told when they may not."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import faulty_proxy
from guarded_registries import PASSWORD
from registry_auth import Certificate, TokenServer, certificate, docker_config
from registry_server import RegistryServer, registry

from bake.errors import RemoteError
from bake.oci.reference import parse_reference
from bake.registry.auth import parse_challenge
from bake.registry.client import Registry
from bake.registry.credentials.docker import DockerConfig
from bake.registry.hosts import Hosts, HostSettings
from bake.registry.patience import Patience

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, pair: Certificate) -> Iterator[RegistryServer]:
    tls = {"tls": {"certificate": str(pair.certificate), "key": str(pair.key)}}
    with registry(tmp_path_factory.mktemp("secure"), http=tls) as running:
        yield running


def knowing(directory: Path, host: str, password: str = PASSWORD, **entry: str) -> Registry:
    """A client whose docker configuration has alice."""
    auth = base64.b64encode(f"alice:{password}".encode()).decode()
    file = docker_config(directory, {"auths": {host: entry or {"auth": auth}}})
    return Registry(Hosts(), [DockerConfig(file)], patience=Patience(tries=2, first=0.01))


async def test_basic(guarded: RegistryServer, tmp_path: Path, path: str, blob: Callable[..., Any]) -> None:
    client, made, repository = knowing(tmp_path, guarded.host), blob(), f"{guarded.host}/{path}"
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
    assert await client.catalog(guarded.host) is not None
    client.close()


async def test_basic_without_credentials(guarded: RegistryServer, client: Registry) -> None:
    with pytest.raises(RemoteError) as caught:
        await client.tags(f"{guarded.host}/x")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "registry-unauthorized"
    assert diagnostic.hint is not None and f"bake login {guarded.host}" in diagnostic.hint


async def test_basic_with_a_wrong_password(guarded: RegistryServer, tmp_path: Path) -> None:
    client = knowing(tmp_path, guarded.host, "wrong-password")
    with pytest.raises(RemoteError) as caught:
        await client.tags(f"{guarded.host}/x")
    client.close()
    (diagnostic,) = caught.value.diagnostics
    assert str(tmp_path / "config.json") in str(diagnostic.hint)
    assert "wrong-password" not in repr(caught.value.diagnostics)


async def test_tokens_are_fetched_once_a_scope(
    tokened: RegistryServer, tokens: TokenServer, tmp_path: Path, path: str, blob: Callable[..., Any]
) -> None:
    client, repository = knowing(tmp_path, tokened.host), f"{tokened.host}/{path}"
    tokens.requests.clear()
    for _ in range(3):
        made = blob()
        assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
        assert await client.has_blob(repository, made.descriptor.digest)
    assert await client.push_blob(f"{repository}-2", made.descriptor, made.file, [repository]) == "mounted"
    client.close()
    assert tokens.requests == [
        ("alice", (f"repository:{path}:pull,push",)),
        ("alice", (f"repository:{path}:pull",)),
        ("alice", (f"repository:{path}-2:pull,push",)),
        ("alice", (f"repository:{path}-2:pull,push", f"repository:{path}:pull")),
    ]


async def test_anonymous_may_read_but_not_write(
    tokened: RegistryServer, client: Registry, tmp_path: Path, path: str, blob: Callable[..., Any]
) -> None:
    alice, made, repository = knowing(tmp_path, tokened.host), blob(), f"{tokened.host}/{path}"
    await alice.push_blob(repository, made.descriptor, made.file)
    alice.close()
    assert await client.has_blob(repository, made.descriptor.digest)
    other = blob()
    with pytest.raises(RemoteError, match="authentication required") as caught:
        await client.push_blob(repository, other.descriptor, other.file)
    assert "bake login" in str(caught.value.diagnostics[0].hint)


async def test_a_refused_login_shows_no_secret(tokened: RegistryServer, tmp_path: Path) -> None:
    client = knowing(tmp_path, tokened.host, "wrong-password")
    with pytest.raises(RemoteError, match=r"no such user as Basic \*\*\*") as caught:
        await client.tags(f"{tokened.host}/x")
    client.close()
    assert "wrong-password" not in repr(caught.value.diagnostics)


async def test_identity_tokens(tokened: RegistryServer, tokens: TokenServer, tmp_path: Path, blob: Any) -> None:
    client = knowing(tmp_path, tokened.host, identitytoken=tokens.refresh_token)
    made = blob()
    assert await client.push_blob(f"{tokened.host}/identity", made.descriptor, made.file) == "pushed"
    client.close()


async def test_expired_tokens_are_renewed(
    tokened: RegistryServer, tokens: TokenServer, tmp_path: Path, path: str, blob: Callable[..., Any]
) -> None:
    client, made, repository = knowing(tmp_path, tokened.host), blob(), f"{tokened.host}/{path}"
    await client.push_blob(repository, made.descriptor, made.file)
    tokens.requests.clear()
    auth = client._endpoint(tokened.host).auth
    for scopes, token in auth._tokens.items():  # as a registry sees them after its key was changed
        auth._tokens[scopes] = type(token)("not-a-token", token.until)
    assert await client.push_blob(repository, made.descriptor, made.file) == "present"
    assert len(tokens.requests) == 1
    auth._tokens = {scopes: type(token)(token.text, 0.0) for scopes, token in auth._tokens.items()}
    assert await client.push_blob(repository, made.descriptor, made.file) == "present"
    assert len(tokens.requests) == 2
    client.close()


async def test_tls_with_its_own_ca(
    secure: RegistryServer, pair: Certificate, tmp_path: Path, path: str, blob: Callable[..., Any]
) -> None:
    made, repository = blob(), f"{secure.host}/{path}"
    by_setting = Hosts({secure.host: HostSettings(ca=(pair.certificate,))})
    (tmp_path / secure.host).mkdir()
    (tmp_path / secure.host / "ca.crt").write_bytes(pair.certificate.read_bytes())
    for hosts in (by_setting, Hosts({}, (tmp_path / "no", tmp_path))):
        client = Registry(hosts, ())
        assert await client.push_blob(repository, made.descriptor, made.file) in ("pushed", "present")
        client.close()


async def test_tls_that_is_not_trusted(secure: RegistryServer, tmp_path: Path) -> None:
    other = certificate(tmp_path)
    client = Registry(Hosts({secure.host: HostSettings(ca=(other.certificate,))}), ())
    with pytest.raises(RemoteError, match="no trusted TLS connection") as caught:
        await client.tags(f"{secure.host}/x")
    client.close()
    assert "certs.d" in str(caught.value.diagnostics[0].hint)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")  # pytest undoes that the transport turns it off
async def test_tls_on_loopback_needs_no_settings(secure: RegistryServer, client: Registry, path: str) -> None:
    with pytest.raises(RemoteError, match=f"404 from https://{secure.host}"):
        await client.resolve(parse_reference(f"{secure.host}/{path}"))


async def test_client_certificates(tmp_path: Path, pair: Certificate) -> None:
    tls = {"certificate": str(pair.certificate), "key": str(pair.key), "clientcas": [str(pair.certificate)]}
    with registry(tmp_path / "registry", http={"tls": tls}) as running:
        directory = tmp_path / "certs.d" / running.host
        directory.mkdir(parents=True)
        for name, file in (("ca.crt", pair.certificate), ("client.cert", pair.certificate), ("client.key", pair.key)):
            (directory / name).write_bytes(file.read_bytes())
        client = Registry(Hosts({}, (tmp_path / "certs.d",)), ())
        assert await client.catalog(running.host) == ()
        client.close()
        stranger = Registry(Hosts({running.host: HostSettings(ca=(pair.certificate,))}), ())
        with pytest.raises(RemoteError):
            await stranger.catalog(running.host)
        stranger.close()


async def test_mirrors_are_asked_first(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any], notices: list[str]
) -> None:
    made = image(100)
    for descriptor in made.blobs:
        await client.push_blob(f"{server.host}/hub/{path}", descriptor, made.files[descriptor.digest])
    await client.push_manifest(f"{server.host}/hub/{path}", "x", made.manifest.data, made.manifest.media_type)
    with faulty_proxy() as empty:
        mirrors = (empty.host, f"{server.host}/hub")
        mirrored = Registry(Hosts({"origin.example": HostSettings(mirrors=mirrors)}), (), notice=notices.append)
        assert await mirrored.resolve(parse_reference(f"origin.example/{path}:x")) == made.descriptor
        mirrored.close()
        assert "going on without the mirror" in notices[0]


async def test_a_password_is_not_asked_for_in_clear() -> None:
    with faulty_proxy() as elsewhere:
        elsewhere.add(
            times=9,
            status=401,
            headers={"WWW-Authenticate": 'Bearer realm="http://tokens.example/t",service="s"'},
        )
        client = Registry(Hosts(), ())
        with pytest.raises(RemoteError, match="password over plain HTTP at tokens"):
            await client.tags(f"{elsewhere.host}/x")
        client.close()


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'{"token": ""}', b'{"token": "a\\r\\nX: y"}', b'{"token": 1}'])
async def test_strange_token_servers(client: Registry, answer: bytes) -> None:
    with faulty_proxy() as elsewhere:
        challenge = f'Bearer realm="http://{elsewhere.host}/token",service="s"'
        elsewhere.add(path="/v2/", times=9, status=401, headers={"WWW-Authenticate": challenge})
        elsewhere.add(path="/token", times=9, status=200, body=answer)
        with pytest.raises(RemoteError, match="gave no token"):
            await client.tags(f"{elsewhere.host}/x")


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"', "bearer",
         {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"}),
        ('bearer realm=https://a/t, service="a, basic b"', "bearer", {"realm": "https://a/t", "service": "a, basic b"}),
        ('Basic realm="x"', "basic", {"realm": "x"}),
        ('Basic realm="x", Bearer realm="https://a"', "bearer", {"realm": "https://a"}),
        ('Bearer realm="https://a", Basic realm="x"', "bearer", {"realm": "https://a"}),
        ('Bearer realm="a\\"b"', "bearer", {"realm": 'a"b'}),
        ("BASIC", "basic", {}),
    ],
)  # fmt: skip
def test_challenges(header: str, scheme: str, parameters: dict[str, str]) -> None:
    challenge = parse_challenge(header)
    assert challenge is not None
    assert (challenge.scheme, challenge.parameters) == (scheme, parameters)


@pytest.mark.parametrize("header", ["", "Digest realm=x", "Negotiate", "Bearing realm=x"])
def test_no_challenge(header: str) -> None:
    assert parse_challenge(header) is None
