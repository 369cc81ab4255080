"""What the probe says, as it said it of small functions, and requests that nothing is run for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from selector.host import Interpreter
from selector.measure.children import Job, Said
from selector.measure.models import Request
from selector.measure.python import ChosenPython
from selector.measure.target import ItemsSource, Target

#: A millisecond of pure Python, under 3.14.
COMPUTES: dict[str, Any] = {
    "version": "3.14.10", "free_threaded": False, "gil": True, "gil_after_run": True, "phase": "done",
    "import_ms": 20.0, "import_cpu_ms": 18.2, "items_ms": 0.5, "has_items": True, "taken": 40, "tasks": 40, "items_why": "end",
    "function_pickles": True, "items_pickle": True, "result_pickles": True,
    "item_kb": 0.0146, "item_dump_ms": 0.001, "item_load_ms": 0.001, "result_kb": 0.02, "result_dump_ms": 0.002, "result_load_ms": 0.001,
    "coroutine": False, "mutated": [], "first_ms": 1.2, "rss_items_mb": 30.0,
    "solo": {"wall_ms": 1.05, "cpu_ms": 1.0, "cpu_p10_ms": 0.98, "cpu_p90_ms": 1.1, "helper_ms": 0.0, "children_cpu_ms": 0.0,
             "delay_ms": 0.04, "wait_ms": 0.0, "wait_p10_ms": 0.0, "wait_p90_ms": 0.01, "calls": 300, "delay_known": True},
    "errors": {}, "attempts": 320, "globals_first": {}, "globals_later": {}, "globals_again": {},
    "sampler": {"held": 0.99, "samples": 1200}, "held_run": {"wait_share": 0.0},
    "probe": {"late_share": 0.85, "idle_late_share": 0.01, "holds_ms": [1.3, 1.2, 1.2, 1.1, 1.1], "switch_ms": 1.0},
    "two": {"own": {"blocked_share": 1.0, "cpu_ratio": 1.05, "speedup": 0.98}},
    "audit": {}, "io_seen": [], "clients": [], "calls": 900, "skipped": [],
}  # fmt: skip


def saying(**changes: Any) -> dict[str, Any]:
    """The same with other words; of `solo` and such only the keys named change."""
    merged = dict(COMPUTES)
    for key, value in changes.items():
        merged[key] = {**COMPUTES[key], **value} if isinstance(COMPUTES.get(key), dict) and key != "errors" else value
    return merged


WAITS = saying(
    solo={"wall_ms": 21.2, "cpu_ms": 1.0, "wait_ms": 20.1, "wait_p10_ms": 20.0, "wait_p90_ms": 20.3},
    held_run={"wait_share": 0.9},
    sampler={"held": 0.06},
    probe={"late_share": 0.05},
    audit={"socket.connect": 1.0, "getaddrinfo": 1.0},
    io_seen=["network"],
    clients=["requests", "urllib3", "http.client", "socket"],
)


def python(tag: str = "3.14", path: str = "") -> ChosenPython:
    """A Python that nobody starts."""
    free = tag.endswith("t")
    found = Interpreter(
        path=path or f"/somewhere/python{tag}",
        version=f"{tag.rstrip('t')}.1",
        tag=tag,
        implementation="CPython",
        free_threaded=free,
        gil_enabled=not free,
        bits=64,
        found_in="given",
    )
    return ChosenPython(found.path, "as given", found)


def said(mode: str = "main", facts: dict[str, Any] | None = None, tag: str = "3.14", **end: Any) -> Said:
    """A child that said this, and came to its end unless told otherwise."""
    facts = COMPUTES if facts is None else facts
    return Said(mode, python(tag), facts, **{"phase": str(facts.get("phase", "done")), "code": 0, **end})


def request(**changes: Any) -> Request:
    """A function that is not there, in a Python that is not there; one further Python, free-threaded."""
    plain = {
        "target": Target("resize.py", "thumbnail"),
        "python": python(),
        "items": ItemsSource("40", "number"),
        "interpreters": (python("3.13t"),),
        "folder": Path("/somewhere"),
    }
    return Request(**{**plain, **changes})


class FakeLaboratory:
    """Runs no children: `answers` has what a mode says (under a Python: MODE TAG before MODE); others say it all."""

    def __init__(self, answers: dict[str, Said]) -> None:
        self.answers, self.jobs = answers, []

    def run(self, job: Job, tell: Any = lambda _: None, enough: Any = lambda _: False) -> Said:
        said = self._answer(job, tell)
        return replace(said, stopped=True) if enough(said.facts) else said

    def _answer(self, job: Job, tell: Any) -> Said:
        self.jobs.append(job)
        tell("solo")
        order = job.options.get("order", "")
        pinned = "pinned" if job.environment else ""
        for name in (f"{job.mode} {pinned}", f"{job.mode} {job.python.tag}", f"{job.mode} {order}", job.mode):
            if name in self.answers:
                return self.answers[name]
        plain: dict[str, Any] = {**COMPUTES, "calls": 10, "digests": ["a", "b", "c"]}
        if job.mode == "memory":
            plain |= {"task_mb": 2.0, "first_mb": 3.0}
        if job.mode == "subinterpreter":
            plain |= {"subinterpreter": True}
        if job.python.interpreter.free_threaded:
            plain |= {"free_threaded": True, "gil": False, "gil_after_run": False}
        return said(job.mode, plain, job.python.tag)

    def run_together(self, jobs: list[Job]) -> list[Said]:
        return [self.run(job) for job in jobs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
