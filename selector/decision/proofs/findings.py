"""What is found out about a table: findings, each with a witness, and their report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from selector.decision.cells import Scalar
from selector.decision.proofs.space import Box, TableSpace
from selector.text import cut, printable

Kind = Literal[
    "gap", "conflict", "overlap", "never_fires", "never_matches_value", "duplicate", "output_never_produced",
    "catch_all", "not_accepted", "cycle", "not_proven",
]  # fmt: skip
Severity = Literal["error", "warning", "note"]

MOST_WORDS = 8  # of a list in a sentence
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something about a table that a person should know.

    `places` are the file:line of `rules`, or the file. `witness` are inputs, complete, for which the table does what
    `message` says; `region` the inputs that matter, each as the text of a cell. `pairs` are all the pairs of rows that
    a finding stands for, where there are many.
    """

    kind: Kind
    severity: Severity
    table: str
    message: str
    rules: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    witness: dict[str, Scalar] | None = None
    region: dict[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Verification:
    """What is known of a table: findings, errors first; `size` counts the smallest regions of its input space.

    `proven` is False where the search ended before it knew everything.
    """

    table: str
    findings: tuple[Finding, ...]
    size: int
    proven: bool


def given_text(given: Mapping[str, Scalar]) -> str:
    """Inputs as JSON in one line, those that are missing left out."""
    return json.dumps({name: value for name, value in given.items() if value is not None})


def where_text(space: TableSpace, box: Box) -> str:
    """The box in a sentence."""
    region = space.region(box)
    return f"where {region_text(region)}" if region else "any input"


def region_text(region: Mapping[str, str]) -> str:
    """Inputs with the cells of a region, as a sentence has room for them."""
    return ", ".join(f"{name} is {cut(text)}" for name, text in region.items())


def few_words(words: Sequence[str], separator: str = ", ") -> str:
    """Some of the words, and how many more there are."""
    more = [f"and {len(words) - MOST_WORDS} more"] if len(words) > MOST_WORDS else []
    return separator.join([*words[:MOST_WORDS], *more])


def finding_at(
    space: TableSpace, kind: Kind, severity: Severity, message: str, rows: Sequence[int], box: Box | None = None
) -> Finding:
    """A finding about some rows, with what is inside a box."""
    table = space.table
    rules = [table.rules[row] for row in rows]
    return Finding(
        kind,
        severity,
        table.name,
        printable(message).replace("\n", "\\n"),
        tuple(rule.id for rule in rules),
        tuple(f"{table.source}:{rule.line}" for rule in rules) or (table.source,),
        None if box is None else space.witness(box),
        {} if box is None else space.region(box),
    )
