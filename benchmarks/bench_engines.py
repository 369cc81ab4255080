"""Engines over a network: a broker, a submitter with workers, and more workers, each on a host of its own (see delayed_hosts.py).

    python benchmarks/bench_engines.py [--engines celery,dask] [--delays 0,1,20] [--task-ms 1,20,200] [--tasks 1000]

Tasks only wait, so that the CPUs of one machine do for three. A line for each engine, delay of a packet (one way) and
length of tasks; `--file` has them as JSON, and what is there is not measured again. Needs Linux and root; where there are
none, it says so and ends well. huey is left out: its queue is a file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delayed_hosts import Host, hosts, why_not

from selector.benchmark.engine_project import engine_files
from selector.files import write_folder
from selector.measure.request import request_from

ENGINES = ("celery", "rq", "dramatiq", "dask")
WORKERS = 4  # on each of two hosts
_START_SECONDS = 90.0
_LIMIT_SECONDS = 600.0

WORK = '''"""A task that waits."""
import os, time

def work(item):
    time.sleep(item[1])
    return item[0]

def items():
    return [(number, float(os.environ["BENCH_TASK_SECONDS"])) for number in range(int(os.environ["BENCH_TASKS"]))]
'''


def main() -> int:
    """Measure what is not in the file yet, print the table."""
    options = _options()
    if reason := why_not():
        print(f"skipped: {reason}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left
    there = read(options.file)
    measured = {(it["engine"], it["delay_ms"], it["task_ms"], it["tasks"]) for it in there}
    for engine in options.engines:
        for delay in options.delays:
            lengths = [ms for ms in options.task_ms if (engine, delay, ms, options.tasks) not in measured]
            for found in measure(engine, delay, lengths, options):
                there.append(found)
                with options.file.open("a", encoding="utf-8") as stream:
                    stream.write(f"{json.dumps(found)}\n")
    print(table(there))
    return int(any(it["done"] != it["tasks"] for it in there))


def measure(
    engine: str, delay_ms: float, lengths: list[float], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """A record for each length of tasks."""
    if not lengths:
        return
    with contextlib.ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="bench-engines-")))
        request_folder(folder, engine, options.python)
        broker, submitter, other = open_.enter_context(hosts(3, delay_ms / 1000))
        url = _start_broker(engine, broker, folder, options.python, open_)
        _start_workers(other, url, folder, options.python, open_)
        for task_ms in lengths:
            words = ("run", "--json", "--fresh", "--broker", url, "--limit", f"{_LIMIT_SECONDS}")
            more = {"BENCH_TASK_SECONDS": f"{task_ms / 1000}", "BENCH_TASKS": f"{options.tasks}"}
            done = subprocess.run(
                _jobs(submitter, folder, options.python, *words), capture_output=True, text=True, check=False,
                env=_environment(folder, more),
            )  # fmt: skip
            if not done.stdout:
                raise SystemExit(f"{engine} at {delay_ms:g} ms: {done.stderr[-500:]}")
            said = json.loads(done.stdout)
            kept = ("version", "tasks", "done", "seconds", "submit_seconds", "first_result_seconds", "tasks_per_s")
            found = {"schema": 1, "engine": engine, "delay_ms": delay_ms, "task_ms": task_ms, "workers": 2 * WORKERS}
            found |= {name: said[name] for name in kept} | {"at": round(time.time()), "load": os.getloadavg()[0]}
            print(f"{engine} {delay_ms:g} ms, tasks of {task_ms:g} ms: {said['seconds']:.2f} s", file=sys.stderr)
            yield found


def request_folder(folder: Path, engine: str, python: str) -> None:
    """The project and its module."""
    (folder / "work.py").write_text(WORK, "utf-8")
    request = request_from("work.py:work", items="work.py:items", python=python, folder=folder)
    write_folder(engine_files(request, engine, folder / "jobs"), folder / "jobs", force=False)
    (folder / "tmp").mkdir()


def _start_broker(engine: str, host: Host, folder: Path, python: str, open_: contextlib.ExitStack) -> str:
    """A broker that the others reach, and its URL."""
    if engine == "dask":
        port, words = 8786, [python, "-m", "dask", "scheduler", "--host", host.address, "--no-dashboard"]
    else:
        port, words = 6379, ["redis-server", "--bind", host.address, "--save", "", "--protected-mode", "no"]
    _start(host.command(*words), folder, open_, "broker")
    asks = f"import socket; socket.create_connection(('{host.address}', {port}), 1)"
    until = time.monotonic() + _START_SECONDS
    while subprocess.run(host.command(sys.executable, "-c", asks), capture_output=True, check=False).returncode:
        if time.monotonic() > until:
            raise SystemExit(f"the broker does not answer: {(folder / 'broker.log').read_text()[-500:]}")
        time.sleep(0.1)
    return f"tcp://{host.address}:{port}" if engine == "dask" else f"redis://{host.address}:{port}/0"


def _start_workers(host: Host, url: str, folder: Path, python: str, open_: contextlib.ExitStack) -> None:
    """Workers on a host, and wait until they are ready."""
    _start(_jobs(host, folder, python, "worker", "--events", "--broker", url), folder, open_, "worker")
    until = time.monotonic() + _START_SECONDS
    while '"ready"' not in (said := (folder / "worker.log").read_text("utf-8", "replace")):
        if time.monotonic() > until:
            raise SystemExit(f"the workers are not ready: {said[-500:]}")
        time.sleep(0.1)


def _start(command: list[str], folder: Path, open_: contextlib.ExitStack, name: str) -> None:
    """A process that is asked to end when all is over, and killed if it does not."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            env=_environment(folder, {"BENCH_TASK_SECONDS": "0", "BENCH_TASKS": "1"}),
        )  # fmt: skip

    def end() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    open_.callback(end)


def _jobs(host: Host, folder: Path, python: str, *words: str) -> list[str]:
    return host.command(python, "-W", "ignore", str(folder / "jobs"), *words, "--workers", f"{WORKERS}")


def _environment(folder: Path, more: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "PYTHONPATH")}
    return {**ours, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1", **more}


def table(records: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| engine | delay | task | seconds | tasks/s | first result | submitting |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {it['engine']} | {it['delay_ms']:g} ms | {it['task_ms']:g} ms | {it['seconds']:.1f} | {it['tasks_per_s']:,.0f}"
        f" | {it['first_result_seconds']:.2f} s | {it['submit_seconds']:.2f} s |"
        for it in sorted(records, key=lambda it: (it["task_ms"], it["engine"], it["delay_ms"]))
    ]
    return "\n".join(lines)


def read(file: Path) -> list[dict[str, Any]]:
    """The records that are there; a last line that was cut off is not."""
    return [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]] if file.exists() else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", type=_names, default=ENGINES)
    parser.add_argument("--delays", type=_figures, default=(0.0, 1.0, 20.0), help="of a packet, one way, in ms")
    parser.add_argument("--task-ms", type=_figures, default=(1.0, 20.0, 200.0))
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument(
        "--python", default=os.environ.get("ENGINES_PYTHON", sys.executable), help="that has the engines"
    )
    parser.add_argument("--file", type=Path, default=Path("bench-engines.jsonl"), help="of the records")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if wrong := [name for name in names if name not in ENGINES]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r}: {', '.join(ENGINES)}")
    return names


def _figures(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
