"""Scripts that tests run as users do: with work that misbehaves, found again by a mark in their environment."""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from template_modules import HERE, TEMPLATES

from selector.benchmark.events import CellEvent, Event, PlanEvent, parse_event
from selector.benchmark.render import render

MARK = "HARNESS_TEST"
WORK = '''
import os
import random
import signal

IN_CELL = "measure" in str(sys.argv)


def cell():
    """The approach of this cell, in each of its processes."""
    return json.loads(sys.argv[sys.argv.index("--child") + 1])["approach"] if IN_CELL else "none"


def misbehave(item):
    BODY


def work(item: Item) -> Result:
    odd = misbehave(item)
    if odd is not None:
        return odd
    wait()
    return compute(item)


async def work_async(item: Item) -> Result:
    odd = await offload(misbehave, item)
    if odd is not None:
        return odd
    await wait_async()
    return await offload(compute, item)


def start_worker() -> None:
    pass


def items(count: int) -> list[Item]:
    return [(number, b"data") for number in range(count)]


'''


@functools.cache
def rendered(values: str) -> str:
    """The template with these values, a dictionary in text; most tests want the same."""
    return render(TEMPLATES / "compare_approaches.py", ast.literal_eval(values))


def text_of(body: str = "return None", **values: Any) -> str:
    """A script with small quantities and this body of `misbehave`, which returns None or another result."""
    quantities = {
        "TASKS": 8,
        "CPU_MS_PER_TASK": 1.0,
        "IO_WAIT_MS_PER_TASK": 0.0,
        "APPROACHES": HERE,
        "WORKERS": {"threads": 2},
    }
    text = rendered(repr(quantities | values))
    before, rest = text.split("# --- your code: begin ---\n")
    _, after = rest.split("# --- your code: end ---\n")
    return before + WORK.replace("BODY", textwrap.indent(textwrap.dedent(body).strip(), "    ").strip()) + after


class Script:
    """A script that runs, in an environment by which its processes can be found and with a temporary folder of its own."""

    def __init__(
        self, folder: Path, text: str, *args: str, as_json: bool = True, cwd: Path | None = None, **env: str
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = folder / f"tmp {self.mark[:4]}"
        self.temporary.mkdir(parents=True)
        self.path = folder / "bench.py"
        if not self.path.exists():
            self.path.write_text(text, encoding="utf-8")
        self.events: list[Event] = []
        self.process = subprocess.Popen(
            [sys.executable, str(self.path), *["--json"] * as_json, "--seed", "1", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), **env},
        )
        self.errors: list[bytes] = []
        assert self.process.stderr is not None
        self.reader = threading.Thread(target=lambda: self.errors.append(self.process.stderr.read()))  # type: ignore[union-attr]
        self.reader.start()

    def until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        """All events up to the one that is enough, or the last."""
        assert self.process.stdout is not None
        while not (self.events and enough(self.events)):
            line = self.process.stdout.readline()
            if not line:
                break
            if line.startswith(b'{"event"'):  # or else the user's part has printed it
                self.events.append(parse_event(line))
        return self.events

    def finish(self, number: int | None = signal.SIGINT) -> int:
        """Tell it to stop, unless the signal is None, and see that nothing is left; returns the exit code."""
        if number is not None:
            self.process.send_signal(number)
        self.until(lambda events: False)
        assert self.process.stdout is not None
        self.process.stdout.close()
        code = self.process.wait(60)
        self.reader.join(60)
        assert self.process.stderr is not None
        self.process.stderr.close()
        assert self.left_behind() == ([], [])
        return code

    def processes(self) -> list[psutil.Process]:
        """Those of this run that live."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                pass
        return found

    def left_behind(self, seconds: float = 10.0) -> tuple[list[psutil.Process], list[str]]:
        """The processes and files that are still there after a time for them to go."""
        until = time.monotonic() + seconds
        while (found := (self.processes(), os.listdir(self.temporary))) != ([], []) and time.monotonic() < until:
            time.sleep(0.02)
        return found

    def statuses(self) -> dict[str, str]:
        """How the first cell of each approach ended."""
        return {event.approach: event.status for event in reversed(self.events) if isinstance(event, CellEvent)}


@contextlib.contextmanager
def scripts(here: Path) -> Iterator[Callable[..., Script]]:
    """`start(text, *arguments)` runs a script; whatever a test does, no process of it outlives this."""
    begun: list[Script] = []

    def start(text: str, *args: str, folder: Path = here, **options: Any) -> Script:
        begun.append(Script(folder, text, *args, **options))
        return begun[-1]

    try:
        yield start
    finally:
        for one in begun:
            for process in one.processes():
                process.kill()
            one.process.wait(60)
            one.reader.join(60)
            for stream in (one.process.stdout, one.process.stderr):
                assert stream is not None
                stream.close()


def every_arm(events: list[Event]) -> bool:
    """Whether every arm of the plan has a cell."""
    arms = {arm.arm for event in events if isinstance(event, PlanEvent) for arm in event.arms}
    return bool(arms) and arms == {event.arm for event in events if isinstance(event, CellEvent)}


def a_cell(events: list[Event]) -> bool:
    return isinstance(events[-1], CellEvent)


def running(approach: str) -> Callable[[list[Event]], bool]:
    """Whether a cell of this approach has begun."""

    def begun(events: list[Event]) -> bool:
        arms = [arm for event in events if isinstance(event, PlanEvent) for arm in event.arms]
        return events[-1].event == "running" and arms[events[-1].arm].approach == approach

    return begun


def first_cells(template: str, *options: str) -> list[dict[str, Any]]:
    """Run a template until everything has been measured once, then interrupt it; the cells until then."""
    command = [sys.executable, str(TEMPLATES / template), "--json", "--budget", "90", *options]
    cells: list[dict[str, Any]] = []
    missing: set[int] | None = None
    ended: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for event in map(json.loads, process.stdout):
            if event["event"] == "plan":
                missing = {arm["arm"] for arm in event["arms"]}
            elif event["event"] == "cell" and missing:
                cells.append(event)
                missing.discard(event["arm"])
                if not missing:
                    process.send_signal(signal.SIGTERM)
            elif event["event"] == "end":
                ended = event
    assert ended["reason"] == "interrupted", ended
    assert process.returncode == 130
    return cells


def results(cells: list[dict[str, Any]]) -> dict[str, set[str]]:
    """For each variant, the approaches that were measured; each of them went well and came to the same results."""
    assert [(cell["approach"], cell["reason"]) for cell in cells if cell["status"] != "ok"] == []
    variants = {cell["variant"] for cell in cells}
    checksums = {(cell["variant"], cell["checksum"]) for cell in cells}
    assert len(checksums) == len(variants), checksums
    return {variant: {cell["approach"] for cell in cells if cell["variant"] == variant} for variant in variants}
