"""Runs the todo batch system with tasks that raise, hang and kill, disturbs it from outside, and checks every task.

    python benchmarks/todo_chaos.py [RUNS] [SEED] [FIRST]

A run is wrong if a task is lost or ends twice, if a value is not that of the sequential run, if a task fails that
nothing befell or one ends well that always fails, or if it never ends or leaves a process behind. Every run is a fresh
interpreter, drawn from SEED and its number: `todo_chaos.py 1 SEED NUMBER` repeats one of them and shows what it said.
"""

from __future__ import annotations

import contextlib
import functools
import json
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
from typing import Any, NamedTuple

from selector.host import find_interpreters

FOLDER = Path(__file__).resolve().parent.parent / "programs" / "todo_batch"
MARK = "TODO_CHAOS_RUN"
LONGEST_SECONDS = 60.0  # of a run: those with most hangs take a few seconds
GONE_SECONDS = 3.0  # for everything to be gone after it

#: What can befall a task where; nobody can end a subinterpreter that hangs, and a kill ends all but processes.
TROUBLES = {
    "threads": ("raise", "hang"),
    "processes": ("raise", "hang", "kill"),
    "subinterpreters": ("raise",),
    "asyncio": ("raise", "hang"),
    "agents": ("raise", "hang"),
    "sequential": ("raise",),
}
SHARES = {"threads": 4, "processes": 6, "subinterpreters": 3, "asyncio": 1, "agents": 2, "sequential": 1}
KINDS = ("validate", "process", "report")
DISTURBANCES = {"nothing": 6, "resize": 4, "stop": 2, "kill a worker": 3, "kill the coordinator": 3}
#: What an error says of a task that always fails.
ERRORS = {"raise": "Trouble: told to raise", "hang": "no answer within", "kill": "the process ended (signal 9)"}

PROGRAM = r"""
import json, signal, sys, threading
from pathlib import Path
from coordinator import Coordinator, Options
from executions import crew_for
from journal import Journal
from tasks import Settings, batches, make_tasks
from text import print_whole

def main():
    plan = json.loads(sys.argv[1])
    count, size = plan["tasks"], plan["size"]
    settings = Settings(plan["kind"], plan["effort"], {int(number): it for number, it in plan["trouble"].items()})
    recorded, journal = [], None
    source, known = batches(make_tasks(count), size), -(-count // size)
    if plan["journal"]:
        journal = Journal(Path(plan["journal"]), {"plan": plan["number"]})
        source, known = journal.left(make_tasks(count), size), None
    kinds = tuple(map(tuple, plan["kinds"]))
    options = Options(
        plan["processors"], plan["schedule"], plan["timeout"], plan["attempts"], kinds, plan["arrangement"]
    )
    record = journal.record if journal else recorded.extend
    coordinator = Coordinator(crew_for(plan["execution"], settings, plan["collect"]), options, record)
    signal.signal(signal.SIGTERM, lambda *_: coordinator.stop())
    for after, processors in plan["resizes"]:
        timer = threading.Timer(after, coordinator.resize, [processors])
        timer.daemon = True
        timer.start()
    print("begins", flush=True)
    report = coordinator.run(source, known if plan["known"] else None)
    if journal:
        recorded = list(journal.outcomes())
    print_whole(json.dumps({
        "outcomes": recorded, "not_processed": report.not_processed, "stopped": report.stopped, "done": report.done,
        "failed": report.failed, "lost": sum(share.lost for share in report.shares.values()),
    }))

if __name__ == "__main__":
    main()
"""


class Plan(NamedTuple):
    """What is done in one run."""

    number: int
    tag: str
    execution: str
    kind: str
    effort: int
    tasks: int
    size: int  # of a batch
    trouble: dict[int, str]
    timeout: float | None
    attempts: int
    processors: int
    schedule: str
    collect: str
    known: bool  # whether the coordinator is told how many batches there are
    disturbance: str
    after_seconds: float
    resizes: list[tuple[float, int]]
    kinds: list[tuple[str, int]]  # of a crew of several kinds
    arrangement: str


class Ended(NamedTuple):
    """What came of one run; `wrong` says what should not be."""

    plan: Plan
    seconds: float
    counts: Counter[str]
    wrong: list[str]
    said: str


