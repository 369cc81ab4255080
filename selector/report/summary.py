"""The answer in ten lines, and the short answer of the prompts; `recommendation_document` tells it whole."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from selector.recommend.expected import Expected
from selector.recommend.recommendation import Recommendation
from selector.report.blocks import Block, Document, Fields, Paragraph, Section, bullets
from selector.report.capacity import (
    capacity_fields,
    capacity_text,
    capacity_texts,
    cluster_fields,
    server_texts,
    several_machines,
    throughput_text,
)
from selector.report.turns import enough_in_short, enough_text, today_text, today_word, turns_sections, turns_texts
from selector.report.wording import (
    approach_text,
    assumed_text,
    basis_text,
    effort_text,
    engine_title,
    first_eligible,
    fits_text,
    gain_text,
    gains_nothing,
    guide_command,
    latency_basis_text,
    memory_basis_text,
    memory_text,
    mostly_text,
    price_text,
    python_text,
    requirements_text,
    speedup_text,
    time_text,
    workers_text,
)
from selector.text import printable

_LINES, _LINES_OF_ANSWER, _COLUMNS = 10, 8, 80
_INDENT = len("Approach: ")  # the longest label
_ASKED_FOR = ("Capacity", "Note")  # rows that are there for those only who gave a rate, each a line more
_MERE_ADVICE = ("sizing", "replicas", "advice")  # tables whose reasons do not tell why it is this approach


class Command(NamedTuple):
    """A command to type, and what to say where it is too long for a line: who copies it would copy the break."""

    line: str
    otherwise: str


class _Row(NamedTuple):
    """A labelled line: what it says, longest version first. An `extra` one stands only where there is room."""

    label: str
    versions: tuple[str, ...]
    extra: bool = False


def summary_document(result: Recommendation, validate: Command, *, measured: bool = False) -> Document:
    """The summary alone, without a heading: at most ten lines of 80 columns."""
    return Document((summary_section(result, validate, measured=measured, title=""),))


def summary_section(
    result: Recommendation, validate: Command, *, measured: bool = False, title: str = "Summary"
) -> Section:
    """What somebody decides by: approach, Python, workers, what to expect, whether it fits, effort, what else, what next.

    `validate` is the command that puts it to the test, which is not offered again where it was `measured`.
    """
    rows = [
        _Row("Approach", _approach(result)),
        _Row("Python", (python_text(result, where=False),)),
        _Row("Expected", _expected(result)),
        _Row("", _basis(result), extra=not basis_text(result.expected)),
        _Row("Fits", (fits_text(result), fits_text(result, short=True))),
        _Row("", (latency_basis_text(result),), extra=True),
        *_what_it_takes(result),
        _Row("Effort", (effort_text(result),)),
        _Row("Instead", _instead(result, alone=not title)),
        *_next(result, validate, measured=measured),
    ]
    told = _telling(rows)
    more = sum(row.label in _ASKED_FOR for row in told)
    answer = _fitted(told, _LINES_OF_ANSWER + more)
    left = _LINES + more - sum(_lines(text, _COLUMNS - _INDENT) for _, text in answer)
    turns = _fitted(_telling(_rows_of_turns(result)), left)
    end = next(place for place, (label, _) in enumerate(answer) if label == "Next")
    return Section(title, (Fields((*answer[:end], *turns, *answer[end:])),))


def _approach(result: Recommendation) -> tuple[str, ...]:
    """The approach with its workers, and without the id, which an engine tells better."""
    each = " each" if result.processes > 1 else ""
    workers = f", {result.workers:,} workers{each}" if result.workers > 1 else ""
    if result.engine is None:
        return (f"{approach_text(result)}{workers}",)
    machines = result.cluster.machines if result.cluster is not None else None
    on = f" on {machines:,} machines" if machines is not None and machines > 1 else ""
    workers = f", {result.workers:,} worker{'' if result.workers == 1 else 's'}{' each' if on else ''}"
    return f"{approach_text(result)}{on}{workers}", f"{result.title} with {engine_title(result)}{on}{workers}"


def _telling(rows: list[_Row]) -> list[_Row]:
    """The rows that say something."""
    return [row for row in rows if row.versions and row.versions[0]]


def _what_it_takes(result: Recommendation) -> list[_Row]:
    """What the rate that is asked for takes, how to run it, and what of the workload does not count."""
    notes = " ".join(result.notes)
    short = "; ".join(note.partition(":")[0] for note in result.notes)
    server = "On each" if several_machines(result) else "Server"  # of the machines that stand above it
    rows = [_Row("Capacity", capacity_texts(result)), _Row(server, server_texts(result))]
    return [*rows, _Row("Note", (notes, short))]


def _expected(result: Recommendation) -> tuple[str, ...]:
    expected = result.expected
    speedup, mostly = speedup_text(expected, result.profile), mostly_text(expected)
    if expected.seconds is not None:
        time = time_text(expected)
        told = f"{time}, no speedup over sequential code" if gains_nothing(expected) else f"{speedup}: {time}"
        return (f"{told}, {mostly}", told) if mostly else (told,)
    if expected.throughput is not None:
        texts = tuple(throughput_text(result, words) for words in (2, 1, 0))
        if result.fits.throughput is None:
            return tuple(f"{speedup}: {text}" for text in texts)
        return texts if not result.fits.throughput else _set_against_arrivals(expected, speedup, texts)
    return (speedup,)


def _set_against_arrivals(expected: Expected, speedup: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    """The speedup before the throughput, then without its range, then without it."""
    gain = f"{gain_text(expected)} vs sequential" if not gains_nothing(expected) else gain_text(expected)
    return f"{speedup}: {texts[0]}", f"{gain}: {texts[1]}", texts[1], texts[2]


def _basis(result: Recommendation) -> tuple[str, ...]:
    """What the figures rest on and what was assumed; then without the details, and without the Python that stands above."""
    basis, assumed = basis_text(result.expected), assumed_text(result.expected)
    surest, _, others = basis.partition(";")
    if "documented" in others or "taken for" in others:  # the rest is less sure
        surest = surest.replace("costs measured", "costs partly measured")
    brief = "; ".join(filter(None, (surest, assumed.partition(";")[0].partition(", as ")[0])))
    return "; ".join(filter(None, (basis, assumed))), brief, brief.replace(f" under {result.interpreter}", "")


def _instead(result: Recommendation, *, alone: bool) -> tuple[str, ...]:
    """The first alternative with its speedup, and its price where there is room; `alone` it tells where to find that."""
    other = first_eligible(result)
    if other is None:
        told = price = "nothing better is eligible"
    else:
        price = price_text(other)
        told = price.partition(": ")[0]
    return f"{told}; the rest: --full" if alone else price, told


def _rows_of_turns(result: Recommendation) -> list[_Row]:
    """The verdict on what is there today, what would do, and the most tempting mistakes, as many as there is room for.

    At least one mistake is told, unless it is that of today.
    """
    today, turns = today_text(result), turns_texts(result)
    told = result.current is not None and result.current.verdict in ("slower", "breaks")
    rows = [_Row(("Not", "")[n > 0], (text,), extra=told or n > 0) for n, text in enumerate(turns)]
    beyond = _Row("Beyond", (result.outgrown.text if result.outgrown else "",), extra=True)
    return [_Row("Today", (today, today_word(result))), _Row("Enough", (enough_in_short(result),)), *rows, beyond]


def _next(result: Recommendation, validate: Command, *, measured: bool) -> list[_Row]:
    """What to type next: to measure it here, which cannot be done for a cluster, or to go there."""
    guide = guide_command(result)
    to_measure = [] if measured or result.engine else [_Row("Next", validate)]
    if guide is None:
        return to_measure or [_Row("Next", ("nothing: the code is there already",))]
    return [*to_measure, _Row("" if to_measure else "Next", (guide,), extra=bool(to_measure))]


def _lines(text: str, room: int) -> int:
    """How many lines a text takes."""
    return len(textwrap.wrap(printable(text), room, break_on_hyphens=False)) or 1


def _fitted(rows: list[_Row], most: int) -> tuple[tuple[str, str], ...]:
    """The rows in so many words that they fit into so many lines: without what is extra, then in fewer words where most
    lines are (of two alike, the later), then cut.
    """
    room = _COLUMNS - _INDENT
    told = [row._replace(versions=row.versions[1:]) if _is_long_command(row, room) else row for row in rows]

    def lines(row: _Row) -> int:
        """How many lines a row takes."""
        return _lines(row.versions[0], room)

    while sum(map(lines, told)) > most:
        if extra := [row for row in told if row.extra]:
            told.remove(extra[-1])
            continue
        long = [row for row in told if lines(row) > 1]
        if not long:
            break  # as many rows as lines
        row = max([r for r in long if r.versions[1:]] or long, key=lambda r: (lines(r), told.index(r)))
        shorter = row.versions[1:] or (f"{row.versions[0][: room - 3].rstrip()}...",)
        told[told.index(row)] = row._replace(versions=shorter)
    return tuple((row.label, row.versions[0]) for row in told)


def _is_long_command(row: _Row, room: int) -> bool:
    return isinstance(row.versions, Command) and len(printable(row.versions.line)) > room


# The short answer of the prompts --------------------------------------------------------------------------------------


def brief_document(result: Recommendation) -> Document:
    """The answer and its alternatives, a few lines each: what the prompts show."""
    sections = [Section("Recommendation", tuple(_brief_answer(result)))]
    if result.alternatives:
        sections.append(Section("Alternatives", (bullets(*map(price_text, result.alternatives), numbered=True),)))
    return Document((*sections, *turns_sections(result)))


def _brief_answer(result: Recommendation) -> list[Block]:
    fields = answer_fields(result, python_text(result, where=False), (why_text(result),), whole=False)
    guide = guide_command(result)
    return [fields, Paragraph(f"Guide: {guide}")] if guide is not None else [fields]


def why_text(result: Recommendation) -> str:
    """Why it is this approach."""
    return " ".join(r.text for r in result.reasons if r.rule.partition("/")[0] not in _MERE_ADVICE)


def answer_fields(result: Recommendation, python: str, reasons: Iterable[str], *, whole: bool) -> Fields:
    """The answer with a label for each part of it; `whole` has what a figure rests on in a line of its own."""
    expected, profile = result.expected, result.profile
    time = time_text(expected) if expected.seconds is not None else ""

    def figure(label: str, text: str, basis: str) -> list[tuple[str, str]]:
        """A figure and what it rests on."""
        return [(label, text), ("", basis)] if whole else [(label, _joined("; ", text, basis))]

    pairs = [
        ("Workload", profile.name or ""),
        ("Approach", approach_text(result)),
        ("Workers", workers_text(result) if result.workers > 1 else ""),
        ("Python", python),
        *((("Reasoning", "")[n > 0], reason) for n, reason in enumerate(reasons)),
        *figure("Expected speedup", speedup_text(expected, profile), basis_text(expected)),
        ("Expected time", _joined(", ", time, mostly_text(expected)) if whole and time else time),
        ("Throughput", throughput_text(result) if expected.throughput is not None else ""),
        ("Assumed", "; ".join(expected.assumed)),
        *figure("Memory overhead", memory_text(expected, profile), memory_basis_text(expected)),
        *figure("Requirements", requirements_text(result), latency_basis_text(result)),
        *(capacity_fields(result) if whole else [("Capacity", capacity_text(result))]),
        *(cluster_fields(result) if whole else []),
        *(("Note", note) for note in result.notes),
        ("Today", today_text(result)),
        ("Good enough", enough_text(result)),
        ("Migration effort", effort_text(result)),
    ]
    return Fields(tuple(pair for pair in pairs if pair[1]))


def _joined(sign: str, *parts: str) -> str:
    return sign.join(filter(None, parts))
