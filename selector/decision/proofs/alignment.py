"""Which rows of two tables say the same and stand in the same order."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from selector.decision.cells import kind_of
from selector.decision.table import Output


def frozen(output: Output) -> Any:
    """An output as a value to compare and to keep in sets: 1 is not true."""
    if isinstance(output, dict):
        return tuple(sorted((name, kind_of(value), value) for name, value in output.items()))
    if isinstance(output, list):
        return ("list", *map(frozen, output))
    return None if output is None else ("value", kind_of(output), output)


def rows_that_stayed(before: Sequence[Any], after: Sequence[Any]) -> dict[int, int]:
    """As many places of equal rows, old to new, as keep their order; of rows that say the same, the first is the first.

    They are the longest ascending run of new places (patience sorting), in n log n steps.
    """
    new_places = {key: place for place, key in enumerate(_counted(after))}
    pairs = [(row, new_places[key]) for row, key in enumerate(_counted(before)) if key in new_places]
    ends: list[int] = []  # the smallest new place in which a run of each length ends
    last: list[int] = []  # the number of the pair that does
    earlier: list[int | None] = []
    for number, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        earlier.append(last[at - 1] if at else None)
        last[at : at + 1] = [number]
    found: list[tuple[int, int]] = []
    chosen = last[-1] if last else None
    while chosen is not None:
        found.append(pairs[chosen])
        chosen = earlier[chosen]
    return dict(reversed(found))


def _counted(rows: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Each row with how many before it say the same."""
    seen = Counter[Any]()
    for row in rows:
        yield row, seen[row]
        seen[row] += 1
