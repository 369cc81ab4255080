"""Reads YAML as data with places: every value knows its line and column.

Only the plain types of JSON come out (YAML 1.2 core schema: `yes` and `on` are text, `2024-01-01` is text).
Tags, duplicate keys, more than one document, text over a size limit and structures over a node or depth limit are
errors, so that neither a typo nor a hostile file can pass silently or exhaust the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from selector.decision.nodes import Node
from selector.errors import SelectorError
from selector.text import quoted

MAX_BYTES = 1_000_000
MAX_NODES = 100_000  # aliases count for everything they stand for, long texts for one in each 64 characters
MAX_DEPTH = 32

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it was built in
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, bool | None] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None,
}  # fmt: skip
_MAX_DIGITS = 300


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """The UTF-8 text of a file; SelectorError if it is missing, a folder, too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SelectorError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError:  # a NUL or a lone surrogate
        raise SelectorError(f"{quoted(str(path))}: not the name of a file") from None
    if len(data) > limit:
        raise SelectorError(f"{path}: larger than {limit:,} bytes", "split the file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SelectorError(f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8") from None


def load_yaml(path: Path) -> Any:
    """The plain data of a YAML file, under the limits above."""
    return parse_yaml(read_text(path), str(path)).plain()


def parse_yaml(text: str, name: str) -> Node:
    """The one document in `text` as nodes; `name` is how errors call it."""
    if len(text) > MAX_BYTES:
        raise SelectorError(f"{name}: larger than {MAX_BYTES:,} characters", "split it")
    try:
        text.encode()
        events = iter(yaml.parse(text, Loader=_Loader))
        node = _Composer(name, events).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        if "nesting depth" in str(error.problem):  # the parser's own limit, met while it looks ahead of ours
            raise SelectorError(
                f"{name}{place}: nested more than {MAX_DEPTH} deep", "a table is three levels deep"
            ) from None
        raise SelectorError(
            f"{name}{place}: not valid YAML: {error.problem or error.context}", _yaml_hint(error)
        ) from None
    except UnicodeEncodeError as error:
        raise _bad_character(text, error.start, name) from None
    except yaml.reader.ReaderError as error:
        raise _bad_character(text, text.find(chr(error.character)), name) from None
    return node


def _bad_character(text: str, index: int, name: str) -> SelectorError:
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    problem = f"the character U+{ord(text[index]):04X} is not allowed"
    return SelectorError(
        f"{name}:{line}:{column}: not valid YAML: {problem}", "save the file as UTF-8 text, without it"
    )


_NEEDS_QUOTES = ("cannot start any token", "did not find expected", "sequence entries are not allowed", "chomping")


def _yaml_hint(error: yaml.MarkedYAMLError) -> str:
    if any(problem in str(error.problem) for problem in _NEEDS_QUOTES):
        return "put tests such as '>= 2', '\"a\",\"b\"' or '-' in single quotes; indent by spaces, not tabs"
    return "check the indentation and the quotes at that place"


