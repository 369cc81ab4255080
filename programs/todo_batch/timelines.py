"""Who worked when: a line of text for each processor, or a picture for a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

from blocks import Lane, Lanes
from coordinator import Share, Span
from measures import Run
from text import WIDTH, clipped, figure, plural
from waits import told
from winner import short_title


def timeline(run: Run, width: int = WIDTH, *, whole: bool = False) -> str:
    """A line for each processor: # where it worked, . where it was idle, and how much of the time that was.

    Under it stands who waited for whom, where processors are of several kinds, or if it is to be the `whole`.

    The part of # is the part of the time shown in which it worked (to the nearest character), about where it did.
    """
    told_of_it = (*(clipped(note, width) for note in notes(run)), *told(run, width, whole=whole))
    return "\n".join([drawn(run, width), *told_of_it])


def drawn(run: Run, width: int = WIDTH) -> str:
    """The lines alone, with an axis."""
    until = _until(run)
    names = {number: _name(run, number) for number in _numbers(run)}
    label = max(map(len, names.values()), default=1)
    size = max(10, width - label - len(" || 100 % idle"))
    lines = [clipped(f"{short_title(run)}, {plural(run.processors, 'processor')}: # worked, . idle", width)]
    for number in _numbers(run):
        bar = _bar(_spans(run, number), until, size)
        lines.append(f"{names[number]:>{label}} |{bar}| {idle_percent(run, number):3.0f} % idle")
    end = f"{until:.3f} s"
    lines.append(f"{'':{label}} 0{end:>{size + 1}}")
    return "\n".join(lines)


def _spans(run: Run, number: int) -> list[Span]:
    """Of one processor, in their order."""
    return sorted((span for span in run.report.spans if span.processor == number), key=lambda span: span.began)


def _bar(spans: Iterable[Span], until: float, size: int) -> str:
    worked = [0.0] * size  # the part of each character's time
    for span in spans:
        began, ended = (min(size, max(0.0, size * at / until)) for at in (span.began, span.ended))
        for place in range(int(began), min(size, math.ceil(ended))):
            worked[place] += max(0.0, min(ended, place + 1) - max(began, place))
    text, due = "", 0.0
    for part in worked:  # what one character shows too much or too little, the next ones make good
        due += part
        text += "#" if due >= 0.5 else "."
        due -= text[-1] == "#"
    return text


def _numbers(run: Run) -> list[int]:
    return sorted(run.report.shares.keys() | {span.processor for span in run.report.spans})


def _name(run: Run, number: int) -> str:
    """What a processor is called: its number, and what it does where they are of several kinds."""
    share = run.report.shares.get(number)
    return f"{clipped(share.kind, 12)} {number}" if share is not None and share.kind else str(number)


def _until(run: Run) -> float:
    """The end of the axis: the whole run, or as much of it as the report has spans of."""
    ends = [span.ended for span in run.report.spans]
    return max([1e-6, *ends] if _is_cut(run) else [1e-6, run.seconds, *ends])


def _is_cut(run: Run) -> bool:
    return 0 < len(run.report.spans) < sum(share.batches for share in run.report.shares.values())


def idle_percent(run: Run, number: int) -> float:
    """Of the time of the whole run, what a processor did not work."""
    idle = run.idle_seconds.get(number, 0.0)
    return 100 * min(1.0, idle / run.seconds) if run.seconds > 0 else 0.0


def notes(run: Run) -> Iterator[str]:
    """What the picture does not show."""
    shares = run.report.shares.values()
    if _is_cut(run):
        yield f"It shows the first {len(run.report.spans):,} of {sum(share.batches for share in shares):,} batches."
    busy, cpu = sum(share.busy_seconds for share in shares), sum(share.cpu_seconds for share in shares)
    if busy > 0 and cpu < 0.8 * busy:
        what = "the service's answers" if run.execution == "agents" else "a CPU or the GIL"
        yield f"Of that work, {100 * cpu / busy:.0f} % was computing; the rest was waiting for {what}."


_MOST_LANES, _SEEN = 24, 300  # lanes that are shown; gaps of a shorter part of the time are not


def lanes_of(run: Run) -> Lanes:
    """The same as a picture, with the longest gap of each processor; of very many processors some."""
    until, numbers = _until(run), _numbers(run)
    count = min(len(numbers), _MOST_LANES)
    shown = [numbers[place * len(numbers) // count] for place in range(count)]
    lost = any(share.lost for share in run.report.shares.values())
    lanes = []
    for number in shown:
        share, spans = run.report.shares.get(number, Share()), _spans(run, number)
        blocks = _blocks(spans, until / _SEEN * max(1.0, count / 8))
        figures = (
            f"{share.tasks:,}",
            f"{100 - idle_percent(run, number):.0f} %",
            figure(share.cpu_seconds, 3),
            figure(_longest_gap(spans, until), 3),
            *((f"{share.lost}",) if lost else ()),
        )
        name = _name(run, number)
        name = f"processor {name}" if name.isdigit() else name
        lanes.append(Lane(name, tuple((block.began, block.ended) for block in blocks), figures))
    heads = ("tasks", "busy", "computing (s)", "longest gap (s)", *(("times lost",) if lost else ()))
    more = f", {count} of them" if count < len(numbers) else ""
    title = f"{short_title(run, 60)}, {plural(run.processors, 'processor')}{more}: {run.seconds:.3f} s"
    return Lanes(title, "s; filled: it worked", until, tuple(lanes), heads, "r" * len(heads))


def _longest_gap(spans: list[Span], until: float) -> float:
    """The longest time without a batch, from the begin to the end."""
    times = [(0.0, 0.0), *((span.began, span.ended) for span in spans), (until, until)]
    return max(0.0, *(after[0] - before[1] for before, after in pairwise(times)))


def _blocks(spans: Iterable[Span], gap: float) -> Iterator[Span]:
    """Spans of one processor; those with a shorter gap between them are one: a picture has few pixels."""
    block: Span | None = None
    for span in spans:
        if block is not None and span.began - block.ended <= gap:
            block = block._replace(ended=max(block.ended, span.ended), tasks=block.tasks + span.tasks)
        else:
            if block is not None:
                yield block
            block = span
    if block is not None:
        yield block
