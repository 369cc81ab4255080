"""What several test files do: end processes and wait for their end, and hold output against golden files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from selector.cost.sheet import MeasuredCosts
from selector.pipeline import this_host


def is_gone(number: int) -> bool:
    """Whether a process has ended; one that nobody has reaped yet counts."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(fact: Callable[[], bool]) -> None:
    for _ in range(1000):
        if fact():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")


def pressed_until_it_ends(process: subprocess.Popen[bytes]) -> bytes:
    """Press Ctrl-C, and again where Python looked for signals just before it began to read: no read is woken then."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[1]
    raise AssertionError("still reading")


def check_golden(file: Path, output: str, test_file: str) -> None:
    """The output is the one that is kept; UPDATE_GOLDEN=1 keeps the new one, to be reviewed."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(output, "utf-8", newline="\n")
    assert file.exists(), f"make {file} by UPDATE_GOLDEN=1 pytest {test_file}, and review it"
    assert output == file.read_text("utf-8"), f"if this change is wanted: UPDATE_GOLDEN=1 pytest {test_file}"


#: What is measured under a Python with a GIL whose pools start by a fork server.
GIL = {
    "python_arithmetic_ns": 70.0, "python_objects_ns": 160.0, "thread_start_ms": 0.2,
    "thread_dispatch_ms": 0.005, "loop_handover_ms": 0.02, "chunked_dispatch_ms": 0.0002, "process_copy_mb_per_s": 800.0,
    "subinterpreter_dispatch_ms": 0.05, "process_pool_forkserver_ms": 150.0, "process_start_forkserver_ms": 6.0,
    "subinterpreter_start_ms": 100.0, "subinterpreter_more_ms": 0.0, "asyncio_wait_ms": 0.006, "loop_process_ms": 0.12,
    "efficiency_processes": 0.95, "base_memory_mb": 20.0,
}  # fmt: skip


def measured_here(tag: str, costs: dict[str, float]) -> tuple[MeasuredCosts, ...]:
    """What `load_calibration` says where one Python of this host was measured, with all its usable CPUs."""
    here = this_host()
    path = os.path.realpath(dict(here.interpreters)[tag])
    method = "forkserver" if here.platform == "linux" else "spawn"
    free_threaded = tag.endswith("t")
    return (MeasuredCosts(tag, f"{tag}.0", path, free_threaded, method, here.usable_cpus, "2026-11-28", dict(costs)),)
