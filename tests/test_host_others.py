"""Who else computes: told most first, ourselves and idlers left out."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from selector.host.others import ProcessTimes, busiest, process_times

ME = os.getpid()


def process(pid: int, name: str | None, user: float, system: float, start: float = 77.0) -> SimpleNamespace:
    times = SimpleNamespace(user=user, system=system)
    return SimpleNamespace(pid=pid, info={"name": name, "create_time": start, "cpu_times": times})


def machine(monkeypatch: pytest.MonkeyPatch, *processes: SimpleNamespace) -> ProcessTimes:
    """What is seen of a machine with these processes, and one of which nothing is told."""
    untold = SimpleNamespace(pid=9, info={"name": "root's", "create_time": 1.0, "cpu_times": None})
    monkeypatch.setattr(psutil, "process_iter", lambda attributes: iter([*processes, untold]))
    return process_times()


def test_the_busiest_come_first_and_neither_we_nor_idlers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ((4, "idle"), (ME, "python3"), (5, "make) (x"), (6, "gone"), (8, "old"), (10, None))
    before = machine(monkeypatch, *(process(pid, name, 0.0, 0.0) for pid, name in names))
    assert set(before.seconds) == {(pid, 77.0, name or "") for pid, name in names}
    after = machine(
        monkeypatch,
        process(4, "idle", 0.0, 0.0),
        process(ME, "python3", 9.0, 0.0),
        process(5, "make) (x", 4.0, 1.0),
        process(7, "new\x1b[31m", 9.0, 0.0),
        process(8, "other", 3.0, 0.0, start=78.0),  # another process of the same number
    )
    told = busiest(before._replace(at=0.0), after._replace(at=10.0))
    assert told == ("new\\x1b[31m (process 7)", "make) (x (process 5)", "other (process 8)")
    assert busiest(after, after) == ()


def test_this_machine_says_what_we_used() -> None:
    assert any(pid == ME and seconds > 0 for (pid, _, _), seconds in process_times().seconds.items())


@pytest.mark.parametrize("error", [FileNotFoundError("/proc"), psutil.AccessDenied()])
def test_a_machine_that_tells_nothing_has_nobody_to_name(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def nothing(attributes: list[str]) -> Any:
        raise error

    monkeypatch.setattr(psutil, "process_iter", nothing)
    nobody = process_times()
    assert nobody.seconds == {}
    assert busiest(nobody, ProcessTimes(nobody.at + 1, {})) == ()
