"""The differences from the judges that are meant, each with why.

What holds for many cases because 20.10 is old is a rule here; what is one case's own stands with the case, line by
line (`known`). For 28.5 there is no rule: what it writes is what bake writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from diff_cases import Case
from diff_images import Difference

_FLAGS = re.compile(r"--(?:chown|chmod)=\S+ ")


@dataclass(frozen=True)
class Rule:
    """`holds` tells whether a difference is this one. `reference` is a section of reference/dockerfile.md."""

    name: str
    reference: str
    reason: str
    holds: Callable[[Difference], bool]


def _directory_times(difference: Difference) -> bool:
    """Both a directory, the same but for bake's having the source's time."""
    judge, bake = difference.judge, difference.bake
    return isinstance(judge, str) and judge.startswith("d ") and str(bake).startswith(f"{judge} @")


def _flags_in_history(difference: Difference) -> bool:
    judge, bake = difference.judge, difference.bake
    written = isinstance(bake, str) and bake.startswith(("COPY --", "ADD --"))
    return difference.where.startswith("history") and written and _FLAGS.sub("", bake) == judge


def _etc_touched(difference: Difference) -> bool:
    where, judge, bake = difference.where, difference.judge, difference.bake
    return bool(re.fullmatch(r"layers\[\d+\]: etc", where)) and judge == "d 755 0:0" and bake is None


def _arg_values(difference: Difference) -> bool:
    """`ARG A` or `ARG A=default` of the daemon, `ARG A=value` of bake."""
    texts = difference.judge, difference.bake
    if not difference.where.startswith("history") or not all(isinstance(t, str) and t[:4] == "ARG " for t in texts):
        return False
    judge, bake = (text[4:].partition("=") for text in texts)
    return judge[0] == bake[0] and " " not in judge[0] + judge[2] and bake[1] == "="


def _expose(difference: Difference) -> bool:
    """`EXPOSE map[80/tcp:{}]` of the daemon, `EXPOSE [80/tcp]` of bake: the same ports."""
    judge, bake = str(difference.judge), str(difference.bake)
    written = judge.startswith("EXPOSE map[") and bake.startswith("EXPOSE [")
    ports = judge[11:-1].replace(":{}", "").split()
    return written and ports == sorted(bake[8:-1].split())


def _healthcheck(difference: Difference) -> bool:
    """`HEALTHCHECK &{["CMD-SHELL" "a"] "1s" "0s" "0s" '\\x04'}` of the daemon: bake's has the start interval too."""
    judge, bake = str(difference.judge), str(difference.bake)
    return judge.startswith("HEALTHCHECK &{[") and re.sub(r' "0s" (\S+\})$', r" \1", bake) == judge


RULES = (
    Rule("directory-times", "§8.3", "a copied directory keeps its time; 20.10 gives it the build's", _directory_times),
    Rule("flags-in-history", "§10.1", "20.10 leaves --chown and --chmod out of the history", _flags_in_history),
    Rule("arg-values", "§10.1", "history has an ARG's effective value; 20.10 leaves out what is passed", _arg_values),
    Rule("expose-history", "§10.1", "the ports as a list; 20.10 prints a map", _expose),
    Rule("healthcheck-history", "28.5", "20.10 knows no start interval", _healthcheck),
    Rule("etc-touched", "§7", "stubs of hosts and resolv.conf are taken away and leave no trace", _etc_touched),
)


def unexplained(judge: str, found: list[Difference]) -> list[str]:
    """The differences that no rule explains, as text."""
    rules = RULES if judge == "20.10" else ()
    return [str(difference) for difference in found if not any(rule.holds(difference) for rule in rules)]


def allowed(judge: str, case: Case) -> list[str]:
    """The differences from `judge` that the case itself lists."""
    return [line for row in case.known if row.get("judge", "20.10") == judge for line in row["differences"]]
