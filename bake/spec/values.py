"""From what is written to what is meant, one value at a time: `64m` → bytes, `10m` → seconds, `true` → a flag.

Each function takes a value of TOML (or a text, where `${…}`, `--set` or a comma form gave one), returns the final value
and raises Refused or ValueError with a reason fit for a user.
"""

from __future__ import annotations

import re

from bake.oci.platform import parse_platform
from bake.oci.reference import parse_reference
from bake.spec.document import Number
from bake.spec.positions import Path
from bake.spec.report import did_you_mean


class Refused(ValueError):
    """A value that cannot be. `at` is where inside the value; `others` were found beside it."""

    def __init__(
        self, message: str, *, code: str = "bad-value", hint: str | None = None, at: Path = (), key: bool = False
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.hint, self.at, self.key = message, code, hint, at, key
        self.others: tuple[Refused, ...] = ()


_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", re.I)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 366 * 86400.0
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_ULIMIT = re.compile(r"([a-z]+)=(-1|\d+)(?::(-1|\d+))?")
_MAX_INTEGER = 2**63 - 1

NETWORKS = ("default", "none", "host")
ENTITLEMENTS = ("network.host", "security.insecure", "device")
ULIMITS = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip


def text(value: object) -> str:
    return str(value)


def plain_text(value: object) -> str:
    """Numbers and booleans as the peer writes them; a float as it stands in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)


def not_empty(value: object) -> str:
    if not value:
        raise Refused("this must not be empty", code="empty-value", hint="leave the key out, or use `unset`")
    return str(value)


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise Refused(f"'{value}' is neither true nor false", code="wrong-type")
    return found


def integer(value: object) -> int:
    """A whole number from 0."""
    try:
        number = int(str(value).strip())
    except ValueError:
        raise Refused(f"'{value}' is not a whole number", code="wrong-type") from None
    if not 0 <= number <= _MAX_INTEGER:
        raise Refused(f"{number} is out of range: 0 or more is expected")
    return number


def number(value: object) -> float:
    """A number above 0."""
    try:
        found = float(str(value).strip() if isinstance(value, str) else value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        raise Refused(f"'{value}' is not a number", code="wrong-type") from None
    if not 0 < found < float("inf"):
        raise Refused(f"{plain_text(value)} is out of range: a number above 0 is expected")
    return found


def size(value: object) -> int:
    """Bytes. Units are powers of 1024, as docker reads them: `64m`, `1.5g`, `512kb`."""
    match = _SIZE.fullmatch(plain_text(value).strip())
    if match is None:
        raise Refused(f"'{plain_text(value)}' is not a size", code="bad-size", hint="write bytes, or `64m`, `1.5g`")
    found = float(match.group(1)) * 1024 ** _UNITS[match.group(2).lower()]
    if found > _MAX_INTEGER:
        raise Refused(f"'{plain_text(value)}' is too large", code="bad-size")
    return int(found)


def size_or_unlimited(value: object) -> int:
    """Bytes, or -1 for no limit."""
    return -1 if plain_text(value).strip() == "-1" else size(value)


def duration(value: object) -> float:
    """Seconds: a number of them, or `90s`, `10m`, `1h30m`, `500ms`."""
    written = plain_text(value).strip()
    counted = f"{written}s" if re.fullmatch(r"\d+(\.\d+)?", written) else written
    parts = _DURATION.findall(counted)
    if not parts or "".join(number + unit for number, unit in parts) != counted:
        raise Refused(f"'{written}' is not a duration", code="bad-duration", hint="write seconds, or `90s`, `1h30m`")
    found = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if found > _LONGEST:
        raise Refused(f"'{written}' is longer than a year", code="bad-duration")
    return found


def tag(value: object) -> str:
    """A name to publish under, as written. A digest is the result of a build, so it cannot be asked for."""
    try:
        reference = parse_reference(str(value))
    except ValueError as error:
        hint = "a value is put in by `${NAME}`" if "$" in str(value) else None
        raise Refused(str(error), code="bad-reference", hint=hint) from None
    if reference.digest is not None:
        raise Refused(f"tag '{value}' holds a digest; a tag names what is to be built", code="bad-reference")
    return str(value)


def reference(value: object) -> str:
    """An image reference, as written."""
    try:
        parse_reference(str(value))
    except ValueError as error:
        hint = "a value is put in by `${NAME}`" if "$" in str(value) else None
        raise Refused(str(error), code="bad-reference", hint=hint) from None
    return str(value)


def platform(value: object) -> str:
    """Normalised `os/arch[/variant]`; `local` is the builder's own."""
    if value == "local":
        return "local"
    try:
        return str(parse_platform(str(value)))
    except ValueError as error:
        raise Refused(str(error), code="bad-platform", hint="for example linux/amd64, linux/arm64, local") from None


PUSHES = ("always", "never", "auto", "if-changed", "if-missing")


def push(value: object) -> str:
    """`always`, `never`, or `auto`: when `--push` asks for it; `if-changed` and `if-missing` are kinds of `auto`."""
    words = {"true": "always", "false": "never"}
    word = plain_text(value).strip().lower()
    word = words.get(word, word)
    if word not in PUSHES:
        raise Refused(
            f"'{value}' is not known for push", hint='write true, false, "auto", "if-changed" or "if-missing"'
        )
    return word


def tag_pattern(value: object) -> str:
    """A pattern of tags, without a repository: `v*`, `[0-9]*`, `latest`."""
    text = str(value).strip()
    if not text or not all(c.isalnum() or c in "_.-*?[]!" for c in text):
        raise Refused(f"'{value}' is not a pattern of tags", hint='for example "v*": the part after the colon')
    return text


def network(value: object) -> str:
    if value not in NETWORKS:
        raise Refused(f"network '{value}' is not known", code="bad-network", hint="default, none or host")
    return str(value)


def entitlement(value: object) -> str:
    name = str(value).partition("=")[0]
    if name not in ENTITLEMENTS or (value == f"{name}=") or ("=" in str(value) and name != "device"):
        raise Refused(f"entitlement '{value}' is not known", hint=did_you_mean(name, ENTITLEMENTS))
    return str(value)


def host_address(value: object) -> str:
    from ipaddress import ip_address

    if value == "host-gateway":
        return "host-gateway"
    try:
        return str(ip_address(str(value).strip("[]")))
    except ValueError:
        raise Refused(f"'{value}' is not an address", hint="an IP address, or host-gateway") from None


def context(value: object) -> str:
    """A directory, a URL, `target:NAME`, `docker-image://REFERENCE` or `oci-layout://PATH`."""
    written = not_empty(value)
    if written == "-":
        raise Refused("a context cannot be read from standard input here", code="bad-context")
    if written.startswith("docker-image://"):
        reference(written.removeprefix("docker-image://"))
    return written


def ulimit(value: object) -> str:
    """`name=soft[:hard]`; the table form `{ name, soft, hard }` becomes it."""
    written = _ulimit_text(value) if isinstance(value, dict) else str(value)
    match = _ULIMIT.fullmatch(written)
    if match is None:
        raise Refused(f"'{written}' is not a ulimit", hint="write name=soft[:hard], for example nofile=1024:2048")
    name, soft, hard = match.groups()
    if name not in ULIMITS:
        raise Refused(f"ulimit '{name}' is not known", hint=did_you_mean(name, ULIMITS))
    if hard is not None and hard != "-1" and (soft == "-1" or int(soft) > int(hard)):
        raise Refused(f"ulimit '{written}': the soft limit is above the hard one")
    return written


def axis(value: list[object]) -> list[object]:
    """The values of an axis as written; they are read when the matrix is."""
    if not value:
        raise Refused("an axis needs at least one value", code="empty-matrix")
    return value


def _ulimit_text(table: dict[str, object]) -> str:
    for name in table:
        if name not in ("name", "soft", "hard"):
            hint = did_you_mean(name, ("name", "soft", "hard"))
            raise Refused(f"unknown key `{name}`", code="unknown-key", hint=hint, at=(name,), key=True)
    for name in ("name", "soft"):
        if name not in table:
            raise Refused(f"the entry has no `{name}`", code="missing-key")
    return f"{table['name']}={table['soft']}" + (f":{table['hard']}" if "hard" in table else "")


def command(value: object) -> tuple[str, ...]:
    """The argument vector of one command."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Refused("a command is a list of texts", code="wrong-type", hint='test = [["python", "-c", "import app"]]')
    if not value or not value[0]:
        raise Refused("a command must name a program", code="empty-value")
    return tuple(value)
