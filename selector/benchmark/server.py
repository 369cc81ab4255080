"""A real server, by which a service is measured: which there are, and whether the Pythons of a plan have it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from typing import Literal, get_args

from selector.benchmark.plan import BenchmarkPlan
from selector.errors import SelectorError
from selector.text import listed

ServerName = Literal["uvicorn", "gunicorn"]
SERVERS: tuple[str, ...] = get_args(ServerName)
_IMPORT_SECONDS = 60


def check_server(plan: BenchmarkPlan, server: str | None) -> None:
    """SelectorError where a plan is for no service, or one of its Pythons cannot import the server that is asked for."""
    if server is None:
        return
    if "REQUESTS_PER_SECOND" not in plan.parameters:
        raise SelectorError(f"--server {server} serves requests, and this is a batch", "mode: service in the profile")
    lacking = list(_lacking(server, (python.path for python in plan.pythons)))
    if lacking:
        raise SelectorError(
            f"{server} is not installed in {listed(lacking)}",
            f"install it there (python -m pip install {server}), or name a Python that has it: --python PATH",
        )


def _lacking(module: str, pythons: Iterable[str]) -> Iterable[str]:
    for python in pythons:
        try:
            done = subprocess.run(
                [python, "-c", f"import {module}"], capture_output=True, timeout=_IMPORT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            yield python
        else:
            if done.returncode:
                yield python