def plan_run(seed: str, number: int, pythons: dict[str, str]) -> Plan:
    """Draw a run. Troubles are few where each of them costs a timeout."""
    chance = random.Random(f"{seed}/{number}")
    execution = chance.choices(list(SHARES), list(SHARES.values()))[0]
    weights = {tag: 4 if tag in ("3.14", "3.13t") else 1 for tag in sorted(pythons)}
    tag = "3.14" if execution == "subinterpreters" else chance.choices(list(weights), list(weights.values()))[0]
    possible = [it for it in DISTURBANCES if it != "kill a worker" or execution == "processes"]
    disturbance = chance.choices(possible, [DISTURBANCES[it] for it in possible])[0]
    short = disturbance == "nothing"  # the others need time to be disturbed in
    tasks = chance.choice((1, 7, 100, 400, 1000) if short else (400, 1000))
    trouble = {}
    for what in TROUBLES[execution]:
        for task in chance.sample(range(tasks), min(tasks, chance.randint(0, 2 if what == "hang" else 12))):
            trouble[task] = what + chance.choice(("", "!"))
    hangs = any(it.startswith("hang") for it in trouble.values())
    kinds, arrangement = _draw_crew(chance) if disturbance != "resize" else ([], "pipeline")
    return Plan(
        number,
        tag,
        execution,
        chance.choice(KINDS),
        chance.choice((1, 5, 20) if short else (30, 60)),
        tasks,
        chance.choice((1, 3, 20, 50, 400)),
        trouble,
        # an innocent task must get its answer in time, also on a machine that others use
        2.0 if hangs else chance.choice((None, 10.0)),
        3 if disturbance == "kill a worker" else chance.choice((1, 2, 2, 3)),
        sum(count for _, count in kinds) or chance.choice((1, 2, 3, 4, 8)),
        chance.choice(("static", "queue", "stealing")),
        chance.choice(("lock", "queue", "merge")),
        chance.choice((True, False)),
        disturbance,
        chance.uniform(0.0, 0.4),
        [(chance.uniform(0, 0.5), chance.randint(1, 8)) for _ in range(4)] if disturbance == "resize" else [],
        kinds,
        arrangement,
    )


def _draw_crew(chance: random.Random) -> tuple[list[tuple[str, int]], str]:
    """One run in three has processors of several kinds."""
    kinds = chance.sample(KINDS, chance.randint(1, 3)) if chance.random() < 1 / 3 else []
    return [(kind, chance.randint(1, 3)) for kind in kinds], chance.choice(("pipeline", "side-by-side"))


def run_once(plan: Plan, python: str) -> Ended:
    """One run, from the start of the interpreter to the check of what it left; a coordinator that is killed goes on."""
    mark = uuid.uuid4().hex
    folder = Path(tempfile.mkdtemp(prefix="todo-chaos-"))
    journal = str(folder / "journal.db") if plan.disturbance == "kill the coordinator" else ""
    command = [python, "-c", PROGRAM, json.dumps({**plan._asdict(), "journal": journal})]
    environment = {**os.environ, MARK: mark, "PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}
    begun, wrong, said, counts = time.monotonic(), list[str](), "", Counter[str]()
    for turn in (1, 2) if journal else (2,):
        with (folder / f"errors {turn}").open("wb") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=environment, text=True
            )
        if turn == 1 or not journal:
            counts["disturbed"] = int(_disturb(plan, process, mark))
        try:
            out, _ = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            wrong.append("never ended")
            process.kill()
            out, _ = process.communicate()
        wrong += _left_behind(mark)
        said = out + (folder / f"errors {turn}").read_text("utf-8", "replace")[-3000:]
    seconds = time.monotonic() - begun
    try:
        found = json.loads(out.splitlines()[-1])
    except (ValueError, IndexError):
        wrong.append(f"no report (exit code {process.returncode})")
    else:
        wrong += _faults(plan, found)
        counts.update(done=found["done"], failed=found["failed"], left=len(found["not_processed"]), lost=found["lost"])
    shutil.rmtree(folder, ignore_errors=True)
    return Ended(plan, seconds, counts, wrong, said)


def _disturb(plan: Plan, process: subprocess.Popen[str], mark: str) -> bool:
    """What happens to the run from outside, a moment after it began; whether it was still there then."""
    assert process.stdout is not None
    if plan.disturbance == "nothing" or not process.stdout.readline():
        return False
    time.sleep(plan.after_seconds)
    there = process.poll() is None
    if plan.disturbance == "stop":
        process.send_signal(signal.SIGTERM)
    elif plan.disturbance == "kill the coordinator":
        process.kill()
    elif plan.disturbance == "kill a worker":
        workers = [pid for pid in _marked(mark) if pid != process.pid and _works(pid)]
        there = bool(workers)
        for pid in random.Random(plan.number).sample(workers, min(1, len(workers))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return there


def _works(pid: int) -> bool:
    """Whether a process is a worker: those that serve multiprocessing itself, it cannot do without."""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"resource_tracker" in command:
            return False
        parent = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[1]
        forked = b"forkserver" in Path(f"/proc/{parent}/cmdline").read_bytes()
        return forked or b"forkserver" not in command
    return False


def _marked(mark: str) -> Iterator[int]:
    """The processes of a run that live, whoever their parents are."""
    needle = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):  # noqa: PTH208  # some hundred times
        with contextlib.suppress(OSError):
            if name.isdigit() and needle in Path(f"/proc/{name}/environ").read_bytes():
                yield int(name)


