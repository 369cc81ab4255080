"""Has a fresh process do something, and returns a result whatever happens to that."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from keeper import _Keeper
from meter import _MB, _cpus_taken, _look_at_cpus, process_tree, read_proc
from processes import _adopt_orphans, _Group, _obey, _script


class _Launcher:
    """What the processes of one run have in common: a folder, a keeper, the compiled scripts, limits.

    `cpus` are those to plan for; `note_cpus` gets how many of them others took while a process ran. With `parent`, it
    stops when our parent is another process.
    """

    def __init__(
        self, memory_budget_mb: float | None, cpus: int, note_cpus: Callable[[float | None], None], parent: int | None
    ) -> None:
        import tempfile

        self.cpus, self.note_cpus, self.parent = cpus, note_cpus, parent
        self.memory_limit_mb = _memory_limit_mb(memory_budget_mb)
        self.before = set(process_tree(os.getpid()))  # what the user's part may have started: it is not ours to end
        self.spared = set(self.before)  # and whoever lives longer than one order
        self.folder = tempfile.mkdtemp(prefix="concurrency-")
        self.keeper: _Keeper | None = None
        self.scripts: dict[str, str] = {}  # by interpreter: the compiled script
        self.probed = 0

    def begin(self) -> None:
        """Start the keeper, before anything else."""
        _adopt_orphans()
        self.kept()

    def close(self) -> None:
        """Stop the keeper, which stops everything that is left, and remove the files."""
        import shutil

        if self.keeper is not None:
            self.keeper.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kept(self) -> _Keeper:
        """The keeper, or a new one if somebody has killed it."""
        if self.keeper is not None and self.keeper.process.poll() is not None:
            self.keeper.close()
            self.keeper = None
        if self.keeper is None:
            self.keeper = _Keeper(self.scripts.get(sys.executable, _script()), self.folder)
        return self.keeper

    def probe(self, path: str, limit_seconds: float, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """What an interpreter is. It compiles the script for all that are started with it later."""
        compiled = os.path.join(self.folder, f"script-{self.probed}.pyc") if __name__ == "__main__" else ""
        self.probed += 1
        order = {"kind": "probe", "compiled": compiled, **({"settings": settings} if settings is not None else {})}
        answer = self.ask(path, order, limit_seconds)
        if answer["status"] == "ok" and compiled:
            self.scripts[path] = compiled
        elif answer["status"] == "crash":
            answer |= {"status": "error", "reason": f"this does not run the script: {answer['reason']}"}
        return answer

    def ask(
        self, python: str, order: dict[str, Any], limit_seconds: float, variables: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """A fresh process that does what the order says; a result whatever happens to it."""
        keeper = self.kept()
        if "settings" in order:
            order["settings"]["port"] = keeper.port
        out = os.path.join(self.folder, "result.json")
        command = [python, self.scripts.get(python, _script()), "--child", json.dumps(order), out]
        _obey(self.parent)
        before = _look_at_cpus(keeper.process.pid)
        try:
            if os.path.exists(out):
                os.unlink(out)
            group = _Group(command, self.folder, keeper.tell, {*self.before, keeper.process.pid}, variables=variables)
        except OSError as error:
            status = "missing_dependency" if error.filename == python else "error"
            return {"status": status, "reason": f"{error.filename or python}: {error.strerror}"}
        stopped = group.watch(limit_seconds, self.memory_limit_mb, self.parent)
        after = _look_at_cpus(keeper.process.pid)
        answer = _result(out) or dict(zip(("status", "reason"), stopped or group.obituary(), strict=True))
        if answer["status"] == "crash":
            answer |= group.last_words()
        if answer.get("cpu_seconds") is not None:
            answer["cpu_seconds"] += group.orphans_cpu_seconds
        answer["cpus_taken"] = taken = _cpus_taken(before, after, group.cpu_seconds, self.cpus)
        self.note_cpus(taken)
        answer["peak_memory_mb"], answer["memory_metric"] = group.peak_mb, group.metric
        if group.metric is None and answer.get("own_peak_mb") is not None:
            answer["peak_memory_mb"], answer["memory_metric"] = answer["own_peak_mb"], "peak_rss_of_main_process"
        return answer


def _result(out: str) -> dict[str, Any] | None:
    """What a process left; None where it left nothing that can be read."""
    try:
        with open(out, encoding="utf-8") as stream:
            answer: dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return None
    return answer


def _memory_limit_mb(budget_mb: float | None) -> float:
    """Above this a measurement is stopped: four times the budget, and never most of what the machine has."""
    known = [line.split()[1] for line in read_proc("/proc/meminfo").splitlines() if line.startswith("MemAvailable:")]
    if known:
        available = int(known[0]) / 1024
    elif hasattr(os, "sysconf"):
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
    else:  # Windows
        available = 4096.0
    group = read_proc("/sys/fs/cgroup/memory.max").strip()
    if group.isdigit():
        available = min(available, int(group) / _MB)
    return min(0.8 * available, max(4 * budget_mb, 512.0) if budget_mb is not None else 0.5 * available)
