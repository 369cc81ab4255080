"""Modules that a package does without where they cannot be imported: what its own code says."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from importlib.util import find_spec

MOST_FILES = 3000
_MOST_BYTES = 1_000_000
_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def may_lack(module: str) -> bool:
    """Whether every import of a module, in the package that it is in, is one that may fail."""
    top = module.partition(".")[0]
    spec = find_spec(top)
    found = [
        guarded
        for folder in (spec.submodule_search_locations or [] if spec is not None else [])
        for file in _sources(folder, module.rpartition(".")[2])
        for guarded in imports_in(file, module)
    ]
    return bool(found) and all(found)


def _sources(folder: str, word: str) -> Iterator[str]:
    """The text of each file below a folder in which a word stands."""
    left = MOST_FILES
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(".py") and left > 0 and os.path.getsize(path) <= _MOST_BYTES:
                left -= 1
                with open(path, encoding="utf-8", errors="replace") as stream:
                    text = stream.read()
                if word in text:
                    yield text


def imports_in(source: str, module: str) -> list[bool]:
    """For each import of a module in a source, whether it may fail; also for `from . import its_name`."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found: list[bool] = []
    _visit(tree, module, False, found)
    return found


def _visit(node: ast.AST, module: str, guarded: bool, found: list[bool]) -> None:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        if _is_of(node, module):
            found.append(guarded)
        return
    if isinstance(node, ast.Try):
        inside = guarded or any(_catches(handler.type) for handler in node.handlers)
        for child in node.body:
            _visit(child, module, inside, found)
        for child in [*node.handlers, *node.orelse, *node.finalbody]:
            _visit(child, module, guarded, found)
        return
    if isinstance(node, ast.With):
        guarded = guarded or any("suppress" in ast.dump(item.context_expr) for item in node.items)
    if (
        isinstance(node, ast.If)
        and "TYPE_CHECKING" in ast.dump(node.test)
        and isinstance(node.test, (ast.Name, ast.Attribute))
    ):
        for child in node.orelse:
            _visit(child, module, guarded, found)
        return
    for child in ast.iter_child_nodes(node):
        _visit(child, module, guarded, found)


def _is_of(node: ast.Import | ast.ImportFrom, module: str) -> bool:
    """Whether an import names a module, in full or by its last part beside it."""
    if isinstance(node, ast.Import):
        return any(alias.name == module for alias in node.names)
    parent, _, last = module.rpartition(".")
    whole = node.module or ""
    if node.level:
        return whole.rpartition(".")[2] == last or (not whole and any(alias.name == last for alias in node.names))
    return whole == module or (whole == parent and any(alias.name == last for alias in node.names))


def _catches(kind: ast.expr | None) -> bool:
    """Whether a handler takes an ImportError."""
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(name, ast.Name) and name.id in _CAUGHT for name in names)
