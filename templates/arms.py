"""What is measured, and under which Pythons; how events tell of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class _Python(NamedTuple):
    """An interpreter that runs what is measured."""

    tag: str
    path: str
    version: tuple[int, int]
    free_threaded: bool


class _Arm(NamedTuple):
    """One thing that is measured again and again."""

    arm: int
    approach: str
    interpreter: str
    workers: int
    role: str  # baseline, control (the baseline once more), candidate, scaling
    variant: str
    python: str
    processes: int = 1  # of a service: that share what arrives, each with so many workers


def _described(arm: _Arm) -> dict[str, Any]:
    """An arm as events tell it."""
    return {name: value for name, value in arm._asdict().items() if name != "python"}


def _pythons_told(
    paths: list[str],
    probe: Callable[[str], dict[str, Any]],
    order: Callable[[_Python], Any],
    event: Callable[..., None],
) -> tuple[list[_Python], str]:
    """The interpreters that can run it, in this order, the first being the reference; each of the paths is told.

    And why the first of the paths cannot, if none can.
    """
    asked = [(path, probe(path)) for path in paths]
    found = [(_python_of(path, answer), answer) for path, answer in asked]
    usable = sorted((python for python, answer in found if answer["status"] == "ok"), key=order)
    for python, answer in found:
        event(
            event="interpreter",
            interpreter=python.tag if "version" in answer else None,
            path=python.path,
            version=answer.get("version"),
            free_threaded_build=answer.get("free_threaded_build"),
            gil_enabled=answer.get("gil_enabled"),
            reference=python in usable[:1],
            status=answer["status"],
            reason=answer["reason"],
        )
    return usable, "" if usable else found[0][1]["reason"]


def _python_of(path: str, answer: dict[str, Any]) -> _Python:
    """What an interpreter said of itself."""
    major, minor = answer.get("version", "0.0").split(".")[:2]
    free_threaded = answer.get("free_threaded_build", False)
    return _Python(f"{major}.{minor}{'t' * free_threaded}", path, (int(major), int(minor)), free_threaded)
