"""Cached or run, and why: the one decision that `bake build` and `bake plan` share."""

from __future__ import annotations

from collections.abc import Callable

from bake.plan.explain import explain
from bake.plan.key import Parts
from bake.plan.reason import Why


def reason(*, uncached: bool, known: bool, last: Parts | None, now: Callable[[], Parts]) -> Why:
    """Why a step without a usable record must run.

    `known`: its key has a record whose layer is gone; `last`: parts of the slot's last run; `now` is asked only if
    there is something to compare with.
    """
    if uncached:
        return Why("no-cache", "asked for")
    if known:
        return Why("evicted", "evicted: its result was removed from the store")
    if last is None:
        return Why("never-built", "")
    return explain(last, now())
