"""What is asked for and what was found, as models: `MeasureReport` is the JSON that `measure --json` prints."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from selector.errors import SelectorError
from selector.measure.python import ChosenPython
from selector.measure.target import ItemsSource, Target
from selector.models import Frozen
from selector.recommend.recommendation import Recommendation
from selector.workload.given import SchemaOfFile
from selector.workload.profile import WorkloadProfile

BUDGET_SECONDS = 20.0
Value = bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """A function to be measured: in which Python, on which items, for how long.

    `interpreters` are further ones to try it under; None: those found on this host. `settings` are
    fields that the user gives (KEY=VALUE), which stand over what is found.
    """

    target: Target
    python: ChosenPython
    items: ItemsSource | None = None
    setup: Target | None = None
    async_function: Target | None = None
    interpreters: tuple[ChosenPython, ...] | None = None
    budget_seconds: float = BUDGET_SECONDS
    settings: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path.cwd)


class Evidence(Frozen):
    """A field of the profile: its value, where it is from, and one sentence with the figures it rests on.

    `low` and `high` are the range that a doubtful figure lies in; None where it is as sure as measuring makes it.
    """

    value: Value
    basis: Literal["measured", "inferred", "given"]
    how: str
    low: float | None = None
    high: float | None = None


#: Kinds of problems in which something was named that is not there, or cannot be meant: bad input, and no failure.
BAD_INPUT = (
    "bad_target", "no_such_file", "no_such_name", "no_such_module", "not_callable", "async_generator", "arguments",
    "bad_items", "no_items",
)  # fmt: skip


class Problem(Frozen):
    """What went wrong, or needs an eye: a kind for programs, a sentence that says what to do, and the item it came of.

    A fault of the tool itself (`probe_fails`) has the traceback.
    """

    kind: str
    text: str
    item: int | None = None
    traceback: str | None = None


class Tried(Frozen):
    """Another Python that the function was tried under: whether its module could be imported there, and why not."""

    tag: str
    path: str
    imports: bool
    gil: bool | None
    why: str


def _given(profile: WorkloadProfile | None) -> dict[str, Any]:
    return profile.given() if profile is not None else {}


class MeasureReport(Frozen):
    """What measuring a function came to. `profile` is None, and there is a problem, where it could not be measured.

    It is not `complete` where a child was lost on the way: what was found until then is there.
    `notes` say what no field has room for; `unknown` are fields that the answer may hang on and that measuring did not
    find.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    target: str
    items: str | None
    python: str
    profile: Annotated[WorkloadProfile | None, PlainSerializer(_given), SchemaOfFile("profile", or_empty=True)]
    evidence: dict[str, Evidence]
    unknown: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    tried: tuple[Tried, ...]
    complete: bool
    calls: int
    seconds: float
    recommendation: Recommendation | None

    @property
    def exit_code(self) -> int:
        """Of a function that could not be measured: 2 where something is wrong with what was named, 1 where it failed."""
        return 2 if self.problems and self.problems[0].kind in BAD_INPUT else 1

    def known_profile(self) -> WorkloadProfile:
        """The profile; SelectorError, with the first problem, where there is none."""
        if self.profile is None:
            why = self.problems[0].text if self.problems else "no reason is known"
            raise SelectorError(
                f"{self.target} cannot be measured: {why}", "see `concurrency-selector measure`", self.exit_code
            )
        return self.profile

    def _repr_html_(self) -> str:
        """What a notebook shows: the report as a page in a frame."""
        from selector.report.html import render_frame
        from selector.report.measure import answer_first
        from selector.report.saved import page_title

        return render_frame(answer_first(self, self._validate), page_title(self.target))

    def _repr_markdown_(self) -> str:
        """What it shows where it takes no HTML: the report as `measure --format markdown` prints it."""
        from selector.report.markdown import render_markdown
        from selector.report.measure import measure_document

        return render_markdown(measure_document(self, self._validate))

    @property
    def _validate(self) -> str:
        """The command that proves it."""
        words = ["concurrency-selector", "validate", "--function", self.target]
        return shlex.join([*words, *(["--items", self.items] if self.items is not None else [])])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What IPython shows at a terminal: the same."""
        printer.text(self._repr_markdown_())
