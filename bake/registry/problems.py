"""From a refusal of a registry, or of the network, to a RemoteError that says what, where, why and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from bake.errors import Diagnostic, RemoteError

_MOST = 300  # characters of a registry's own words in a message


class ResponseError(RemoteError):
    """The registry answered, but not as asked.

    `status` is the HTTP status, `codes` the registry's error codes, `retry_after` the seconds it wants to be left
    alone.
    """

    def __init__(
        self, diagnostic: Diagnostic, status: int, codes: tuple[str, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(diagnostic)
        self.status = status
        self.codes = codes
        self.retry_after = retry_after


class UnreachableError(RemoteError):
    """No answer came: refused, reset, timed out, no such host, or a certificate that is not trusted."""


# status → (code of the diagnostic, what it means, what to do)
_MEANING = {
    401: ("registry-unauthorized", "authentication is required", None),
    403: ("registry-denied", "access is denied", "check what this user may do there"),
    404: ("registry-not-found", "there is no such thing there", None),
    405: ("registry-unsupported", "the registry does not offer this", None),
    413: (
        "registry-too-large",
        "the registry takes nothing that large",
        "a proxy before the registry may set the limit",
    ),
    429: ("registry-rate-limit", "too many requests", "log in for a higher limit, use a mirror, or wait"),
}


def refused(
    what: str,
    where: str,
    status: int,
    body: bytes,
    secrets: Iterable[str] = (),
    hint: str = "",
    retry_after: float | None = None,
) -> ResponseError:
    """The error of a response. `where` is a URL; `body` the start of the answer, quoted without any of `secrets`."""
    codes, said = _said(body)
    code, meaning, advice = _MEANING.get(status, ("registry-error", f"it answered with status {status}", None))
    if retry_after:
        advice = f"it asks to be left alone for {retry_after:.0f} seconds"
    reason = redact(said, secrets) or meaning
    text = f"cannot {what}: {reason} ({status} from {bare(where)})"
    diagnostic = Diagnostic(code, text, hint=hint or advice)
    return ResponseError(diagnostic, status, codes, retry_after)


def unreachable(what: str, where: str, reason: str, hint: str | None = None) -> RemoteError:
    """The error of a request that got no answer."""
    return UnreachableError(Diagnostic("registry-unreachable", f"cannot {what}: {reason} ({bare(where)})", hint=hint))


def broken(what: str, reason: str, hint: str | None = None) -> RemoteError:
    """The error of an answer that breaks the protocol or does not hold what it promised."""
    return RemoteError(Diagnostic("registry-protocol", f"cannot {what}: {reason}", hint=hint))


def unverified(what: str, reason: str) -> RemoteError:
    """The error of content that is not what its descriptor says."""
    hint = "the registry or something before it is damaged; nothing of it was kept"
    return RemoteError(Diagnostic("registry-content", f"cannot {what}: {reason}", hint=hint))


def log_in(domain: str) -> str:
    """How to give credentials, which are kept where docker and podman keep theirs."""
    return f"log in with 'bake login {domain}'"


def bare(url: str) -> str:
    """A URL without user, password, query and fragment, all of which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with each secret replaced by `***`; the longest first, for one may be part of another."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _said(body: bytes) -> tuple[tuple[str, ...], str]:
    """Codes and words of an error body: the `errors` list of the distribution spec, else a short plain text."""
    try:
        errors = msgspec.json.decode(body)["errors"]
        codes = tuple(str(e.get("code", "")) for e in errors)
        words = [_one(e) for e in errors]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError):
        text = body.decode("utf-8", "replace")
        return (), "" if "<" in text else _short(text)
    return codes, _short("; ".join(w for w in words if w))


def _one(error: dict[str, object]) -> str:
    detail = error.get("detail")
    words = str(error.get("message") or error.get("code") or "")
    return f"{words}: {detail}" if isinstance(detail, str) and detail else words


def _short(text: str) -> str:
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"
