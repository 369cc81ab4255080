"""Recommendations for the examples that ship, on one made-up host; their summaries, and a made-up machine."""

from __future__ import annotations

from functools import cache
from typing import Any

from printed import text_of
from strategies import FIXED_HOST

from selector import Recommendation, Selector, WorkloadProfile
from selector.host import Host, Interpreter, Memory, UsableCpus
from selector.pipeline import example_profiles
from selector.report.blocks import Document
from selector.report.recommendation import recommendation_document
from selector.report.summary import Command, summary_document

PROFILES = dict(example_profiles())
VALIDATE = Command("concurrency-selector validate workload.json", "the same with validate")


@cache
def selector() -> Selector:
    return Selector(host=FIXED_HOST)


def recommended(profile: WorkloadProfile, *, explain: bool = False) -> Document:
    result = selector().recommend(profile)
    return recommendation_document(result, selector().explain(profile) if explain else None)


@cache
def example(name: str) -> Recommendation:
    """The recommendation for an example, without what would change it."""
    return selector().recommend(PROFILES[name], changes="none")


def summary_of(
    result: Recommendation, validate: str = "concurrency-selector validate workload.json", **options: bool
) -> str:
    return text_of(summary_document(result, Command(validate, "the same with validate"), **options))


def expecting(result: Recommendation, **figures: Any) -> Recommendation:
    """The same recommendation with other figures."""
    changed = result.expected.model_copy(update=figures)
    return result.model_copy(update={"expected": changed})


def machine(**changes: object) -> Host:
    """A made-up machine."""
    found = (
        Interpreter(
            path="/usr/bin/python3.13", version="3.13.5", tag="3.13", implementation="CPython", free_threaded=False,
            gil_enabled=True, bits=64, found_in="running",
        ),
        Interpreter(
            path="/home/ada/.local/share/uv/python/cpython-3.14.1+freethreaded-linux-x86_64-gnu/bin/python3.14t",
            version="3.14.1", tag="3.14t", implementation="CPython", free_threaded=True, gil_enabled=False, bits=64,
            found_in="uv",
        ),
    )  # fmt: skip
    parts = {
        "platform": "linux",
        "system": "Linux 6.12 x86_64",
        "cpu_model": "Example CPU 9000 @ 3.20GHz",
        "cpus": UsableCpus(count=3, logical=16, affinity=8, quota=2.5, limited_by="cgroup quota", quota_from="/sys/fs/cgroup/cpu.max"),
        "memory": Memory(total_mb=64_000, available_mb=48_000, limit_mb=4096, usable_mb=4096, limited_by="cgroup limit"),
        "start_methods": ("fork", "forkserver", "spawn"),
        "default_start_method": "fork",
        "python": "3.13.5",
        "python_gil_enabled": True,
        "interpreters": found,
        "interpreter_problems": ("/opt/broken/bin/python3: ended with exit code 1",),
    }  # fmt: skip
    return Host.model_validate(parts | changes)
