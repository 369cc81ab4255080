"""One measurement, in this process: what a child does with its order."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from template_modules import template_module, workload


@pytest.fixture(scope="module")
def child() -> Iterator[ModuleType]:
    with template_module("child") as module:
        yield module


def order(approach: str, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "measure", "approach": approach, "settings": {}, "tasks": 3, "checked": 3, "workers": 2, **changes
    }  # fmt: skip


def test_the_gil_may_come_back_with_an_import_of_the_work(child: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*states: bool) -> Any:
        said = iter(states)
        monkeypatch.setattr(child, "_gil_enabled", lambda: next(said))
        return child._measure(workload(child.Workload), order("free_threaded"))

    assert measured(True)["status"] == "gil_enabled"
    assert measured(False, True)["status"] == "gil_enabled"
    assert measured(False, False)["gil_enabled"] is False


def test_every_approach_in_one_process_comes_to_the_same(child: ModuleType) -> None:
    async def work_async(item: int) -> str:
        return str(item)

    async def close_async() -> None:
        pass

    work = workload(child.Workload, work_async=work_async, close_async=close_async)
    names = ("single_threaded", "native_parallel", "threads", "asyncio", "asyncio_threads")
    found = {name: child._measure(work, order(name, workers=5, tasks=2, checked=1)) for name in names}
    assert len({answer["checksum"] for answer in found.values()}) == 1
    assert {answer["workers_seen"] for answer in found.values()} <= {1, 2}
    for name, answer in found.items():
        assert 0 < answer["startup_seconds"] <= answer["first_result_seconds"] <= answer["seconds"], name
        assert answer["cpu_seconds"] >= 0 and answer["own_peak_mb"] > 1, name
    first_only = child._measure(work, order("threads", tasks=1, checked=1, workers=5))
    assert (first_only["workers_seen"], first_only["imbalance"]) == (1, 1)
    assert first_only["checksum"] == found["threads"]["checksum"]


def test_what_a_task_takes_is_the_middle_of_some_without_the_first(
    child: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = importlib.import_module("trial")
    clock = {"perf_counter": 0.0, "process_time": 0.0}
    monkeypatch.setattr(trial.time, "perf_counter", lambda: clock["perf_counter"])
    monkeypatch.setattr(trial.time, "process_time", lambda: clock["process_time"])
    monkeypatch.setattr(trial, "_queued_seconds", lambda: 0.0)

    def work(item: int) -> None:
        clock["perf_counter"] += 1.0 if item == 0 else 0.01 * item
        clock["process_time"] += 0.002 * item

    started: list[dict[str, Any]] = []
    made = workload(
        child.Workload, work=work, start=started.append, calibrate=lambda: {"steps": 7, "stand_in": {"cpu_ms": 1}}
    )
    answer = trial._calibrate(made, {"settings": {"io": "sleep"}})
    assert (answer["settings"], answer["stand_in"]) == ({"io": "sleep", "steps": 7}, {"cpu_ms": 1})
    assert started == [answer["settings"]]
    assert (answer["wall_seconds"], answer["cpu_seconds"]) == (1.0, 0.0)  # one is long enough to know
    clock["perf_counter"] = 0.0
    made = made._replace(items=lambda count: list(range(1, count + 1)), calibrate=dict)
    answer = trial._calibrate(made, {"settings": {}})
    assert answer["wall_seconds"] == pytest.approx(0.04)  # of 2 to 6: then 0.2 s are over
    assert answer["cpu_seconds"] == pytest.approx(0.008)


def test_a_result_is_left_whole_and_only_by_the_process_that_was_asked(
    child: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(child.os, "_exit", ended)
    for asked, status in (({"kind": "probe", "compiled": ""}, "ok"), ({"kind": "what"}, "error")):
        with pytest.raises(SystemExit):
            child._child(workload(child.Workload), asked, str(tmp_path / "out"))
        answer = json.loads((tmp_path / "out").read_text())
        assert answer["status"] == status
        (tmp_path / "out").unlink()
    numbers = iter([1, 2])
    monkeypatch.setattr(child.os, "getpid", lambda: next(numbers))
    with pytest.raises(SystemExit):
        child._child(workload(child.Workload), {"kind": "probe", "compiled": ""}, str(tmp_path / "out"))
    assert os.listdir(tmp_path) == []


def test_a_name_that_means_two_things_is_told(child: ModuleType, tmp_path: Path) -> None:
    for text, clash in (
        ("import os\nimport os.path\nfrom re import sub\nfrom re import sub\n", ""),
        ("def f(): ...\nclass f: ...\n", "f"),
        ("import time\nfrom datetime import time\n", "time"),
        ("async def work(): ...\ndef work(): ...\n", "work"),
    ):
        script = tmp_path / "bench.py"
        script.write_text(text)
        assert importlib.import_module("here")._defined_twice(str(script)) == clash, text
    script.write_text("def f(): ...\ndef f(): ...\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script)])
        answer = child._probe({"compiled": str(tmp_path / "x.pyc")})
        script.write_text("def f(): ...\n")
        assert "version" in child._probe({"compiled": str(tmp_path / "x.pyc")})
    assert answer["reason"] == "f means two things in this script: give yours another name"
    assert (tmp_path / "x.pyc").is_file()


def test_where_the_system_does_not_say_nothing_was_waited_for(
    child: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = importlib.import_module("here")
    monkeypatch.setattr(here, "read_proc", {"/proc/thread-self/schedstat": "5 2000000000 7\n"}.__getitem__)
    assert here._queued_seconds() == 2.0
    monkeypatch.setattr(here, "read_proc", lambda path: "")
    assert here._queued_seconds() == 0.0
