"""The house is as CONTRIBUTING draws it: its rooms, who may import whom, how large a module and a function may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "selector"
#: What every room stands on: messages, words for numbers, files, child processes, the bases of models.
GROUND = {"errors", "text", "files", "temporary", "processes", "models", "version"}
#: Python that ships or runs.
FOLDERS = ("selector", "templates", "programs", "probes", "benchmarks", "tests")
LONGEST_MODULE, LONGEST_FUNCTION = 400, 50
#: A notebook asks a value itself how it is shown: the methods that answer fetch the report when they are called.
SHOWN_IN_NOTEBOOKS = {("report", "recommend"), ("report", "validation"), ("report", "measure")}


def picture() -> list[tuple[str, str]]:
    """The arrows of the Mermaid picture in CONTRIBUTING: (room, a room that may import it)."""
    block = re.search(r"```mermaid\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    return re.findall(r"^ +(\w+) --> (\w+)$", block[1], re.MULTILINE)


def statements_of(text: str) -> Iterator[ast.AST]:
    """Every statement, however deep; what is within an expression is none."""
    ahead: list[ast.AST] = [ast.parse(text)]
    while ahead:
        node = ahead.pop()
        yield node
        ahead += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt | ast.excepthandler | ast.match_case)]


@cache
def modules() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if "_data" not in file.parts]


def room_of(module: str) -> str:
    """The room of a module by its dotted name: what stands behind `selector.`, the face for the package itself."""
    return [*module.split("."), "face"][1]


@cache
def imports(file: Path) -> list[tuple[str, str]]:
    """What a file imports of us, at its top or in a function: (its room, the room imported)."""
    name = ".".join(("selector", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    found = []
    for node in statements_of(file.read_text("utf-8")):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] == "selector":
            modules = [f"selector.{a.name}" for a in node.names] if node.module == "selector" else [node.module]
            found += [(room_of(name), room_of(module)) for module in modules]
    return found


def uses() -> set[tuple[str, str]]:
    """(room, a room that imports it) of everything there is, but for the ground, the package's face and its start."""
    found = {(imported, room) for file in modules() for room, imported in imports(file)}
    found = {(a, b) for a, b in found if a != b and not {a, b} & GROUND and b not in ("face", "__main__")}
    assert found >= SHOWN_IN_NOTEBOOKS
    return found - SHOWN_IN_NOTEBOOKS


def reached(arrows: list[tuple[str, str]], start: str) -> set[str]:
    """All rooms that arrows lead to from one."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        room = ahead.pop()
        ahead += [b for a, b in arrows if a == room and b not in found]
        found |= {b for a, b in arrows if a == room}
    return found


def test_every_room_is_in_the_picture_and_no_other() -> None:
    rooms = {room_of(f"selector.{file.relative_to(PACKAGE).parts[0].removesuffix('.py')}") for file in modules()}
    assert {room for arrow in picture() for room in arrow} == rooms - GROUND - {"__init__", "__main__"}


def test_imports_go_only_along_the_arrows() -> None:
    arrows = picture()
    allowed = {start: reached(arrows, start) for start, _ in arrows}
    assert [f"{b} imports {a}" for a, b in sorted(uses()) if b not in allowed.get(a, ())] == []


def test_no_arrow_leads_in_a_circle_and_each_is_an_import() -> None:
    arrows = picture()
    assert [start for start, _ in arrows if start in reached(arrows, start)] == []
    assert [arrow for arrow in arrows if arrow not in uses()] == []


def test_the_ground_stands_on_nothing() -> None:
    found = {(imported, room) for file in modules() for room, imported in imports(file)}
    assert [f"{b} imports {a}" for a, b in sorted(found) if b in GROUND and a not in GROUND] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_modules_and_functions_are_short(folder: str) -> None:
    long = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        text = file.read_text("utf-8")
        if (lines := text.count("\n")) > LONGEST_MODULE:
            long.append(f"{file.relative_to(ROOT)}: {lines} lines")
        for node in statements_of(text):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{file.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert long == []
