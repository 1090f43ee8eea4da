"""Values of a compose file as Python has them, interpolated: texts, lists and tables in each form of compose."""

from __future__ import annotations

from bake.importing.compose.document import Mapping, Node, Scalar, Sequence
from bake.importing.compose.variables import Variables
from bake.importing.notes import Notes, fault


class Reader:
    """Raises InputError with the place of a value of the wrong form."""

    def __init__(self, variables: Variables, notes: Notes) -> None:
        self.variables = variables
        self.notes = notes

    def text(self, node: Node) -> str:
        """A single value."""
        if not isinstance(node, Scalar):
            raise fault(self.notes.source, node.at, "this must be a single value", code="import-value")
        return self.variables.text(node.text, node.at)

    def flag(self, node: Node) -> bool | str:
        """true, false, or a text with `${…}`."""
        text = self.text(node)
        return text if "${" in text else text.lower() in ("true", "1", "yes", "on")

    def texts(self, node: Node) -> list[str]:
        """A list, or a single value."""
        if isinstance(node, Sequence):
            return [self.text(each) for each in node.items]
        return [] if isinstance(node, Scalar) and node.value is None else [self.text(node)]

    def words(self, node: Node) -> list[str]:
        """A list, or one text split at blanks."""
        return [self.text(each) for each in node.items] if isinstance(node, Sequence) else self.text(node).split()

    def table(self, node: Node, separators: str = "=") -> dict[str, str | None]:
        """A mapping, or a list of `key=value`; None for a key alone."""
        if isinstance(node, Mapping):
            return {
                key: None if isinstance(value, Scalar) and value.value is None else self.text(value)
                for key, value in node.items.items()
            }
        found: dict[str, str | None] = {}
        for text in self.texts(node):
            mark = next((each for each in text if each in separators), None)
            name, _, value = text.partition(mark) if mark else (text, "", "")
            found[name.strip()] = value if mark else None
        return found

    def mapping(self, node: Node, what: str) -> Mapping:
        """A mapping; null is an empty one."""
        if isinstance(node, Scalar) and node.value is None:
            return Mapping(node.at, {}, {})
        if not isinstance(node, Mapping):
            raise fault(self.notes.source, node.at, f"{what} must be a mapping", code="import-value")
        return node
