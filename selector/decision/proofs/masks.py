"""Sets of rows by class: which rows some classes of an axis let through, asked many thousand times.

Rows and classes are bits of integers. What a run of neighbouring classes has together is read off a tree over the
classes, so that an axis with 10,000 bounds takes 20 steps and not 10,000.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import and_, or_

_FEW = 16  # so many classes are looked at one by one
_RUN = re.compile("1+")


def bits(found: int) -> Iterator[int]:
    """The numbers of the bits that are set, ascending."""
    while found:
        lowest = found & -found
        yield lowest.bit_length() - 1
        found ^= lowest


class Masks:
    """For each axis, for each of its classes: the rows that it lets through."""

    def __init__(self, columns: Sequence[Sequence[int]]) -> None:
        self._columns = tuple(map(tuple, columns))
        self._any: dict[int, list[int]] = {}
        self._all: dict[int, list[int]] = {}

    def __getitem__(self, axis: int) -> tuple[int, ...]:
        return self._columns[axis]

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return iter(self._columns)

    def any_of(self, axis: int, classes: int) -> int:
        """The rows that one of these classes lets through."""
        return self._together(axis, classes, or_, 0, self._any)

    def all_of(self, axis: int, classes: int) -> int:
        """The rows that each of these classes lets through: every row (-1) where there is no class."""
        return self._together(axis, classes, and_, -1, self._all)

    def _together(
        self, axis: int, classes: int, joined: Callable[[int, int], int], rows: int, trees: dict[int, list[int]]
    ) -> int:
        column = self._columns[axis]
        if len(column) <= _FEW or classes.bit_count() <= _FEW:
            return reduce(joined, (column[k] for k in bits(classes)), rows)
        if axis not in trees:
            trees[axis] = _tree(column, joined)
        for run in _RUN.finditer(bin(classes)[:1:-1]):
            rows = _of_run(trees[axis], run.start(), run.end(), joined, rows)
        return rows


def _tree(leaves: Sequence[int], joined: Callable[[int, int], int]) -> list[int]:
    """Node i joins the nodes 2i and 2i + 1; the leaves are the second half."""
    nodes = [0] * len(leaves) + list(leaves)
    for i in range(len(leaves) - 1, 0, -1):
        nodes[i] = joined(nodes[2 * i], nodes[2 * i + 1])
    return nodes


def _of_run(nodes: Sequence[int], low: int, high: int, joined: Callable[[int, int], int], rows: int) -> int:
    """The leaves from `low` up to, and without, `high`, joined to `rows`."""
    low += len(nodes) // 2
    high += len(nodes) // 2
    while low < high:
        if low & 1:
            rows = joined(rows, nodes[low])
            low += 1
        if high & 1:
            high -= 1
            rows = joined(rows, nodes[high])
        low //= 2
        high //= 2
    return rows
