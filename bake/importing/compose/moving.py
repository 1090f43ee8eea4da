"""Paths of a compose file that another one includes or extends: relative to the file that says them."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from bake.importing.compose.document import Mapping, Node, Scalar, Sequence

_NOT_A_PATH = ("/", "~", "$", "git@", "service:", "target:", "docker-image:", "oci-layout:")


def moved_service(service: Mapping, directory: str) -> Mapping:
    """The service with its paths seen from the main file. `directory`: that of the service's file."""
    if not directory:
        return service
    items = dict(service.items)
    if "build" in items:
        items["build"] = _build(items["build"], directory, complete="extends" not in items)
    if "env_file" in items:
        items["env_file"] = _each(items["env_file"], directory)
    return replace(service, items=items)


def moved_secret(secret: Node, directory: str) -> Node:
    """The secret with its `file` seen from the main file."""
    if not directory or not isinstance(secret, Mapping) or "file" not in secret.items:
        return secret
    return replace(secret, items={**secret.items, "file": _path(secret.items["file"], directory)})


def below(directory: str, path: str) -> str:
    """A path of a file in `directory`, from where `directory` is relative to; "" for that place itself."""
    joined = posixpath.normpath(posixpath.join(directory, path))
    return "" if joined == "." else joined


def _build(build: Node, directory: str, *, complete: bool) -> Node:
    """`complete`: no context means the directory itself, since no other service has one to give."""
    if not isinstance(build, Mapping):
        return _path(build, directory)
    items = dict(build.items)
    keys = {"context": build.at, **build.keys}
    if "context" in items or complete:
        items["context"] = _path(items.get("context", Scalar(build.at, ".")), directory)
    if "additional_contexts" in items:
        items["additional_contexts"] = _contexts(items["additional_contexts"], directory)
    return replace(build, items=items, keys=keys)


def _contexts(node: Node, directory: str) -> Node:
    if isinstance(node, Mapping):
        return replace(node, items={name: _path(each, directory) for name, each in node.items.items()})
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_named(each, directory) for each in node.items))
    return node


def _named(node: Node, directory: str) -> Node:
    if not isinstance(node, Scalar):
        return node
    name, equals, path = node.text.partition("=")
    return replace(node, value=f"{name}={_moved(path, directory)}") if equals else node


def _each(node: Node, directory: str) -> Node:
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_each(each, directory) for each in node.items))
    if isinstance(node, Mapping):
        return replace(node, items={**node.items, "path": _path(node.items.get("path", node), directory)})
    return _path(node, directory)


def _path(node: Node, directory: str) -> Node:
    return replace(node, value=_moved(node.text, directory)) if isinstance(node, Scalar) else node


def _moved(path: str, directory: str) -> str:
    if not path or path.startswith(_NOT_A_PATH) or "://" in path:
        return path
    return below(directory, path) or "."
