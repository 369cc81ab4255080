"""Values of a YAML file with their places, and a reader that takes from them what is expected there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from selector.errors import SelectorError
from selector.text import quoted, suggestion


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value and where it stands: `value` is a scalar, a `list[Node]` or a `dict[str, Node]`.

    `line` and `column` count from 1. `keys` holds the place of each key of a mapping, `quoted` tells a text in
    quotes (or a block that is not empty) from a plain one, `size` counts the nodes below and including this one,
    `height` the levels below it.
    """

    value: Any
    line: int
    column: int
    quoted: bool = False
    size: int = 1
    keys: dict[str, tuple[int, int]] | None = None
    height: int = 0

    def plain(self) -> Any:
        """The value without places: scalars, lists and dicts."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class NodeReader:
    """Takes values of the expected shape out of nodes, or stops with an error that names `file`, line and column."""

    file: str

    def fail(self, node: Node | tuple[int, int], problem: str, hint: str = "") -> NoReturn:
        """Stop, naming file, line and column."""
        line, column = node if isinstance(node, tuple) else (node.line, node.column)
        raise SelectorError(f"{self.file}:{line}:{column}: {problem}", hint)

    def mapping(self, node: Node, what: str, known: Collection[str] | None = None) -> dict[str, Node]:
        """The entries of a mapping, refusing unknown keys if `known` is given."""
        if not isinstance(node.value, dict):
            self.fail(node, f"{what} must be a mapping of keys to values, not {quoted(node.plain())}")
        for key in node.value if known is not None else ():
            if key not in (names := known or ()):
                place = (node.keys or {}).get(key, (node.line, node.column))
                self.fail(
                    place, f"{what}: unknown key {quoted(key)}{suggestion(key, names)}", f"keys: {', '.join(names)}"
                )
        return node.value

    def items(self, node: Node, what: str) -> list[Node]:
        """The entries of a list."""
        if not isinstance(node.value, list):
            self.fail(node, f"{what} must be a list, not {quoted(node.plain())}")
        return node.value

    def text(self, node: Node | None, what: str) -> str:
        """A scalar as one line of text; nothing as the empty text."""
        if node is None:
            return ""
        if isinstance(node.value, dict | list) or node.value is None:
            self.fail(node, f"{what} must be text, not {quoted(node.plain())}")
        return " ".join(str(node.value).split())

    def word(self, node: Node, what: str, known: tuple[str, ...]) -> str:
        """One of `known`; upper case, spaces and hyphens are accepted too."""
        word = str(node.value).strip().lower().replace(" ", "_").replace("-", "_")
        if word not in known:
            self.fail(node, f"{what} is {quoted(node.plain())}{suggestion(word, known)}", f"one of {', '.join(known)}")
        return word

    def required(self, entries: dict[str, Node], key: str, parent: Node, what: str) -> Node:
        """An entry that must be there."""
        if key not in entries:
            self.fail(parent, f"{what} has no {key!r}", f"add {key}:")
        return entries[key]
