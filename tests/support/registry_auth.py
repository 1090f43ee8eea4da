"""What a docker-registry needs to ask who is there: an htpasswd file, certificates, and a token server that we run."""

from __future__ import annotations

import base64
import ctypes
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


def htpasswd(directory: Path, users: dict[str, str]) -> dict[str, object]:
    """The `auth` section of a registry that knows these users. Bcrypt comes from libcrypt, which every Debian has."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    salt = b"$2b$04$abcdefghijklmnopqrstuu"
    lines = [f"{user}:{crypt(password.encode(), salt).decode()}\n" for user, password in users.items()]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "htpasswd").write_text("".join(lines))
    return {"htpasswd": {"realm": "test realm", "path": str(directory / "htpasswd")}}


def docker_config(directory: Path, document: object) -> Path:
    """Writes docker's config.json into a directory; its path."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "config.json"
    file.write_text(json.dumps(document))
    return file


@dataclass(frozen=True)
class Certificate:
    """PEM files of a self-signed certificate for 127.0.0.1 and localhost."""

    certificate: Path
    key: Path


def certificate(directory: Path) -> Certificate:
    """A new one, by the openssl program."""
    directory.mkdir(parents=True, exist_ok=True)
    made = Certificate(directory / "made.crt", directory / "made.key")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bake test",
         "-addext", names, "-keyout", str(made.key), "-out", str(made.certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@dataclass
class TokenServer:
    """Gives tokens to `users`; anonymous ones get `pull` only. `requests` holds the scopes asked, one entry a token.

    `offline`: gives the refresh token to who asks for it.
    """

    host: str
    users: dict[str, str]
    pair: Certificate
    expires_in: int = 300
    requests: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    refresh_token: str = "identity-token-of-alice"
    offline: bool = False

    @property
    def auth(self) -> dict[str, object]:
        """The `auth` section of a registry that sends people here."""
        return {
            "token": {
                "realm": f"http://{self.host}/token",
                "service": "test-registry",
                "issuer": "test-issuer",
                "rootcertbundle": str(self.pair.certificate),
            }
        }

    def token(self, user: str, scopes: tuple[str, ...]) -> str:
        self.requests.append((user, scopes))
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            granted = [a for a in actions.split(",") if user or a == "pull"]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        claims = {
            "iss": "test-issuer", "sub": user, "aud": "test-registry", "exp": now + 600, "nbf": now - 5, "iat": now,
            "jti": f"{len(self.requests)}", "access": access,
        }  # fmt: skip
        return self._signed(claims)

    def _signed(self, claims: dict[str, object]) -> str:
        der = "".join(self.pair.certificate.read_text().splitlines()[1:-1])
        parts = [{"typ": "JWT", "alg": "RS256", "x5c": [der]}, claims]
        text = ".".join(_b64(json.dumps(p).encode()) for p in parts)
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.pair.key)],
            input=text.encode(),
            check=True,
            capture_output=True,
        ).stdout
        return f"{text}.{_b64(signature)}"


@contextmanager
def token_server(directory: Path, users: dict[str, str]) -> Iterator[TokenServer]:
    """A token server on a free loopback port, in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    state = TokenServer(f"127.0.0.1:{server.server_port}", users, certificate(directory))
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Tokens(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: TokenServer = self.server.state  # type: ignore[attr-defined]
        user = ""
        if header := self.headers.get("Authorization"):
            user, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
            if state.users.get(user) != password:
                self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": f"no such user as {header}"}]})
                return
        query = parse_qs(urlsplit(self.path).query)
        token = state.token(user, tuple(query.get("scope", ())))
        more = {"refresh_token": state.refresh_token} if state.offline and "offline_token" in query else {}
        self._answer(200, {"token": token, "expires_in": state.expires_in, **more})

    def do_POST(self) -> None:
        state: TokenServer = self.server.state  # type: ignore[attr-defined]
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if fields.get("refresh_token") != [state.refresh_token]:
            self._answer(401, {"details": "no such token"})
            return
        scopes = tuple(fields.get("scope", [""])[0].split())
        self._answer(200, {"access_token": state.token("alice", scopes), "expires_in": state.expires_in})

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
