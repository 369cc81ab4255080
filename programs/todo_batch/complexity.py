"""What a schedule or an execution costs in code: its lines and the concepts in them, counted in the source as it lies here.

What it is made of is its class, and all of this program that this uses, and that uses, but for what every way needs: the
work itself, and what all crews are. A line counts if there is code in it: no blank ones, comments and docstrings.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from results import Code

_EVERYBODYS = {"tasks", "crew", "text"}  # modules that every way needs
_CHOSEN = "collecting"  # of which an execution needs one class only, whichever is asked for
_OF_CONCURRENCY = {
    "threading", "queue", "multiprocessing", "concurrent", "asyncio", "signal", "selectors", "socket", "subprocess",
    "contextvars", "heapq",
}  # fmt: skip

Name = tuple[str, str]  # of a module, and of what is defined in it


def counted(
    folder: Path, schedules: Mapping[str, type], executions: Iterable[str], collectors: Mapping[str, type]
) -> dict[str, Code]:
    """The code of each schedule and execution by its name; of an execution, the class that is called like it.

    Where an execution can hand in results in several ways, these are there as `threads/lock`. What has no such class is
    left out.
    """
    source = Source(
        {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.py")) if file.stem != "bench"}
    )
    starts = {name: (kind.__module__, kind.__name__) for name, kind in schedules.items()}
    for name in executions:
        for found in source.classes(name):
            starts[name] = found
            if source.chooses(found):
                starts |= {f"{name}/{way}": (kind.__module__, kind.__name__) for way, kind in collectors.items()}
    return {name: source.code(start) for name, start in starts.items() if start in source.definitions}


class Source:
    """The modules of a program by name, as text, and what is defined at their top."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.trees = {module: ast.parse(text) for module, text in texts.items()}
        self.definitions = {
            (module, name): node for module, tree in self.trees.items() for node in tree.body for name in _defined(node)
        }
        self._imported = {module: dict(self._imports(tree)) for module, tree in self.trees.items()}

    def classes(self, name: str) -> Iterator[Name]:
        """Where a class is called so, but for its capitals."""
        for (module, own), node in self.definitions.items():
            if isinstance(node, ast.ClassDef) and own.casefold() == name.casefold():
                yield module, own

    def code(self, start: Name) -> Code:
        """What a definition and all that it uses come to."""
        parts = self._closure(start)
        lines = {(name[0], line) for name in parts for line in _lines(self.definitions[name])}
        classes = [name for module, name in parts if isinstance(self.definitions[module, name], ast.ClassDef)]
        foreign = sorted({used for name in parts for used in self._foreign(name)})
        return Code(len(lines), (*classes, *foreign))

    def chooses(self, start: Name) -> bool:
        """Whether it needs one of the ways to hand in results."""
        return any(used[0] == _CHOSEN for name in self._closure(start) for used in self._used(name))

    def _closure(self, start: Name) -> list[Name]:
        found: dict[Name, None] = {}
        ahead = [start]
        while ahead:
            name = ahead.pop()
            apart = name[0] in _EVERYBODYS or (name[0] == _CHOSEN != start[0])
            if name not in found and name in self.definitions and not apart:
                found[name] = None
                ahead += self._used(name)
        return list(found)

    def _used(self, name: Name) -> Iterator[Name]:
        """What of this program a definition names."""
        module = name[0]
        for node in ast.walk(self.definitions[name]):
            if isinstance(node, ast.Name):
                place, own = self._imported[module].get(node.id, (module, node.id))
                yield place, own
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):  # of an imported module
                yield self._imported[module].get(node.value.id, ("", ""))[0], node.attr

    def _foreign(self, name: Name) -> Iterator[str]:
        """What of the standard library's modules for concurrency a definition names, such as `threading.Lock`."""
        for node in ast.walk(self.definitions[name]):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, own = self._imported[name[0]].get(node.value.id, ("", ""))
                if module.partition(".")[0] in _OF_CONCURRENCY and not own:
                    yield f"{module}.{node.attr}"
            elif isinstance(node, ast.Name):
                module, own = self._imported[name[0]].get(node.id, ("", ""))
                if module.partition(".")[0] in _OF_CONCURRENCY and own:
                    yield f"{module}.{own}"

    @staticmethod
    def _imports(tree: ast.Module) -> Iterator[tuple[str, Name]]:
        """What each name is, that is imported anywhere in a module: (module, its name there; none for a module itself)."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or whole, (whole, "")


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _lines(node: ast.AST) -> Iterator[int]:
    """The lines of a definition with code in them."""
    told = {line for text in _docstrings(node) for line in range(text.lineno, (text.end_lineno or text.lineno) + 1)}
    for part in ast.walk(node):
        if isinstance(part, (ast.stmt, ast.expr, ast.arg, ast.ExceptHandler)):
            ends = {part.lineno, part.end_lineno or part.lineno} if isinstance(part, ast.expr) else {part.lineno}
            yield from ends - told


def _docstrings(node: ast.AST) -> Iterator[ast.Expr]:
    for part in ast.walk(node):
        if (
            isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and ast.get_docstring(part) is not None
        ):
            first = part.body[0]
            assert isinstance(first, ast.Expr)
            yield first
