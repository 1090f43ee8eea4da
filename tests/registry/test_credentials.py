"""Where credentials are found: docker's and podman's files, and helper programs."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from registry_auth import docker_config

from bake.registry.credentials import Credentials, CredentialsError, default_sources, find
from bake.registry.credentials.docker import DockerConfig
from bake.registry.credentials.podman import PodmanAuth


def entry(user: str = "u", password: str = "p") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("auths", "domain", "path", "user"),
    [
        ({"r.io": entry()}, "r.io", "a/b", "u"),
        ({"https://r.io": entry()}, "r.io", "a", "u"),
        ({"https://r.io/v1/": entry()}, "r.io", "a", "u"),
        ({"localhost:5000": entry()}, "localhost:5000", "a", "u"),
        ({"localhost:5001": entry()}, "localhost:5000", "a", None),
        ({"https://index.docker.io/v1/": entry()}, "docker.io", "library/a", "u"),
        ({"docker.io": entry()}, "docker.io", "library/a", "u"),
        ({"r.io": entry("host"), "r.io/a": entry("space"), "r.io/a/b": entry("own")}, "r.io", "a/b", "own"),
        ({"r.io": entry("host"), "r.io/a": entry("space")}, "r.io", "a/b", "space"),
        ({"r.io": entry("host"), "r.io/a": entry("space")}, "r.io", "ab", "host"),
        ({"r.io": {"username": "u", "password": "p"}}, "r.io", "a", "u"),
        ({"r.io": {}}, "r.io", "a", None),
        ({"r.io": None}, "r.io", "a", None),
        (None, "r.io", "a", None),
    ],
)
def test_entries(tmp_path: Path, auths: Any, domain: str, path: str, user: str | None) -> None:
    file = docker_config(tmp_path, {"auths": auths, "HttpHeaders": {"X": "y"}})
    for source in (DockerConfig(file), PodmanAuth(file)):
        found = source.find(domain, path)
        assert (found.username if found else None) == user
        assert not found or (found.password == "p" and found.source == str(file))


def test_a_password_may_hold_colons_and_is_not_shown(tmp_path: Path) -> None:
    found = DockerConfig(docker_config(tmp_path, {"auths": {"r.io": entry("u", "a:b:c")}})).find("r.io", "x")
    assert found == Credentials("u", "a:b:c", source=str(tmp_path / "config.json"))
    assert "a:b:c" not in repr(found)


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 1}', '{"auths": {"r.io": {"auth": "%%"}}}', "\udcff"])
def test_damaged_files_are_noted_and_quote_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = find([DockerConfig(file)], "r.io", "x")
    assert found.credentials is None
    (problem,) = found.problems
    assert str(file) in problem and "%%" not in problem


def helper(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


ECHO = 'read server; printf \'{"ServerURL":"%s","Username":"of-%s","Secret":"s"}\' "$server" "$server"'


@pytest.mark.parametrize(
    ("config", "domain", "user"),
    [
        ({"credHelpers": {"r.io": "echo"}, "credsStore": "none"}, "r.io", "of-r.io"),
        ({"credHelpers": {"r.io": "none"}, "credsStore": "echo"}, "q.io", "of-q.io"),
        ({"credsStore": "echo"}, "docker.io", "of-https://index.docker.io/v1/"),
        ({"credsStore": "none", "auths": {"r.io": entry()}}, "r.io", "u"),
        ({"credsStore": "none"}, "r.io", None),
    ],
)
def test_helpers(tmp_path: Path, config: Any, domain: str, user: str | None) -> None:
    helper(tmp_path / "bin", "echo", ECHO)
    helper(tmp_path / "bin", "none", "echo credentials not found in native keychain; exit 1")
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    found = DockerConfig(docker_config(tmp_path, config), environ).find(domain, "x")
    assert (found.username if found else None) == user


def test_identity_tokens_from_helpers(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "t", 'echo \'{"Username":"<token>","Secret":"it"}\'')
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    found = DockerConfig(docker_config(tmp_path, {"credsStore": "t"}), environ).find("r.io", "x")
    assert found is not None
    assert (found.username, found.identity_token) == ("", "it")


@pytest.mark.parametrize(
    ("name", "script", "message"),
    [
        ("gone", "", "not on PATH"),
        ("../x", "", "not the name"),
        ("bad", "echo secret-text; exit 3", "docker-credential-bad failed"),
        ("odd", "echo secret-text", "something else"),
    ],
)
def test_broken_helpers(tmp_path: Path, name: str, script: str, message: str) -> None:
    if script:
        helper(tmp_path / "bin", name, script)
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with pytest.raises(CredentialsError, match=message) as caught:
        DockerConfig(docker_config(tmp_path, {"credsStore": name}), environ).find("r.io", "x")
    assert "secret-text" not in str(caught.value)


def test_the_usual_places_in_their_order(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    places = {
        "home": tmp_path / ".docker",
        "own": tmp_path / "own",
        "run": tmp_path / "run/containers",
        "config": tmp_path / ".config/containers",
    }
    for user, directory in reversed(places.items()):
        file = docker_config(directory, {"auths": {"r.io": entry(user)}})
        if user in ("run", "config"):
            file.rename(directory / "auth.json")
        sources = default_sources({**environ, "DOCKER_CONFIG": str(tmp_path / "own")} if user == "own" else environ)
        found = find(sources, "r.io", "x")
        assert found.credentials is not None and found.credentials.username == user

    only = {**environ, "HOME": "/nonexistent", "REGISTRY_AUTH_FILE": str(tmp_path / "own/config.json")}
    found = find(default_sources(only), "r.io", "x")
    assert found.credentials is not None and found.credentials.username == "own"
    assert find(default_sources({"HOME": "/nonexistent"}), "r.io", "x").credentials is None
