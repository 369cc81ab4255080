"""What calibrating finds, as it is kept and printed as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from selector.calibration.kept import Stamp
from selector.models import Saved

_Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cost(Saved):
    """One figure, in the unit that its name ends in; probes/calibration/figures.py says what each means.

    `low` and `high` are the range in which it was met, and `samples` how often it was measured undisturbed. What is
    noisy is shown, and not used: `note` says why. Of a usable one it says what corrected it, if anything did.
    """

    value: _Figure
    low: _Figure
    high: _Figure
    samples: int = Field(ge=0)
    quality: Literal["usable", "noisy"] = "usable"
    note: str = ""


class InterpreterCosts(Saved):
    """What concurrency costs under one Python. A cost that could not be measured is not among `costs`."""

    tag: str
    version: str
    path: str = Field(description="its real file")
    stamp: Stamp = Field(description="of that file: its modification time in ns, and its size")
    free_threaded: bool
    gil_enabled: bool
    start_method: str = Field(description="of multiprocessing, where none is asked for")
    costs: dict[str, Cost] = Field(min_length=1)
    noise: _Figure = Field(description="the part of the measurements that other programs disturbed")
    rounds: int = Field(ge=1)
    seconds: _Figure = Field(description="that measuring took")
    warnings: tuple[str, ...] = Field((), description="what could not be measured, and why")
    measured_at: AwareDatetime

    @property
    def noisy(self) -> tuple[str, ...]:
        """The costs that are too noisy to be used: those of another Python, or the documented ones, take their place."""
        return tuple(name for name, cost in self.costs.items() if cost.quality == "noisy")


class Calibration(Saved):
    """The costs of some Pythons on one machine, of which `cpus` may be used; `problems` tells what went wrong.

    `kept` are the tags of those that had been measured before, and were not measured now.
    """

    schema_version: Literal[2] = Field(2, alias="schema")
    cpu_model: str | None
    cpus: int
    system: str
    memory_mb: int | None
    interpreters: tuple[InterpreterCosts, ...]
    kept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    answers: AnswerChanges | None = Field(None, description="what that changes; null where nothing was measured")


class ChangedAnswer(Saved):
    """An example that ships, with the approach that was recommended for it and the one that is now."""

    example: str
    before: str
    now: str


class AnswerChanges(Saved):
    """What new costs change: of how many examples that ship, which get another answer."""

    examples: int
    changed: tuple[ChangedAnswer, ...]


def answers_changed(before: dict[str, str], now: dict[str, str]) -> AnswerChanges:
    """What there is to say of the examples, by the approaches before and now."""
    changed = tuple(
        ChangedAnswer(example=name, before=before[name], now=approach)
        for name, approach in now.items()
        if before.get(name, approach) != approach
    )
    return AnswerChanges(examples=len(now), changed=changed)
