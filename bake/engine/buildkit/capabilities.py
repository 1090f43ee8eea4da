"""What not every builder can do: each feature's capability, what becomes of it on one without, and what to do.

A builder that does not know a field of a message leaves it out without a word; so a step that uses one says so, and the
builder refuses (reference/buildkit-grpc.md §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bake.errors import Diagnostic, HostError


@dataclass(frozen=True, slots=True)
class Feature:
    """`cap`: the capability's id; `what` in a user's words; `since` the BuildKit that has it; `instead`: the fallback.

    An empty `instead` means that the build is refused, with `hint`.
    """

    cap: str
    what: str
    since: str
    instead: str = ""
    hint: str = "use a newer BuildKit, or --engine embedded"


SYMBOLIC_MODES = "exec.meta.cdi"
"""BuildKit announces no capability for symbolic modes of copies; this one came in the same release, 0.20."""

MOUNT_POINTS = "exporter.image.attestations"
"""The same, 0.11, for taking away after a command the directories that were made to reach its mounts."""

FEATURES = (
    Feature("mergeop", "COPY --link as a layer of its own", "0.10", "the layer's files are copied over"),
    Feature(
        "file.copy.includeexcludepatterns", "COPY --from with --exclude or --parents", "0.9", "",
        "name the files one by one, or use a newer BuildKit",
    ),
    Feature(SYMBOLIC_MODES, "COPY --from with a symbolic --chmod", "0.20", "", "use an octal mode such as 755"),
    Feature("exec.secretenv", "a secret as a variable", "0.12", "", "mount it as a file: --mount=type=secret,target=…"),
    Feature("exec.mount.tmpfs.size", "sizes of tmpfs and shm-size", "0.9"),
    Feature("exec.meta.ulimit", "ulimits", "0.10"),
)  # fmt: skip


class BuilderCannot(HostError):
    """`missing`: the capability that it lacks, or the entitlement that it does not give; "" for anything else."""

    missing = ""


_UNKNOWN = re.compile(r"unknown API capability (\S+)")


def refusal(text: str, address: str) -> BuilderCannot | None:
    """The error for what a builder refuses to do at all, None for any other text."""
    found = _UNKNOWN.search(text)
    if found:
        cap = found[1].rstrip(":,.")
        feature = next((f for f in FEATURES if f.cap == cap), None)
        what = f"{feature.what} (BuildKit {feature.since} and later can)" if feature else f"'{cap}'"
        hint = feature.hint if feature else "use a newer BuildKit, or --engine embedded"
        return _cannot(f"builder {address} cannot do {what}", hint, cap)
    if "is not allowed" in text and ("network.host" in text or "security.insecure" in text):
        name = "security.insecure" if "security.insecure" in text else "network.host"
        hint = f"start buildkitd with --allow-insecure-entitlement {name}, if you trust what it builds"
        return _cannot(f"builder {address} does not allow {name}", hint, name)
    if "bridge" in text and "not found" in text:
        hint = 'network = "host" or "none" in the target, or give the Docker Engine a bridge'
        return _cannot(f"builder {address} has no network for steps", hint)
    return None


def _cannot(message: str, hint: str, missing: str = "") -> BuilderCannot:
    error = BuilderCannot(Diagnostic("builder-cannot", message, hint=hint))
    error.missing = missing
    return error
