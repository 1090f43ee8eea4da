"""The `git` program for repositories of strangers: this host's configuration, hooks and prompts are left out."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROTOCOLS = "git:http:https:ssh"
"""No `file`, so that a submodule reads nothing of this host; no `ext`, which runs commands."""
_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SETTINGS = {
    "core.hooksPath": "/dev/null", "core.autocrlf": "false", "core.eol": "lf", "core.symlinks": "true",
    "core.fsmonitor": "false", "core.attributesFile": "/dev/null", "core.excludesFile": "/dev/null",
    "credential.helper": "", "advice.detachedHead": "false", "gc.auto": "0", "fetch.writeCommitGraph": "false",
    "protocol.version": "2", "transfer.bundleURI": "false", "submodule.recurse": "false",
}  # fmt: skip
_LONGEST = 3600


@dataclass(frozen=True)
class Login:
    """What a server wants: an HTTP header for URLs below `scope`, an ssh agent's socket. "" is none."""

    header: str = ""
    scope: str = ""
    agent: str = ""


NO_LOGIN = Login()


class GitFailed(Exception):
    """git said no; the text is its own last line."""


class GitProgram:
    """git in the repository at `directory`, or in none."""

    def __init__(self, directory: Path | None = None, login: Login = NO_LOGIN) -> None:
        self._directory = directory
        self._environment = _environment() | _shown_to_git(login)

    def run(self, *words: str) -> bytes:
        """What it prints. Raises GitFailed."""
        try:
            done = subprocess.run(
                ["git", *self._options(), *words], capture_output=True, env=self._environment, stdin=subprocess.DEVNULL,
                cwd=self._directory or "/", timeout=_LONGEST, check=False, umask=0o022, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise GitFailed("there is no program git on this host") from None
        except subprocess.TimeoutExpired:
            raise GitFailed(f"git took longer than {_LONGEST} s") from None
        if done.returncode:
            raise GitFailed(_reason(done.stderr))
        return done.stdout

    def has(self, commit: str) -> bool:
        """Whether the repository holds the commit."""
        try:
            self.run("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    def _options(self) -> list[str]:
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        # Whatever lies above it must not be taken for the repository.
        place = (
            [] if self._directory is None else [f"--git-dir={self._directory}/.git", f"--work-tree={self._directory}"]
        )
        return [*settings, *place]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _PASSED or name.lower() in _PROXIES}
    if "SSL_CERT_FILE" in kept:
        kept.setdefault("GIT_SSL_CAINFO", kept["SSL_CERT_FILE"])
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/true",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "GIT_CEILING_DIRECTORIES": "/",
        "LC_ALL": "C",
    }


def _shown_to_git(login: Login) -> dict[str, str]:
    """By the environment: everybody on this host may read the words of a command."""
    found = {"SSH_AUTH_SOCK": login.agent} if login.agent else {}
    if login.header:
        found |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{login.scope}.extraHeader",
            "GIT_CONFIG_VALUE_0": login.header,
        }
    return found


def _reason(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return telling[0].partition(": ")[2] or telling[0] if telling else "git failed and did not say why"
