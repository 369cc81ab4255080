"""Runs benchmark scripts whose work misbehaves, disturbs them from outside, and checks that every run ends as it should.

    python benchmarks/chaos.py [RUNS] [SEED] [FIRST]

A run is wrong if it takes longer than its budget and a moment, says something that is no event, does not finish with
its end event, loses an arm, gives a cell a status that does not fit, or leaves a process or a file behind. Every run
is drawn from SEED and its number: `chaos.py 1 SEED NUMBER` repeats one of them and shows what it said.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from misbehaviours import DUE, FATAL, MISBEHAVIOURS, users_part

from selector import SelectorError
from selector.benchmark.events import CellEvent, EndEvent, Event, Session, collect, parse_event
from selector.benchmark.render import render
from selector.host import find_interpreters

ROOT = Path(__file__).resolve().parent.parent
MARK = "CHAOS_RUN"
LATE_SECONDS = 3.0  # after the budget: two of these machines' cores are shared with others
GONE_SECONDS = 2.0  # for everything to be gone after the script
APPROACHES = (
    "threads", "asyncio", "asyncio_threads", "multiprocessing", "asyncio_processes", "subinterpreters", "free_threaded",
    "asyncio_free_threaded",
)  # fmt: skip


DISTURBANCES = {
    "none": 8, "SIGINT": 2, "SIGTERM": 2, "SIGKILL": 3, "kill the keeper": 2, "kill a cell": 2, "kill a worker": 2,
}  # fmt: skip

NO_PYTHONS = ("/nothing/here", "/bin/cat", "/etc")


class Plan(NamedTuple):
    """What is done in one run."""

    number: int
    misbehaviour: str
    due: str  # when a task misbehaves
    disturbance: str
    after_seconds: float
    budget_seconds: float
    approaches: tuple[str, ...]
    interpreters: tuple[str, ...]
    io: str

    @property
    def surely(self) -> bool:
        """Whether every cell that runs to its end has seen the misbehaviour."""
        return self.misbehaviour in FATAL and self.due != DUE[1]


class Outcome(NamedTuple):
    """What came of one run; `wrong` says what should not be."""

    plan: Plan
    seconds: float
    end: str
    statuses: Counter[str]
    wrong: list[str]
    said: str


def plan_run(seed: str, number: int, pythons: dict[str, str]) -> Plan:
    """Draw a run. Every misbehaviour has its turn; the rest is up to chance."""
    chance = random.Random(f"{seed}/{number}")
    order = random.Random(seed).sample(sorted(MISBEHAVIOURS), len(MISBEHAVIOURS))
    misbehaviour = order[number % len(order)]
    due = chance.choices(DUE, (8, 4, 1) if MISBEHAVIOURS[misbehaviour].place == "task" else (1, 0, 0))[0]
    budget = round(chance.uniform(3, 6), 1)
    weights = {tag: 3 if tag in ("3.14", "3.13t") else 1 for tag in sorted(pythons)}
    tags = chance.choices(list(weights), list(weights.values()), k=chance.choice((1, 1, 2)))
    wanted = chance.sample(APPROACHES, 3) + ["free_threaded"] * any(tag.endswith("t") for tag in tags)
    paths = [*dict.fromkeys(pythons[tag] for tag in tags), *chance.choices((NO_PYTHONS, ()), (1, 4))[0]]
    return Plan(
        number,
        misbehaviour,
        due,
        chance.choices(list(DISTURBANCES), list(DISTURBANCES.values()))[0],
        chance.uniform(0.05, 0.6 * budget),
        budget,
        ("single_threaded", *dict.fromkeys(wanted)),
        tuple(chance.sample(paths, len(paths))),
        chance.choice(("socket", "sleep")),
    )


def script_text(plan: Plan) -> str:
    """The template with small quantities, and the work of this run in the user's part."""
    values = {
        "TASKS": 16, "CPU_MS_PER_TASK": 2.0, "IO_WAIT_MS_PER_TASK": 1.0, "WORKERS": {"threads": 2}, "MEMORY_BUDGET_MB": 50.0,
        "APPROACHES": list(plan.approaches), "BUDGET_SECONDS": plan.budget_seconds,
    }  # fmt: skip
    text = render(ROOT / "templates" / "compare_approaches.py", values)
    before, rest = text.split("# --- your code: begin ---\n")
    _, after = rest.split("# --- your code: end ---\n")
    return before + users_part(plan.misbehaviour, plan.due) + after


