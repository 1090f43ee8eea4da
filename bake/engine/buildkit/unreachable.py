"""Why a builder cannot be reached, in a user's words: no connection, or one that is closed before a first answer."""

from __future__ import annotations

import ssl

from bake.engine.buildkit.address import Address
from bake.errors import Diagnostic, HostError


def unreachable(address: Address, error: BaseException | None, said: str = "") -> HostError:
    """The error for a builder that cannot be talked to, with what to do about it.

    `error` is what ended the connection, None for a plain end; `said` is what the ssh between has printed.
    """
    reason, hint = _by_ssh(address, said) if said else _why(address, error)
    return HostError(Diagnostic("no-builder", f"cannot reach builder {address.text}: {reason}", hint=hint))


def _by_ssh(address: Address, said: str) -> tuple[str, str]:
    line = said.strip().splitlines()[-1].strip().removeprefix("ssh: ")
    program = "docker" if address.docker else "buildctl"
    if "not found" in line:
        return f"its shell says: {line}", f"install {program} there"
    return f"ssh says: {line}", f"does `ssh {address.host} {program} --version` work without asking?"


def _why(address: Address, error: BaseException | None) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "check `ca` and `servername` of its address"
        return f"its certificate is not valid here: {error.verify_message}", hint
    if isinstance(error, ssl.SSLError):
        return _no_tls(error.reason or str(error))
    known: dict[type[BaseException], tuple[str, str]] = {
        FileNotFoundError: (f"there is no socket {address.socket}", "start it, or name another with --builder"),
        ConnectionRefusedError: ("nobody listens there", "start it, or name another with --builder"),
        PermissionError: (f"no permission for {address.socket}", "be in the socket's group, or use a rootless one"),
        TimeoutError: ("no answer", "is the host up, and the port open?"),
    }
    found = next((row for kind, row in known.items() if isinstance(error, kind)), None)
    if found is None and (error is None or isinstance(error, ConnectionError)):
        return _closed(address)
    return found or (str(getattr(error, "strerror", None) or error), "check its address, and that it runs")


def _no_tls(reason: str) -> tuple[str, str]:
    if "CERTIFICATE_REQUIRED" in reason:
        return "it asks for a certificate of ours", "give `cert` and `key`, or `certs`, in its address"
    if "ALERT" in reason and ("CERT" in reason or "UNKNOWN_CA" in reason):
        return "it does not accept our certificate", "check `cert` and `key`: its own authority must have signed them"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "it speaks no TLS", "leave the certificates out of its address, or name the port that has TLS"
    return f"no TLS connection: {reason}", "check `cert` and `key` of its address"


def _closed(address: Address) -> tuple[str, str]:
    """It accepts connections and ends them without a word."""
    if address.tls:
        hint = "does its authority know the `cert` of its address? its own log tells why"
    elif address.docker:
        hint = "is it a Docker Engine, and does that port want TLS? its own log tells why"
    elif address.socket:
        hint = f"is it a buildkitd? a Docker Engine is docker://{address.socket}"
    else:
        hint = "is it a buildkitd? with TLS, add certs=DIR to its address; a Docker Engine is docker://HOST:PORT"
    return "it closes the connection", hint