def _left_behind(mark: str) -> list[str]:
    """Processes that are still there after a moment; they are ended then."""
    until = time.monotonic() + GONE_SECONDS
    while any(_marked(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    orphans = list(_marked(mark))
    for pid in orphans:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return [f"orphans: {len(orphans)}"] if orphans else []


# What has to be true --------------------------------------------------------------------------------------------------


def _faults(plan: Plan, found: dict[str, Any]) -> Iterator[str]:
    """What is wrong with what a run reported."""
    times = Counter(number for number, *_ in found["outcomes"])
    left = found["not_processed"]
    if twice := sorted(number for number, count in (times + Counter(left)).items() if count > 1):
        yield f"twice: {twice}"
    known = {*times, *left}
    read = len(known) if found["stopped"] else plan.tasks  # what was read is the first part of what there is
    if lost := set(range(read)) - known:
        yield f"lost: {len(lost)} tasks such as {min(lost)}"
    if left and not found["stopped"]:
        yield f"not processed, but nobody said stop: {left}"
    if found["stopped"] and plan.disturbance != "stop":
        yield "stopped by nobody"
    values = expected(tuple(kind for kind, _ in plan.kinds) or plan.kind, plan.effort)
    for number, status, value, error in found["outcomes"]:
        if fault := _fault(plan, plan.trouble.get(number, ""), status, error):
            yield f"task {number}: {fault}"
        if status == "done" and json.dumps(value) != values[number]:
            yield f"value of {number}: {value} is not {values[number]}"


def _fault(plan: Plan, trouble: str, status: str, error: str) -> str:
    """What is wrong with how a task ended, given what befell it."""
    what = trouble.rstrip("!")
    if trouble.endswith("!"):
        return "" if status == "failed" and ERRORS[what] in error else f"{trouble}, but {status} ({error})"
    if status == "done" or (trouble and plan.attempts == 1 and ERRORS[what] in error):
        return ""
    return f"{trouble or 'nothing'} befell it, but {status} ({error})"


@functools.cache
def expected(kind: str | tuple[str, ...], effort: int) -> list[str]:
    """The values of 1,000 tasks, one after the other, as JSON; of several kinds, one beside the other."""
    if isinstance(kind, tuple):
        rows = zip(*(expected(each, effort) for each in kind), strict=True)
        return [f"[{', '.join(row)}]" for row in rows]
    sys.path.insert(0, str(FOLDER))
    import tasks  # type: ignore[import-not-found,unused-ignore]

    sys.path.remove(str(FOLDER))
    batch = tasks.Batch(0, list(tasks.make_tasks(1000)))
    return [json.dumps(it.value) for it in tasks.process_batch(tasks.Settings(kind, effort), batch).outcomes]


# What it came to ------------------------------------------------------------------------------------------------------


def summary(ended: list[Ended]) -> str:
    """A line for each execution and disturbance, and the counts."""
    lines = []
    for field, names in (("execution", SHARES), ("disturbance", DISTURBANCES)):
        lines.append(f"\n{field:<24}{'runs':>5}")
        for name in names:
            mine = [it for it in ended if getattr(it.plan, field) == name]
            counts = sum((it.counts for it in mine), Counter[str]())
            wrong = sum(bool(it.wrong) for it in mine)
            lines.append(
                f"{name:<24}{len(mine):>5}  {counts['done']} done, {counts['failed']} failed, {counts['left']} not"
                f" processed, {counts['lost']} processors lost, {counts['disturbed']} disturbed, {wrong} wrong"
            )
    faults = [fault for it in ended for fault in it.wrong]

    def count(begin: str) -> int:
        return sum(fault.startswith(begin) for fault in faults)

    lines.append(
        f"\n{len(ended)} runs: {count('lost')} with lost tasks, {count('twice')} with tasks done twice,"
        f" {count('orphans')} with orphans, {count('value')} wrong values, {count('never')} that never ended,"
        f" {len(faults)} faults in all"
    )
    return "\n".join(lines)


def main(runs: int = 60, seed: str = "1", first: int = 0) -> int:
    """Run them all; returns the exit code: 1 if anything was wrong."""
    found = [i for i in find_interpreters() if i.implementation == "CPython"]
    pythons = {i.tag: i.path for i in found if int(i.tag[2:].rstrip("t")) >= 10}
    ended = []
    for number in range(first, first + runs):
        plan = plan_run(seed, number, pythons)
        if plan.tag not in pythons:
            print(f"{number:>4} left out: there is no Python {plan.tag}")
            continue
        run = run_once(plan, pythons[plan.tag])
        ended.append(run)
        print(
            f"{number:>4} {plan.tag} {plan.execution}, {plan.schedule}, {plan.processors} processors, {plan.tasks} tasks by"
            f" {plan.size}, {len(plan.trouble)} troubles, {plan.disturbance}, {run.seconds:.1f} s:"
            f" {'; '.join(run.wrong[:5]) or 'well'}",
            flush=True,
        )
        if run.wrong or runs == 1:
            print(plan, run.said[-2000:], sep="\n")
    print(summary(ended))
    return 1 if any(run.wrong for run in ended) else 0


if __name__ == "__main__":
    runs, seed, first = (sys.argv[1:] + ["60", "1", "0"][len(sys.argv) - 1 :])[:3]
    sys.exit(main(int(runs), seed, int(first)))