def run_once(plan: Plan) -> Outcome:
    """One run, from the script to the check of what it left."""
    mark = uuid.uuid4().hex
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    temporary = folder / "tmp"
    temporary.mkdir()
    script, out, errors = folder / "a script.py", folder / "out", folder / "errors"
    script.write_text(script_text(plan), encoding="utf-8")
    command = [sys.executable, str(script), "--json", "--seed", str(plan.number), "--io", plan.io]
    for path in plan.interpreters:
        command += ["--interpreter", path]
    begun = time.monotonic()
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        environment = {**os.environ, MARK: mark, "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            command, stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL, env=environment, cwd=folder
        )
    wrong: list[str] = []
    try:
        _disturb(plan, process, mark, begun)
        code = process.wait(max(1.0, begun + plan.budget_seconds * 3 + 20 - time.monotonic()))
    except subprocess.TimeoutExpired:
        wrong.append("never ended")
        process.kill()
        code = process.wait()
    seconds = time.monotonic() - begun
    wrong += _left_behind(mark, temporary)
    said = out.read_text("utf-8", "replace") + errors.read_text("utf-8", "replace")[-3000:]
    events = _events(out.read_bytes(), wrong, cut_off=plan.disturbance == "SIGKILL")
    statuses = Counter[str](event.status for event in events if isinstance(event, CellEvent))
    end = events[-1].reason if events and isinstance(events[-1], EndEvent) else f"exit {code}"
    if seconds > plan.budget_seconds + LATE_SECONDS:
        wrong.append(f"late: {seconds:.1f} s of {plan.budget_seconds} s")
    wrong += _faults(plan, events, code)
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(plan, seconds, end, statuses, wrong, said)


def _disturb(plan: Plan, process: subprocess.Popen[bytes], mark: str, begun: float) -> None:
    """What happens to the run from outside, if anything, at its time; a worker may not be there at once."""
    if plan.disturbance == "none":
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, begun + plan.after_seconds - time.monotonic()))
    if plan.disturbance.startswith("SIG"):
        process.send_signal(getattr(signal, plan.disturbance))
        return
    while process.poll() is None:
        kinds = {pid: _kind(pid, process.pid) for pid in _marked(mark)}
        victims = [pid for pid, kind in kinds.items() if f"kill {kind}" == plan.disturbance]
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.Random(plan.number).choice(victims), signal.SIGKILL)
            return
        time.sleep(0.01)


def _kind(pid: int, scheduler: int) -> str:
    if pid == scheduler:
        return "the scheduler"
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        parent = int(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[1])
    except OSError:
        return "nothing"
    if b"--keeper" in command:
        return "the keeper"
    return "a cell" if b"--child" in command and parent == scheduler else "a worker"


def _marked(mark: str) -> Iterator[int]:
    """The processes of a run that live, whoever their parents are."""
    needle = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):  # noqa: PTH208  # some hundred times a second
        with contextlib.suppress(OSError):
            if name.isdigit() and needle in Path(f"/proc/{name}/environ").read_bytes():
                yield int(name)


def _left_behind(mark: str, temporary: Path) -> list[str]:
    """Processes and files that are still there after a moment; they are removed then."""
    until = time.monotonic() + GONE_SECONDS
    while (any(_marked(mark)) or any(temporary.iterdir())) and time.monotonic() < until:
        time.sleep(0.02)
    orphans = [(pid, _kind(pid, 0)) for pid in _marked(mark)]
    for pid, _ in orphans:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    files = [path.name for path in temporary.iterdir()]
    found = [f"orphans: {', '.join(f'{kind} ({pid})' for pid, kind in orphans)}"] if orphans else []
    return [*found, f"files: {', '.join(files)}"] if files else found


def _events(data: bytes, wrong: list[str], *, cut_off: bool) -> list[Event]:
    events: list[Event] = []
    *lines, rest = data.split(b"\n")
    if rest and not cut_off:
        wrong.append("ends in half a line")
    for line in lines:
        try:
            events.append(parse_event(line))
        except SelectorError as error:
            wrong.append(f"no event: {error.message}: {line[:200]!r}")
    return events


