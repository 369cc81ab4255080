"""Counts lost and doubled tasks of one engine by itself: it shares no code with chaos_engines.py, whose table it checks.

python benchmarks/loss_check.py ENGINE worker|workers|broker|submitter RUNS safe|default [PYTHON]
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASKS = 40
WORK = """
import os, time
def work(number):
    time.sleep(0.05)
    with open(os.environ["LEDGER"], "ab", buffering=0) as ledger:
        ledger.write(b"%d\\n" % number)
    return number * number
"""


def lines(file: Path) -> list[str]:
    """Those of a file that may not be there yet."""
    return file.read_text("utf-8", "replace").splitlines() if file.exists() else []


def kill(fault: str, ready: dict, run: subprocess.Popen) -> None:
    """A worker: one that runs tasks, and its children. All workers: every process that one of them leads."""
    listed = subprocess.check_output(["ps", "-eo", "pid=,ppid=,sid="], text=True).splitlines()  # noqa: S607
    processes = [tuple(map(int, line.split())) for line in listed]
    one = random.choice(ready["processes"])
    whom = {
        "worker": [pid for pid, parent, _ in processes if one in (pid, parent)],
        "workers": [pid for pid, _, session in processes if session in ready["workers"]],
        "broker": [ready["broker"]],
        "submitter": [run.pid],
    }
    subprocess.run(["kill", "-9", *map(str, whom[fault])], stderr=subprocess.DEVNULL, check=False)  # noqa: S607


def one_run(engine: str, fault: str, settings: str, python: str) -> tuple[int, int]:
    """Lost tasks, and those done more than once."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), subprocess.DEVNULL
        (folder / "work.py").write_text(WORK)
        words = f"--engine {engine} --function work.py:work --items {TASKS} --python {python} -o jobs".split()
        selector = [sys.executable, "-m", "selector", "generate", *words]
        subprocess.run(selector, cwd=folder, check=True, stdout=out, stderr=out)
        patience = "90" if engine == "dramatiq" and settings == "default" else "15"
        more = ["--events", "--workers", "2", "--settings", settings, "--patience", patience, "--limit", "180"]
        command, known = [python, "jobs", "run", *more], {**os.environ, "LEDGER": f"{folder / 'ledger'}"}
        known.pop("PYTHONPATH", "")
        with (folder / "said").open("wb") as said:
            run = subprocess.Popen(command, cwd=folder, env=known, stdout=out, stderr=said)
            enough = random.randrange(1, 25)
            while len(lines(folder / "ledger")) < enough and run.poll() is None:
                time.sleep(0.01)
            (ready,) = (json.loads(line) for line in lines(folder / "said") if '"ready"' in line)
            kill(fault, ready, run)
            if fault == "submitter":
                run.wait()
                run = subprocess.Popen(command, cwd=folder, env=known, stdout=out, stderr=said)
            run.wait()
        results = map(json.loads, lines(folder / "jobs" / "results.jsonl"))
        squares, ended = [each["value"] for each in results if each["ok"]], lines(folder / "ledger")
        assert len(set(squares)) == len(squares), "a result is there twice"
        return len({n * n for n in range(TASKS)} - set(squares)), sum(ended.count(n) > 1 for n in set(ended))


if __name__ == "__main__":
    engine, fault, runs, settings, *python = sys.argv[1:]
    found = [one_run(engine, fault, settings, *python or [sys.executable]) for _ in range(int(runs))]
    counts = f"{sum(lost for lost, _ in found)} lost, {sum(twice for _, twice in found)} done twice"
    print(f"{engine} {settings} {fault}: of {len(found) * TASKS} tasks in {len(found)} runs {counts}")
