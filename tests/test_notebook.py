"""The magic of notebooks: what a line means, and functions of cells as a module that another process imports."""

from __future__ import annotations

import linecache
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

import selector
from selector import SelectorError
from selector.measure.models import MeasureReport
from selector.notebook import measured

CELL = """
import json as js
import math
from dataclasses import dataclass
from pathlib import Path
FACTOR = 3
LOCK = None
@dataclass
class Point:
    x: int
def helper(x):
    return math.floor(x) * FACTOR + js.loads("1")
def load():
    global LOCK
    import threading
    LOCK = threading.Lock()
def heavy(x):
    with LOCK:
        return helper(Point(x).x)
def uses_lock(x):
    return bool(LOCK)
given = lambda: iter("ab")
load()
DATA = [0, 1, 2]
"""
EMPTY = MeasureReport(
    target="x:y",
    items=None,
    python="",
    profile=None,
    evidence={},
    unknown=(),
    problems=(),
    notes=(),
    tried=(),
    complete=True,
    calls=0,
    seconds=0,
    recommendation=None,
)


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """A notebook with one cell, which has been run as IPython does."""
    found: dict[str, Any] = {"__name__": "__main__", "In": ["%ls", CELL]}
    linecache.cache["<cell>"] = (len(CELL), None, CELL.splitlines(keepends=True), "<cell>")
    with mock.patch.dict(sys.modules, {"__main__": mock.Mock(spec=[], __name__="__main__")}):
        exec(compile(CELL, "<cell>", "exec", dont_inherit=True), found)
        yield found
    linecache.cache.pop("<cell>")


def asked(line: str, names: dict[str, Any]) -> dict[str, Any]:
    """What a line asks `measure` for; files of cells are read before they are gone."""
    told: dict[str, Any] = {}

    def measure(target: str, **options: Any) -> MeasureReport:
        told.update(options, target=target)
        for text in (target, options["items"] or ""):
            file = Path(text.rpartition(":")[0])
            if file.is_absolute() and file.name.startswith("notebook"):
                scope: dict[str, Any] = {"__name__": file.stem}
                exec(compile(file.read_text("utf-8"), file, "exec", dont_inherit=True), scope)
                told[file.stem] = scope
        return EMPTY

    with mock.patch("selector.measure.measure", measure):
        told["report"] = measured(line, names)
    return told


def test_a_function_of_a_cell_is_a_module_with_what_it_uses(names: dict[str, Any]) -> None:
    told = asked("heavy DATA --setup load --budget 5s --set tasks=9", names)
    module = told["notebook"]
    module["load"]()
    assert module["heavy"](4.5) == 13
    assert "given" not in module
    assert list(told["notebook_items"]["ITEMS"]) == [0, 1, 2]
    assert told["settings"] == ("notebook=true", "tasks=9")
    assert (told["python"], told["budget_seconds"]) == (sys.executable, 5)
    assert told["setup"].endswith("notebook.py:load")
    assert (told["report"].target, told["report"].items) == ("notebook.py:heavy", "DATA")


def test_functions_of_files_and_texts_are_named_as_they_are(names: dict[str, Any], tmp_path: Path) -> None:
    told = asked("resize.py:thumbnail 'photos/*.jpg'", names)
    assert (told["target"], told["items"], told["settings"]) == ("resize.py:thumbnail", "photos/*.jpg", ())
    names |= {"dumps": pickle.dumps, "refused": __import__("refusals")}
    names["own"] = asked
    assert asked("own given", names)["target"] == f"{__file__}:asked"
    assert asked("own given", names)["notebook_items"]["ITEMS"] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("heavi DATA", 'no heavi in this notebook .did you mean "heavy"'),
        ("FACTOR", "FACTOR is int, not a function"),
        ("uses_lock 3", "uses_lock uses LOCK, which no file can hold"),
        ("heavy FACTOR --setup load", "the items of FACTOR cannot be handed over"),
        ("heavy 'a", "cannot be read"),
        ("heavy 3 --budgt 4", "unrecognized arguments"),
        ("", "required: function"),
    ],
)
def test_what_cannot_be_meant_is_said(names: dict[str, Any], line: str, said: str) -> None:
    with pytest.raises(SelectorError, match=said):
        asked(line, names)


def test_the_extension_adds_a_magic_that_tells_errors(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    magics: dict[str, Any] = {}
    shell = SimpleNamespace(
        user_ns=names,
        register_magic_function=lambda func, magic_kind, magic_name: magics.update({magic_kind + magic_name: func}),
    )
    selector.load_ipython_extension(shell)
    assert magics["lineconcurrency"]("heavi DATA") is None
    assert capsys.readouterr().err.startswith("error: there is no heavi")
    with mock.patch("selector.measure.measure", return_value=EMPTY):
        assert magics["lineconcurrency"]("heavy DATA --setup load") == EMPTY.model_copy(
            update={"target": "notebook.py:heavy", "items": "DATA"}
        )


def test_a_report_shows_itself_in_a_notebook() -> None:
    report, printed = EMPTY.model_copy(update={"items": "img/*.png"}), mock.Mock()
    shown = report._repr_markdown_()
    assert "## What was found" in shown
    assert "img/" in shown
    report._repr_pretty_(printed, False)
    printed.text.assert_called_once_with(shown)


@pytest.mark.slow
def test_a_function_of_a_cell_is_measured(names: dict[str, Any]) -> None:
    report = measured("heavy DATA --setup load --budget 5s", names)
    assert report.profile is not None
    assert report.profile.notebook
    assert report.recommendation is not None
