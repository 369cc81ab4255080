"""What being measured costs: approaches in a benchmark script against the same written by hand, in turns in one run.

make bench-harness        (pairs of measurements, a minute or two on a quiet machine)
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from selector.benchmark.render import render
from selector.host import find_interpreters

ROOT = Path(__file__).resolve().parent.parent
STEPS, TASKS, PAIRS = 120_000, 200, 9


def in_harness(python: str, script: Path, approach: str, folder: Path) -> float:
    """Seconds of one measurement, as the scheduler of the script has it done."""
    settings = {"steps": STEPS, "io": "sleep", "port": 0, "variant": ""}
    order = {
        "kind": "measure",
        "approach": approach,
        "workers": 2,
        "tasks": TASKS,
        "checked": TASKS,
        "settings": settings,
    }
    out = folder / "result.json"
    subprocess.run([python, str(script), "--child", json.dumps(order), str(out)], check=True)
    return float(json.loads(out.read_text("utf-8"))["seconds"])


def by_hand(python: str, approach: str) -> float:
    """Seconds of the same without the harness."""
    command = [python, str(ROOT / "benchmarks" / "by_hand.py"), approach, str(STEPS), str(TASKS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(python: str, script: Path, approach: str, folder: Path) -> float:
    """The ratio of the medians, of runs that take turns to be first."""
    ours, theirs = [], []
    for pair in range(PAIRS):
        if pair % 2:
            ours.append(in_harness(python, script, approach, folder))
        theirs.append(by_hand(python, approach))
        if not pair % 2:
            ours.append(in_harness(python, script, approach, folder))
    return statistics.median(ours) / statistics.median(theirs)


def main() -> None:
    """Print a line for each approach on each Python that runs it."""
    newest = {i.free_threaded: i for i in find_interpreters() if i.implementation == "CPython"}
    values = {"CPU_MS_PER_TASK": 5.0, "IO_WAIT_MS_PER_TASK": 0.0, "WORKERS": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "bench.py"
        script.write_text(render(ROOT / "templates" / "compare_approaches.py", values), "utf-8")
        for free_threaded, found in sorted(newest.items()):
            compiled = folder / f"bench-{found.tag}.pyc"
            code = f"import py_compile; py_compile.compile({str(script)!r}, cfile={str(compiled)!r})"
            subprocess.run([found.path, "-c", code], check=True)
            approaches = ["free_threaded"] if free_threaded else ["single_threaded", "threads", "multiprocessing"]
            for approach in approaches + ["subinterpreters"] * (found.tag == "3.14"):
                ratio = compare(found.path, compiled, approach, folder)
                print(f"{approach:<16} on {found.tag:<6} {ratio:.3f} x the time by hand  (<= 1.03)", flush=True)


if __name__ == "__main__":
    main()