class _Composer:
    """Builds nodes from parser events without recursion into aliases, counting what it builds."""

    def __init__(self, name: str, events: Iterator[yaml.Event]) -> None:
        self.name = name
        self.events = events
        self.anchors: dict[str, Node] = {}
        self.total = 0

    def document(self) -> Node:
        """The only document of the stream."""
        next(self.events)  # the start of the stream
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node(None, 1, 1)
        node = self.node(next(self.events), 0)
        next(self.events)  # the end of the document
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self.error(after, "a second document", "keep one table in a file")
        return node

    def error(self, event: Any, problem: str, hint: str) -> SelectorError:
        """An error at the place of an event."""
        mark = event.start_mark
        return SelectorError(f"{self.name}:{mark.line + 1}:{mark.column + 1}: {problem}", hint)

    def count(self, event: Any, nodes: int) -> None:
        """Add to the number of values read, up to the limit."""
        self.total += nodes
        if self.total > MAX_NODES:
            raise self.error(event, f"more than {MAX_NODES:,} values", "split the file; check its aliases")

    def node(self, event: Any, depth: int) -> Node:
        """The value that begins with this event."""
        if depth > MAX_DEPTH:
            raise self.too_deep(event)
        kind = type(event)
        if kind is yaml.AliasEvent:
            if event.anchor not in self.anchors:
                raise self.error(event, f"the alias *{event.anchor} has no finished anchor", "name the anchor before")
            node = self.anchors[event.anchor]
            self.count(event, node.size)
            if depth + node.height > MAX_DEPTH:
                raise self.too_deep(event)
            return node
        self.refuse_tag(event)
        self.count(event, 1 if kind is not yaml.ScalarEvent else _weight(event.value))
        if kind is yaml.ScalarEvent:
            node = self.scalar(event)
        elif kind is yaml.SequenceStartEvent:
            node = self.sequence(event, depth)
        else:
            node = self.mapping(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def too_deep(self, event: yaml.Event) -> SelectorError:
        """The error for nesting that no table needs."""
        return self.error(event, f"nested more than {MAX_DEPTH} deep", "a table is three levels deep")

    def refuse_tag(self, event: Any) -> None:
        """Tags would make objects; only plain data is wanted."""
        if event.tag is not None and event.tag != "!":
            hint = "quote the test: '!= 5'" if event.tag.startswith("!=") else "leave the tag out"
            raise self.error(event, f"the tag {event.tag} is not accepted", hint)

    def scalar(self, event: Any) -> Node:
        """Text as it is if it was quoted, else what the core schema says."""
        mark = event.start_mark
        plain: bool = event.implicit[0] and event.style in (None, "")  # `! '5'` is implicit, but text
        value = self.resolve(event) if plain else event.value
        in_quotes = not plain and (value != "" or event.style not in ("|", ">"))
        return Node(value, mark.line + 1, mark.column + 1, in_quotes, _weight(event.value))

    def resolve(self, event: Any) -> Any:
        """A plain scalar by the core schema of YAML 1.2; whatever is no number and no constant is text."""
        text: str = event.value
        if not text:
            return text  # `key:` and an unquoted `>5` (a folded block) arrive empty: never a silent null
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0].isalpha() or not (_FLOAT.fullmatch(text)):
            return text
        if len(text) > _MAX_DIGITS:
            raise self.error(event, "a number of too many digits", f"at most {_MAX_DIGITS}")
        if _INT.fullmatch(text):
            return int(text)
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise self.error(event, f"{text} is too large for a number", "use a smaller one")
        return number

    def sequence(self, event: Any, depth: int) -> Node:
        """A list."""
        items: list[Node] = []
        size, height = 1, 0
        while not isinstance(following := next(self.events), yaml.SequenceEndEvent):
            item = self.node(following, depth + 1)
            items.append(item)
            size += item.size
            height = max(height, item.height + 1)
        return Node(items, event.start_mark.line + 1, event.start_mark.column + 1, size=size, height=height)

    def mapping(self, event: Any, depth: int) -> Node:
        """A mapping with text for keys, none of them twice."""
        entries: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        size, height = 1, 0
        while not isinstance(following := next(self.events), yaml.MappingEndEvent):
            if not isinstance(following, yaml.ScalarEvent):
                raise self.error(following, "a key that is not text", "keys are plain words")
            self.refuse_tag(following)
            key = following.value
            if key in entries:
                raise self.error(following, f'the key "{key}" appears twice', "keep one of them")
            item = self.node(next(self.events), depth + 1)
            entries[key] = item
            mark: Any = following.start_mark
            keys[key] = (mark.line + 1, mark.column + 1)
            size += item.size + _weight(key)
            height = max(height, item.height + 1)
        return Node(
            entries, event.start_mark.line + 1, event.start_mark.column + 1, size=size, keys=keys, height=height
        )


def _weight(text: str) -> int:
    """What a text counts for: a long one that many aliases repeat must not fill the memory."""
    return 1 + len(text) // 64
