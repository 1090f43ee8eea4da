"""Cached or run, and why: the one decision that `bake build` and `bake plan` share."""

from __future__ import annotations

from collections.abc import Callable

from bake.plan.explain import explain
from bake.plan.key import Parts
from bake.plan.reason import Why


def reason(
    *, uncached: bool, known: Callable[[], bool], last: Callable[[], Parts | None], now: Callable[[], Parts]
) -> Why:
    """Why a step without a usable record must run; each is asked only if those before it are not the reason.

    `known`: whether its key has a record, whose layer is gone then; `last`: parts of the slot's last run, to compare
    with the parts of `now`.
    """
    if uncached:
        return Why("no-cache", "asked for")
    if known():
        return Why("evicted", "evicted: its result was removed from the store")
    before = last()
    if before is None:
        return Why("never-built", "")
    return explain(before, now())
