"""What the commands about tables print as JSON: its shape, which mypy holds the code to and `schema` publishes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # that of `typing` pydantic takes from 3.12 on

from selector.decision.cells import Scalar
from selector.decision.proofs import diff, findings
from selector.decision.table import HitPolicy
from selector.workload.given import SchemaOfFile
from selector.workload.profile import ApproachId

Workload = Annotated[dict[str, Any], SchemaOfFile("profile")]
_closed = with_config(ConfigDict(extra="forbid"))


# rules list, check, test ----------------------------------------------------------------------------------------------


@_closed
class TableListed(TypedDict):
    """A table in use: how many `rules` it has, what it asks and answers, and the file it comes from."""

    table: str
    title: str
    hit_policy: HitPolicy
    rules: int
    inputs: list[str]
    outputs: list[str]
    file: str


@_closed
class FindingTold(TypedDict):
    """Something about a table that a person should know.

    `places` are the file:line of `rules`, or the file. `witness` are inputs, complete, for which the table does what
    `message` says; `region` the inputs that matter, each as the text of a cell. `pairs` are all the pairs of rows that
    a finding stands for, where there are many. `workload` has such inputs, if one was found.
    """

    kind: findings.Kind
    severity: findings.Severity
    table: str
    message: str
    rules: list[str]
    places: list[str]
    witness: dict[str, Scalar] | None
    region: dict[str, str]
    pairs: list[tuple[str, str]]
    workload: Workload | None


@_closed
class TableProven(TypedDict):
    """What is known of a table; `cells` counts the smallest regions of its input space (null: past the largest float).

    `proven` is false where the search ended before it knew everything.
    """

    table: str
    file: str
    rules: int
    inputs: int
    cells: int | None
    proven: bool
    findings: list[FindingTold]


@_closed
class ExamplesRun(TypedDict):
    """The examples in a table: how many passed, and what failed, a line each."""

    passed: int
    failures: list[str]


@_closed
class BoundaryCasesRun(TypedDict):
    """Cases at every bound of the cells of a table; `left_out` is for what there was no time."""

    tried: int
    failures: list[str]
    left_out: list[str]


@_closed
class RecordedCasesRun(TypedDict):
    """The cases that are recorded beside a table."""

    cases: int
    failures: list[str]


@_closed
class TableTested(TypedDict):
    """What testing a table came to; `recorded` is null where no cases are recorded beside it."""

    table: str
    failed: bool
    rules: int
    examples: ExamplesRun
    rules_without_example: list[str]
    boundary_cases: BoundaryCasesRun
    recorded: RecordedCasesRun | None


# rules diff -----------------------------------------------------------------------------------------------------------


@_closed
class AnswerTold(TypedDict):
    """What a table says: its output and the rows that made it, or why it refuses to answer."""

    output: Any
    rules: list[str]
    error: str


@_closed
class ChangeTold(TypedDict):
    """Something in which the new table differs from the old one.

    Of kind `answer`: everywhere in `region` the output is another one, for example for the inputs `given`, and for the
    `workload`, if one was found; `cells` counts the smallest regions in it (null: past the largest float). The others
    are about the table, and `message` says it.
    """

    kind: diff.Kind
    message: str
    region: dict[str, str]
    cells: int | None
    given: dict[str, Scalar] | None
    old: AnswerTold | None
    new: AnswerTold | None
    workload: Workload | None


@_closed
class TableChanged(TypedDict):
    """A table of both sides, or of one, with all that changed."""

    table: str
    changes: list[ChangeTold]


@_closed
class AnswerFlipped(TypedDict):
    """What was recommended for an example, and what is now."""

    old: str
    new: str


@_closed
class RulesCompared(TypedDict):
    """Two tables, or two folders of them: what changed, and the examples that ship for which the recommendation did."""

    tables: list[TableChanged]
    examples: dict[str, AnswerFlipped]


# rules show, of a class of work ---------------------------------------------------------------------------------------


@_closed
class RowTold(TypedDict):
    """A row (TABLE/ROW): when it fires, in words, and its reason."""

    rule: str
    when: str
    because: str


@_closed
class ApproachRow(RowTold):
    """A row of strategy that names an approach: a `contender`, or a `fallback` where none of these is eligible."""

    approach: ApproachId
    standing: str


@_closed
class TurnRow(RowTold):
    """A row of wrong_turns with the approaches that it is about."""

    approaches: list[ApproachId]


@_closed
class Objection(TypedDict):
    """A row of eligibility that rules an approach out, and how badly."""

    rule: str
    kind: str
    text: str


class Amount(TypedDict):
    """How long a batch takes, or how many requests a service can do in a second; null where it is not known."""

    seconds: float | None
    requests_per_second: float | None


@_closed
class OtherApproach(Amount):
    """What an approach would cost in an example, against the answer."""

    approach: ApproachId
    title: str
    times_as_long: float | None
    cost: str
    objections: list[Objection]


@_closed
class ClassExample(Amount):
    """A workload of a class, its answer, and every other approach."""

    name: str
    description: str | None
    approach: ApproachId
    title: str
    others: list[OtherApproach]


@_closed
class RuledOut(TypedDict):
    """A row of eligibility: which approaches it rules out, in which examples."""

    rule: str
    text: str
    approaches: list[ApproachId]
    examples: list[str]


@_closed
class ClassTold(TypedDict):
    """A class of work: when a workload is of it, what is recommended, an example, what is ruled out in others, what to run."""

    workload_class: str
    title: str
    when: list[RowTold]
    recommended: list[ApproachRow]
    wrong_turns: list[TurnRow]
    example: ClassExample | None
    ruled_out: list[RuledOut]
    commands: list[str]
