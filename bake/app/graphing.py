"""`bake graph`: the targets and how they hang together. Needs no network, engine or store."""

from __future__ import annotations

from dataclasses import replace

from bake.app.loading import load
from bake.app.options import Options
from bake.app.session import Session
from bake.gather.scan import read_texts
from bake.plan.dependencies import Links, find_links
from bake.plan.facts import Facts, Needs


def graph(options: Options) -> Links:
    """The named targets and all that they reach. Raises InputError."""
    with Session(options) as session:
        loaded = load(session)
        facts = Facts()
        while True:
            found = find_links(list(loaded.targets.values()), loaded.siblings, facts, session.platform)
            if not isinstance(found, Needs):
                return found
            facts = replace(facts, texts={**facts.texts, **read_texts(found.texts)})
