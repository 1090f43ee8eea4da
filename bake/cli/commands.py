"""The table of commands: name → where it lives and what it does. One line here is all that a new command needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """`where` is `module:attribute` of a click command, imported when called; `help` is its line in the overview."""

    where: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "build": Entry("bake.cli.build:build", "Build targets and what they need (the default command)"),
    "plan": Entry("bake.cli.plan:plan", "Show what would run, what is cached, and why; build nothing"),
    "explain": Entry(
        "bake.cli.explain:explain", "Tell why each step of the last run ran, or where its result came from"
    ),
    "list": Entry("bake.cli.show:list_", "List targets, groups and variables"),
    "print": Entry("bake.cli.show:print_", "Print the resolved spec as JSON"),
    "check": Entry("bake.cli.check:check", "Find what is wrong or odd in the spec and in all Dockerfiles"),
    "graph": Entry("bake.cli.graph:graph", "Draw which targets build on which"),
    "lock": Entry("bake.cli.lock:lock", "Pin base images, git sources and remote files in bake.lock"),
    "outdated": Entry("bake.cli.lock:outdated", "List locked inputs that have moved, and what they would rebuild"),
    "affected": Entry("bake.cli.affected:affected", "List the targets that a change touches"),
    "matrix": Entry("bake.cli.matrix:matrix", "Print targets as jobs of a CI system, in dependency levels"),
    "watch": Entry("bake.cli.watch:watch", "Build, and build again whenever a file changes that a step reads"),
    "pull": Entry("bake.cli.pull:pull", "Download images into the store"),
    "push": Entry("bake.cli.registry:push", "Publish what is built"),
    "run": Entry("bake.cli.run:run", "Run a command in a built image"),
    "inspect": Entry("bake.cli.registry:inspect", "Show the config and the layers of an image"),
    "tags": Entry("bake.cli.registry:tags", "List the tags of a repository"),
    "catalog": Entry("bake.cli.registry:catalog", "List the repositories of a registry"),
    "diff": Entry("bake.cli.diff:diff", "Show what differs between two images: files by layer, config"),
    "copy": Entry("bake.cli.copy:copy", "Copy an image between registries and OCI layouts"),
    "login": Entry("bake.cli.login:login", "Log in to a registry"),
    "logout": Entry("bake.cli.login:logout", "Forget the login to a registry"),
    "history": Entry("bake.cli.history:history", "List the last runs, or tell what one of them did"),
    "cache": Entry("bake.cli.cache:cache", "Show what the store holds and check that it is sound"),
    "import": Entry(
        "bake.cli.import_:import_", "Turn docker-bake.hcl, docker-bake.json or compose.yaml into bake.toml"
    ),
    "init": Entry("bake.cli.init:init", "Write a first bake.toml from the Dockerfiles that are there"),
    "builders": Entry("bake.cli.builders:builders", "Show the BuildKit builders: state, load, and how often they hit"),
    "doctor": Entry("bake.cli.doctor:doctor", "Show the settings, what this host can do and how to get the rest"),
    "schema": Entry("bake.cli.about:schema", "Print a JSON schema: of bake.toml, of the report, of events"),
    "completion": Entry("bake.cli.about:completion", "Print the completion script for a shell"),
    "help": Entry("bake.cli.about:help_", "Show what a command does"),
    "version": Entry("bake.cli.about:version", "Show the version"),
}

IMPLICIT = "bake.implicit"
"""Key of click's `Context.meta`: the line named no command."""


def load(name: str) -> object:
    """The command of that name, imported now."""
    from importlib import import_module

    module, _, attribute = COMMANDS[name].where.partition(":")
    return getattr(import_module(module), attribute)
