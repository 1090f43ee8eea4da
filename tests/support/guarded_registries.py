"""Fixtures: registries that know alice alone, with a password file or a token server. A conftest.py imports them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from registry_auth import TokenServer, htpasswd, token_server
from registry_server import RegistryServer, registry

PASSWORD = "pass:word/of+alice"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    directory = tmp_path_factory.mktemp("guarded")
    with registry(directory, auth=htpasswd(directory, {"alice": PASSWORD})) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with token_server(tmp_path_factory.mktemp("tokens"), {"alice": PASSWORD}) as running:
        yield running


@pytest.fixture(scope="module")
def tokened(tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("tokened"), auth=tokens.auth) as running:
        yield running
