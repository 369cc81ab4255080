"""The probe's part of `deps`: classes whose instances cannot be pickled, as their type says, beside really pickling one."""

from __future__ import annotations

import copyreg
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from function_probe import LAB, PROBE, modules
from readiness import environment, imported, native

from selector.host import interpreter_at
from selector.measure.children import Job, Laboratory
from selector.measure.python import ChosenPython
from selector.readiness import looking
from selector.readiness.verdicts import build_readiness


@pytest.fixture(scope="module")
def probe() -> Iterator[SimpleNamespace]:
    with modules() as found:
        yield found


@pytest.mark.parametrize("tag", ["here", "3.13t", "3.14", "3.15"])
def test_the_rule_says_what_pickling_an_instance_says(tag: str, needs: Callable[[str], str]) -> None:
    python = sys.executable if tag == "here" else needs(tag)
    command = [python, "-B", str(LAB / "pickled.py"), str(PROBE / "pickling.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["refused"]) > 15 and len(found["pickled"]) > 25
    assert found["wrong"] == ["socket.socket: the rule says False, pickling says True"]  # its own __getstate__ raises


def test_only_what_a_package_shows_of_its_own_is_looked_at(
    probe: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    space: dict[str, Any] = {"Con": sqlite3.Connection, "Again": sqlite3.Connection, "_Row": sqlite3.Row, "n": 1}
    shown = ModuleType("shown_by_test")
    vars(shown).update(space)
    monkeypatch.setitem(sys.modules, "shown_by_test", shown)
    ask_for = probe.pickling.unpicklable_in
    assert ask_for(["shown_by_test"], []) == []  # they are of sqlite3
    assert ask_for(["shown_by_test"], ["sqlite3._native"]) == ["shown_by_test.Con"]
    assert ask_for(["sqlite3_is_not_here"], ["shown_by_test", "sqlite3.lacks"]) == ["shown_by_test.Con"]
    shown.__all__ = ["_Row", "absent", 3]  # type: ignore[attr-defined]
    assert ask_for(["shown_by_test", "no_such_module"], ["sqlite3._native"]) == ["shown_by_test._Row"]
    for table in (copyreg.dispatch_table, ForkingPickler._extra_reducers):  # type: ignore[attr-defined]
        with monkeypatch.context() as patch:
            patch.setitem(table, sqlite3.Row, lambda row: (tuple, (tuple(row),)))
            assert ask_for(["shown_by_test"], ["sqlite3._native"]) == []
    monkeypatch.setitem(sys.modules, "sqlite3._private", shown)
    assert ask_for(["no_such_module"], ["sqlite3._private"]) == []
    monkeypatch.setattr(probe.pickling, "MOST_CLASSES", 0)
    assert ask_for(["sqlite3"], []) == []


HOSTILE = """
import sqlite3

class Meta(type):
    def __getattribute__(cls, name): raise SystemExit(name)
    def __eq__(cls, other): raise SystemExit
    def __hash__(cls): raise SystemExit
    def __instancecheck__(cls, other): raise SystemExit
    def __subclasscheck__(cls, other): raise SystemExit

class Odd(sqlite3.Connection, metaclass=Meta):
    def __new__(cls): raise SystemExit

class Proxy:
    @property
    def __class__(self): raise SystemExit

class UsedUp(sqlite3.Row):
    __slots__ = iter(())

class Answers(sqlite3.Row):
    def __getattr__(self, name): raise SystemExit

class Finds(sqlite3.Row):
    def __getattribute__(self, name): raise SystemExit

class Says(sqlite3.Row):
    def __reduce__(self): raise TypeError

class Forbids(sqlite3.Row):
    __getstate__ = None

proxy = Proxy()
def __getattr__(name): raise SystemExit
__all__ = ["Odd", "proxy", "UsedUp", "Answers", "Finds", "Says", "Forbids", "lazy"]
"""


def test_no_code_of_a_package_runs_and_what_decides_for_itself_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    home = ChosenPython(sys.executable, "as given", interpreter_at(sys.executable))
    with Laboratory({"folder": str(tmp_path)}, {**os.environ, "PYTHONPATH": str(tmp_path)}) as laboratory:
        (said,) = laboratory.run_all([Job("imports", home, 60, {"modules": ["hostile"]})], 1)
    assert said.done and said.facts["failed"] == {}, said
    assert said.facts["unpicklable"] == ["hostile.Odd"]


def test_it_is_told_of_a_build_and_changes_no_verdict() -> None:
    def verdict(**facts: Any) -> Any:
        package = native("app")
        return build_readiness(package, environment(package), imported(**facts), lambda _: None)

    plain, told = verdict(), verdict(unpicklable=["app.Handle", "app.\x1b[31m"])
    assert plain.unpicklable is None and told.unpicklable == ("app.Handle", "app.\\x1b[31m")
    assert told.model_copy(update={"unpicklable": None}) == plain
    assert verdict(unpicklable="odd").unpicklable is None


def test_what_an_older_probe_said_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    there = environment(native("app"))
    before = looking.key_of(there, "app", "imports")
    monkeypatch.setattr(looking, "_probe", lambda: "another")
    assert looking.key_of(there, "app", "imports") != before
