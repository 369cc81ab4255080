"""What is said of a system, as models that can be saved as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from selector.models import Frozen
from selector.recommend.recommendation import Recommendation
from selector.workload.given import SchemaOfFile
from selector.workload.system import SystemProfile

JointKind = Literal[
    "asyncio_queue", "queue", "run_in_executor", "run_coroutine_threadsafe", "process_queue", "pipe", "broker"
]


class Share(Frozen):
    """What a part has of the whole: CPUs, memory (None: no budget), and why."""

    cpu_cores: int
    memory_mb: float | None
    why: str


class PartAnswer(Recommendation):
    """The recommendation for a part with its share, and what it does in the system.

    `own_process` says that it has a process of its own, not the main one; `runs_on` is the Python of that process.
    `at_once` is how many items it works on at a time. `most_per_s` is what it could do at most, `throughput_per_s` what it
    does as a part of the whole (items a second); None where nothing is known to base them on.
    """

    name: str
    feeds: tuple[str, ...]
    share: Share
    own_process: bool
    runs_on: str | None
    at_once: int
    most_per_s: float | None
    throughput_per_s: float | None


class Joint(Frozen):
    """How a part hands items to another, and why: at most `bound` wait (None: the broker keeps them), then the sender does.

    `items_each` is how many it hands over for each that it has done.
    """

    from_part: str = Field(alias="from")
    to: str
    kind: JointKind
    bound: int | None
    items_each: float
    why: str
    bound_why: str | None


class Process(Frozen):
    """A process of the system: its parts, its Python, and those of the parts that share its loop (none: fewer than two)."""

    parts: tuple[str, ...]
    python: str | None
    on_one_loop: tuple[str, ...]


class SystemExpected(Frozen):
    """What to expect of the whole; None where nothing is known to base it on.

    `saturation_per_s` is the most that can enter in a second, `limited_by` what does not allow for more. Of a service
    `throughput_per_s` is what enters in a second and `utilisation` its part of the most, over 1 where it does not keep up;
    of a batch `seconds` is how long the tasks take at that rate. `memory_mb` is for all processes together.
    """

    throughput_per_s: float | None
    saturation_per_s: float | None
    utilisation: float | None
    seconds: float | None
    memory_mb: float | None
    limited_by: str | None


class SystemFits(Frozen):
    """Whether the whole meets its memory budget and keeps up with what arrives; None where that is not known."""

    memory: bool | None
    throughput: bool | None


class SystemRecommendation(Frozen):
    """The answer to a system. `unknown` names what would have to be known to predict it (PART.FIELD)."""

    schema_version: Literal[1] = Field(1, alias="schema")
    name: str | None
    system: Annotated[SystemProfile, PlainSerializer(SystemProfile.given), SchemaOfFile("system")]
    cpu_cores: int
    parts: tuple[PartAnswer, ...]
    processes: tuple[Process, ...]
    joints: tuple[Joint, ...]
    bottleneck: str | None
    expected: SystemExpected
    fits: SystemFits
    unknown: tuple[str, ...]
    diagram: str

    def part(self, name: str) -> PartAnswer:
        """The answer for the part of that name, which there is."""
        return next(part for part in self.parts if part.name == name)