def _faults(plan: Plan, events: list[Event], code: int) -> Iterator[str]:
    """What is wrong with what a run said."""
    stopped = plan.disturbance.startswith("SIG")
    if plan.disturbance == "SIGKILL" and code == -signal.SIGKILL:
        return
    if not events and (code == 1 if plan.misbehaviour == "needs what is missing" else stopped):
        return  # it cannot run at all, or was told to stop before it began
    if not events or not isinstance(end := events[-1], EndEvent):
        yield f"no end event (exit code {code})"
        return
    if code != {"interrupted": 130, "failed": 1}.get(end.reason, 0):
        yield f"ended {end.reason} with exit code {code}"
    if end.reason == "interrupted" and not stopped:
        yield "interrupted by nobody"
    if end.reason == "failed" and plan.due != DUE[2] and plan.disturbance == "none":
        yield f"failed: {end.detail}"
    try:
        session = collect(events)
    except SelectorError as error:
        yield error.message
        return
    yield from _cell_faults(plan, session, end)


def _cell_faults(plan: Plan, session: Session, end: EndEvent) -> Iterator[str]:
    arms = session.plan.arms if session.plan else ()
    if end.reason in ("budget", "done"):
        lost = {arm.arm for arm in arms} - {cell.arm for cell in session.cells}
        if lost:
            yield f"lost cells: {len(lost)}"
    fitting = {*MISBEHAVIOURS[plan.misbehaviour].statuses.split(), "not_run"}
    if not plan.surely:
        fitting.add("ok")
    if plan.due == DUE[1] and "returns" in plan.misbehaviour:
        fitting.add("mismatch")  # whoever compares results sees that they are not always the same
    if plan.disturbance.startswith("kill"):
        fitting |= {"ok", "crash", "error", "timeout"}
    for cell in session.cells:
        if cell.status not in fitting:
            yield f"{cell.approach} on {cell.interpreter}: {cell.status} ({cell.reason[:100]})"


def summary(outcomes: list[Outcome]) -> str:
    """A line for each misbehaviour and disturbance, and the counts."""
    lines = [f"{'misbehaviour':<32}{'runs':>5}  statuses"]
    for name in MISBEHAVIOURS:
        mine = [it for it in outcomes if it.plan.misbehaviour == name]
        statuses = sum((it.statuses for it in mine), Counter[str]())
        if mine:
            lines.append(f"{name:<32}{len(mine):>5}  {_counted(statuses)}")
    lines.append(f"\n{'disturbance':<32}{'runs':>5}  ends")
    for name in DISTURBANCES:
        mine = [it for it in outcomes if it.plan.disturbance == name]
        lines.append(f"{name:<32}{len(mine):>5}  {_counted(Counter(it.end for it in mine))}")
    faults = [fault for it in outcomes for fault in it.wrong]

    def count(begin: str) -> int:
        return sum(fault.startswith(begin) for fault in faults)

    lines.append(
        f"\n{len(outcomes)} runs, {sum(sum(it.statuses.values()) for it in outcomes)} cells: {count('orphans')} with orphans,"
        f" {count('files')} with files left, {count('lost')} with lost cells, {count('late') + count('never')} late,"
        f" {len(faults)} faults in all"
    )
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common())


def main(runs: int = 100, seed: str = "1", first: int = 0) -> int:
    """Run them all; returns the exit code: 1 if anything was wrong."""
    found = [i for i in find_interpreters() if i.implementation == "CPython"]
    pythons = {i.tag: i.path for i in found if int(i.tag[2:].rstrip("t")) >= 10}
    outcomes = []
    for number in range(first, first + runs):
        outcome = run_once(plan := plan_run(seed, number, pythons))
        outcomes.append(outcome)
        verdict = "; ".join(outcome.wrong) or "well"
        print(
            f"{number:>4} {plan.misbehaviour}, {plan.disturbance}, {outcome.seconds:.1f} of {plan.budget_seconds} s:"
            f" {outcome.end}, {_counted(outcome.statuses)}: {verdict}",
            flush=True,
        )
        if outcome.wrong or runs == 1:
            print(plan, outcome.said, sep="\n")
    print(f"\n{summary(outcomes)}")
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    runs, seed, first = (sys.argv[1:] + ["100", "1", "0"][len(sys.argv) - 1 :])[:3]
    sys.exit(main(int(runs), seed, int(first)))
