"""What is found out about dependencies, as models: `DepsReport` is the JSON that `deps --json` prints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selector.models import Frozen

Status = Literal["ready", "gil", "not_installable", "fails", "unknown"]
Goal = Literal["free_threading", "subinterpreters", "loop"]
GOALS: tuple[Goal, ...] = ("free_threading", "subinterpreters", "loop")
#: Fields of a workload that are found out here.
Readiness = Literal["free_threading_ready", "subinterpreter_ready"]


class BuildReadiness(Frozen):
    """A package under one build of Python.

    `gil`: it switches the GIL of a free-threaded build on; `not_installable`: no wheel of it fits; `fails`: importing it
    raises, crashes or hangs. `module` is the guilty one, and `package` what it belongs to. `installed` is the version
    that was imported there (None: it is not installed for this build), `fixed_in` the first later version that has a
    wheel for it. `wheel` is whether one fits, of what is not installed there (None: nobody could say). `import_ms` and `memory_mb` are of the package with all that it imports. `unpicklable` are public classes of
    it whose instances cannot be pickled (None: it was not imported there); that is no part of the status.
    """

    status: Status
    module: str | None = None
    package: str | None = None
    reason: str
    installed: str | None = None
    fixed_in: str | None = None
    wheel: bool | None = None
    import_ms: float | None = None
    memory_mb: float | None = None
    unpicklable: tuple[str, ...] | None = None


class SubinterpreterReadiness(Frozen):
    """A package in subinterpreters with a GIL of their own, of the Python `build`."""

    status: Literal["ready", "fails", "unknown"]
    module: str | None = None
    package: str | None = None
    reason: str
    build: str | None = None


class PackageReadiness(Frozen):
    """A package: under each build that it is needed for, in subinterpreters, and why it is there.

    `chain` leads from a requirement of the project to this package, and on to what blocks it, where that is another.
    `fixed_in` is that of the first free-threaded build that it blocks, else of the first build.
    """

    name: str
    version: str | None
    builds: dict[str, BuildReadiness]
    subinterpreters: SubinterpreterReadiness
    chain: tuple[str, ...]
    fixed_in: str | None


class LoopFinding(Frozen):
    """A blocking call inside an `async def` of the project: where, by which rule of ruff, and what to do instead."""

    file: str
    line: int
    rule: str
    text: str
    remedy: str


class Gain(Frozen):
    """What would be gained if the dependencies were ready for something.

    `approach` is the answer then, and `seconds` what it is predicted to take (of a service: `per_second`, what it serves).
    `gain` is how many times as fast that is as what can be had today, and `blocked_by` the packages that stand in the way.
    """

    goal: Literal["free_threading", "subinterpreters"]
    ready: bool | None
    blocked_by: tuple[str, ...]
    today: str
    today_seconds: float | None
    approach: str
    seconds: float | None
    gain: float | None
    worth_it: bool | None
    text: str


class DepsReport(Frozen):
    """What stands in the way of free threads, subinterpreters and the event loop.

    `interpreters` has the path of each build, `settings` the fields of a workload that follow, with why. `loop_checked_by`
    is None where nobody could look at the project's code; `loop` says nothing then.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    source: str
    python: str
    interpreters: dict[str, str]
    packages: tuple[PackageReadiness, ...]
    loop: tuple[LoopFinding, ...]
    loop_checked_by: str | None
    settings: dict[Readiness, bool]
    why: dict[Readiness, str]
    worth: tuple[Gain, ...]
    notes: tuple[str, ...]
    seconds: float

    def blocks(self, goal: Goal) -> bool:
        """Whether something is known to stand in the way of that."""
        if goal == "loop":
            return bool(self.loop)
        return (
            self.settings.get("free_threading_ready" if goal == "free_threading" else "subinterpreter_ready") is False
        )
