"""The race of collectors: without a lock results are lost, with a lock, a queue or places of one's own none is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from todo_program import FOLDER, call_program, modules

todo = pytest.fixture(scope="module")(modules)

#: Races until something is lost, at most 300: threads meet only where each has a CPU at the same time.
_UNTIL_LOST = """
import json, sys
from racing import guarded, unguarded
for _ in range(300):
    if (lost := unguarded("no lock", 4, 5000).lost):
        break
print(json.dumps([sys._is_gil_enabled(), lost, *(guarded(name, 4, 2000).lost for name in ("lock", "queue", "merge"))]))
"""


def lost(said: dict[str, Any]) -> dict[str, int]:
    return {it["collector"]: it["lost"] for it in said["collectors"]}


def test_guarded_collectors_never_lose_and_the_unguarded_are_told_with_what_they_lost(
    todo: Any, tmp_path: Path
) -> None:
    for _ in range(3):
        done = call_program(todo, tmp_path, "race", "--processors", "3", "--results", "3000", "--json")
        found = lost(json.loads(done.out))
        assert done.code == 0 and [*found] == ["no lock", "no lock, a call", "lock", "queue", "merge"]
        assert [found[name] for name in ("lock", "queue", "merge")] == [0, 0, 0]
    told = call_program(todo, tmp_path, "race", "--results", "500").out
    assert "4 threads hand in 500 results each" in told and max(map(len, told.splitlines())) <= 80
    assert sys._is_gil_enabled() if hasattr(sys, "_is_gil_enabled") else "With the GIL" in told


def test_a_free_threaded_python_loses_what_nobody_guards(needs: Callable[[str], str]) -> None:
    done = subprocess.run(
        [needs("3.13t"), "-c", _UNTIL_LOST], capture_output=True, text=True, timeout=150, check=False, cwd=FOLDER
    )
    assert done.returncode == 0, done.stderr
    gil, lost, *guarded = json.loads(done.stdout)
    assert not gil and lost > 0 and guarded == [0, 0, 0]


def test_a_collector_that_loses_or_doubles_ends_with_1(todo: Any, tmp_path: Path, monkeypatch: Any) -> None:
    class Losing(todo.collecting.QueuedResults):  # type: ignore[misc, name-defined]
        def add(self, processor: int, message: Any) -> None:
            for _ in range({0: 0, 1: 2}.get(message[1], 1)):
                super().add(processor, message)

    monkeypatch.setitem(todo.racing.COLLECTORS, "queue", Losing)
    raced = todo.racing.guarded("queue", 2, 10)
    assert (raced.handed_in, raced.arrived) == (20, 16)  # two were lost, and two came twice
    done = call_program(todo, tmp_path, "race", "--results", "10")
    assert done.code == 1


@pytest.mark.parametrize(
    ("gil", "without", "said"), [(True, 0, "With the GIL"), (False, 9, "by luck"), (False, 0, "Try")]
)
def test_what_was_lost_is_explained(todo: Any, gil: bool, without: int, said: str) -> None:
    assert said in todo.racing._why(without, 7, gil=gil)
