"""Workers, submitter and collector each by itself, maybe on different machines, with a broker that is there."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from engine_jobs import given
from engine_jobs.crew import Crew
from engine_jobs.desk import Desk
from engine_jobs.guard import Guard
from engine_jobs.keeping import keeping_at
from engine_jobs.plan import Plan, module_of
from engine_jobs.results import write_results
from engine_jobs.session import Tell

_PAUSE_SECONDS = 0.1


def serve(plan: Plan, tell: Tell) -> int:
    """Workers, until Ctrl-C or SIGTERM: then they end what they do. The exit code, 0."""
    module = module_of(plan.engine)
    with contextlib.ExitStack() as open_:
        guard = open_.enter_context(Guard(plan))
        crew = Crew(guard.plan, guard.keeper, module.processes(plan), module.GENTLY)
        open_.callback(crew.close, plan.task_limit_seconds)
        with contextlib.suppress(KeyboardInterrupt):
            crew.start()
            tell("ready", workers=crew.pids, processes=crew.ready, broker=None)
            while True:
                before = crew.pids
                for main in crew.tend():
                    ended = before[crew.mains.index(main)]
                    tell("restarted", what="worker", ended=ended, pid=main.process.pid)
                time.sleep(_PAUSE_SECONDS)
    return 0


def submit(plan: Plan, *, fresh: bool) -> dict[str, Any]:
    """Put out what has no result: how many that are, of how many."""
    tasks = list(given.tasks(plan.environment()))
    with contextlib.ExitStack() as open_:
        desk = _desk(plan, open_)
        if fresh:
            desk.kept.forget()
        there = {record.key for record in desk.kept.news()}
        desk.submit([task for task in tasks if task.key not in there])
        return {"tasks": len(tasks), "submitted": len(desk.out), "submit_seconds": round(desk.submit_seconds, 6)}


def collect(plan: Plan, folder: Path, *, wait: bool, tell: Tell) -> dict[str, Any]:
    """Write what is there; `wait` until all is, and put out again what was lost."""
    tasks = list(given.tasks(plan.environment()))
    with contextlib.ExitStack() as open_:
        desk = _desk(plan, open_)
        desk.out = {task.key: task for task in tasks}
        ok = {record.key: record.ok for record in desk.news()}
        with contextlib.suppress(KeyboardInterrupt):
            while wait and desk.out:
                if again := desk.look_after():
                    tell("again", tasks=again)
                time.sleep(_PAUSE_SECONDS)
                ok.update((record.key, record.ok) for record in desk.news())
                tell("progress", done=len(ok), tasks=len(tasks))
        write_results(tasks, desk.kept, folder / "results.jsonl")
        done = sum(ok.values())
        found = {"tasks": len(tasks), "done": done, "failed": len(ok) - done, "missing": len(desk.out)}
        return {**found, "results": str(folder / "results.jsonl")}


def status(plan: Plan) -> dict[str, Any]:
    """What is kept, and who has begun what."""
    with contextlib.ExitStack() as open_:
        kept = keeping_at(plan)
        open_.callback(kept.close)
        records = kept.news()
        done = sum(record.ok for record in records)
        return {"done": done, "failed_so_far": len(records) - done, "begun": [begun.key for begun in kept.begun()]}


def forget(plan: Plan) -> None:
    """Delete what is ours in a broker of others."""
    module_of(plan.engine).forget(plan)
    with contextlib.closing(keeping_at(plan)) as kept:
        kept.forget()


def _desk(plan: Plan, open_: contextlib.ExitStack) -> Desk:
    kept = keeping_at(plan)
    open_.callback(kept.close)
    sender = module_of(plan.engine).sender(plan)
    open_.callback(sender.close)
    return Desk(plan, kept, sender)
