"""Scripts that are written for a service: what they measure, by our servers and by those that people run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from command import call

from selector.benchmark.events import collect, parse_event


def _script(tmp_path: Path, fields: dict[str, Any], *options: str) -> Path:
    """A script that `generate` writes for a service."""
    workload, script = tmp_path / "workload.json", tmp_path / "made.py"
    workload.write_text(json.dumps({"mode": "service", **fields}))
    assert call("generate", str(workload), "-o", str(script), "--force", *options).code == 0
    return script


def _with_servers(*modules: str) -> str:
    """A Python that has these modules: $SERVERS_PYTHON, else this one; without it the test is skipped, and fails in CI."""
    python = os.environ.get("SERVERS_PYTHON", sys.executable)
    needed = "import " + ", ".join(modules)
    if subprocess.run([python, "-c", needed], capture_output=True, check=False).returncode:
        reason = f"{' or '.join(modules)} is not installed here: name a Python that has it by SERVERS_PYTHON"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return python


FAST = {"workload_type": "io", "cpu_ms_per_task": 0.5, "io_wait_ms_per_task": 5, "requests_per_second": 50}


def _run(python: str, script: Path, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run([python, script, "--json", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    collect([parse_event(line) for line in done.stdout.splitlines()])
    return [event for event in events if event["event"] == "cell"]


@pytest.mark.slow
def test_a_script_serves_every_approach_and_tells_what_came_of_it(tmp_path: Path) -> None:
    script = _script(tmp_path, FAST)
    cells = _run(sys.executable, script, "--budget", "12", "--seed", "1")
    ways = {cell["approach"] for cell in cells if cell["status"] == "ok"}
    assert ways >= {"single_threaded", "asyncio", "threads", "multiprocessing", "asyncio_threads", "asyncio_processes"}
    for cell in cells:
        rows = cell["service"]["arrivals_per_s"]
        assert rows[0]["rate"] == (25.0 if cell["round"] == 0 else 50.0)  # all rates once, then the one that is judged
        assert all(row["p50_ms"] is None or row["p50_ms"] >= 5 for row in rows)
        assert all(row["kept_up"] for row in rows[:-1]) and not any(row["errors"] for row in rows[:-1])


#: Two processes of a loop or of threads, where more are no better.
BUSY = {
    "workload_type": "io", "cpu_ms_per_task": 4, "io_wait_ms_per_task": 10, "requests_per_second": 200, "cpu_cores": 2,
    "async_library": True,
}  # fmt: skip


def test_a_script_says_in_how_many_processes_each_serves(tmp_path: Path) -> None:
    text = _script(tmp_path, BUSY).read_text()
    named = text.partition("\nPROCESSES: dict[str, int] = {")[2].partition("}")[0]
    assert "'asyncio': 2" in named and "'threads': 2" in named
    api = _script(tmp_path, BUSY | {"event_loop": True}, "--template", "api-service").read_text()
    assert "\nPROCESSES = 2" in api
    assert "PROCESSES: dict[str, int] = {}" in _script(tmp_path, FAST).read_text()


@pytest.mark.slow
def test_several_processes_of_a_loop_and_of_threads_serve(tmp_path: Path) -> None:
    named = ("--approach", "asyncio", "--approach", "threads")
    cells = _run(sys.executable, _script(tmp_path, BUSY), "--budget", "10", "--rate", "40", *named)
    good = {(cell["approach"], cell["processes"]) for cell in cells if cell["status"] == "ok"}
    assert good >= {("asyncio", 2), ("threads", 2), ("single_threaded", 1)}, [cell["reason"] for cell in cells]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "approaches"), [("uvicorn", ("asyncio", "asyncio_threads", "multiprocessing")), ("gunicorn", ("threads", "multiprocessing"))]
)  # fmt: skip
def test_a_real_server_serves_the_same_work(tmp_path: Path, server: str, approaches: tuple[str, ...]) -> None:
    python = _with_servers(server)
    named = [word for approach in approaches for word in ("--approach", approach)]
    cells = _run(python, _script(tmp_path, FAST), "--budget", "10", "--server", server, *named)
    good = {cell["approach"] for cell in cells if cell["status"] == "ok" and cell["service"]["saturation_per_s"] > 0}
    assert good >= set(approaches), [(cell["approach"], cell["reason"]) for cell in cells]


@pytest.mark.slow
def test_the_template_of_a_web_service_answers(tmp_path: Path) -> None:
    python = _with_servers("uvicorn", "starlette")
    script = _script(tmp_path, FAST, "--template", "api-service")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([python, script, str(port)], stderr=subprocess.DEVNULL, start_new_session=True) as serving:
        try:
            for _ in range(200):
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/17", timeout=5) as page,
                ):
                    assert page.read() == b"ok 17\n"
                    return
                time.sleep(0.1)
            raise AssertionError("it did not answer")
        finally:
            os.killpg(serving.pid, signal.SIGKILL)


def test_a_web_service_is_for_a_service_and_a_server_for_requests(tmp_path: Path) -> None:
    batch = tmp_path / "batch.json"
    batch.write_text('{"workload_type": "cpu", "tasks": 10, "cpu_ms_per_task": 5}')
    made = call("generate", str(batch), "--template", "api-service", "-o", str(tmp_path / "x.py"))
    assert made.code == 2 and "is for a service" in made.err
    served = call("generate", str(batch), "--server", "uvicorn", "-o", str(tmp_path / "x.py"))
    assert served.code == 2 and "this is a batch" in served.err
    text = _script(tmp_path, FAST, "--template", "api-service").read_text()
    assert "CPU_MS_PER_TASK = 0.5\n" in text and "REQUESTS_PER_SECOND" not in text
