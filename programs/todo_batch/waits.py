"""Where the time of processors went, kind by kind: who waited for whom, what handing over took, what the run could not do without.

All of it is reckoned from the spans of a run: when each batch was there to be done, who did it when, and what it came
after. Time that a lost processor spent on a batch in vain is in no span: it counts as handing over.
"""

from __future__ import annotations

import textwrap
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from coordinator import Share, Span
from measures import Run
from text import WIDTH, clipped, plural
from winner import takes_turns

STARTING = "starting"  # until a processor began its first batch, which was there
HANDING_OVER = "handing over"  # from the end of a batch until others know of it, and from there until one is begun
ENDED = "nothing left"  # after its last batch
TURNS = "waited for its turn"  # until the others had theirs, where only one works at a time
WAITED, HELD_BACK = "waited for ", "held back by "  # a kind: the one before it, or the one for which too much waited
READING = "reading"  # what is waited for where there is no kind before it
_ONE_AT_A_TIME = ("sequential", "asyncio")  # of whom only one works at any moment
_SHOWN_GAPS = 3
_LEAST = 0.01  # of the run: what is shorter is not told
_COMPUTING = 0.8  # of the work, if there were CPUs enough for it
_CLEAR = 1.1  # a bottleneck has so many times the work of the next kind, for each of its processors


@dataclass
class KindTimes:
    """What became of the time of all processors of a kind, in seconds: what they worked and what they did not add up to it.

    `idle` has the rest by what it was for, as the names of this module and those that begin as WAITED and HELD_BACK say.
    """

    kind: str
    processors: int = 0
    tasks: int = 0
    worked: float = 0.0
    computed: float = 0.0  # of that, what a CPU did
    idle: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def least_seconds(self) -> float:
        """What its processors cannot be faster than, however little they wait."""
        return self.worked / max(1, self.processors)

    @property
    def waited(self) -> dict[str, float]:
        """For whom or what, without handing over, starting and what comes after the last batch."""
        return {name: seconds for name, seconds in self.idle.items() if name not in (STARTING, HANDING_OVER, ENDED)}


class Gap(NamedTuple):
    """When a processor did nothing, in seconds since the run began, and what most of that was."""

    processor: int
    kind: str
    began: float
    ended: float
    why: str


class Waits(NamedTuple):
    """Where the time of a run went. `path`: the seconds of the chain that the end waited for, by kind and other name."""

    kinds: list[KindTimes]
    bottleneck: str  # a kind; empty: none stands out
    path: dict[str, float]
    gaps: list[Gap]  # the longest first
    spans: int  # that it was reckoned from


def waits_of(run: Run) -> Waits:
    """Reckon it; a run of one kind has one, without a name. It is about the batches that the report has spans of."""
    spans, shares = run.report.spans, run.report.shares
    ends = [span.ended for span in spans]
    is_cut = 0 < len(spans) < sum(share.batches for share in shares.values())
    until = max(ends if is_cut else [run.report.seconds, *ends])
    kinds: dict[str, KindTimes] = {}
    gaps: list[Gap] = []
    turns = _Worked(spans) if run.execution in _ONE_AT_A_TIME else None
    of: dict[int, list[Span]] = {processor: [] for processor in sorted({*shares, *(span.processor for span in spans)})}
    for span in sorted(spans, key=lambda span: span.began):
        of[span.processor].append(span)
    for processor, own in of.items():
        share = shares.get(processor, Share())
        times = kinds.setdefault(share.kind, KindTimes(share.kind))
        times.processors += 1
        times.tasks += share.tasks
        times.computed += share.cpu_seconds
        for begin, end, parts in _idle(own, run, turns, until):
            for name, seconds in parts.items():
                times.idle[name] += seconds
            gaps.append(Gap(processor, share.kind, begin, end, max(parts, key=parts.__getitem__, default=ENDED)))
        times.worked += sum(span.ended - span.began for span in own)
    gaps.sort(key=lambda gap: gap.began - gap.ended)
    return Waits([*kinds.values()], _bottleneck(kinds.values()), _path(run, until), gaps, len(spans))


def _idle(
    own: Sequence[Span], run: Run, turns: _Worked | None, until: float
) -> Iterator[tuple[float, float, dict[str, float]]]:
    """When a processor with these spans did nothing: begin, end, and what that was for."""
    last = 0.0
    for span in own:
        if span.began > last:
            yield last, span.began, _parts(span, last, run, turns, first=span is own[0])
        last = max(last, span.ended)
    yield last, until, {ENDED: until - last}


def _parts(span: Span, last: float, run: Run, turns: _Worked | None, *, first: bool) -> dict[str, float]:
    """What the time before a span was for, in seconds by name: `last` is when its processor had ended what it did before."""
    ready = min(max(span.ready, last), span.began)
    came = ready
    before = _what_came_before(span, run.report.spans)
    if before is not None:  # the kind before had ended it at `came`, and others knew of it when it was `ready`
        came = min(max(before.ended, last), ready)
        name = f"{WAITED}{_kind(run, before) or 'another try'}"
    else:
        name = f"{HELD_BACK}{span.held}" if span.held else f"{WAITED}{READING}"
    others = turns.between(ready, span.began) if turns else 0.0
    found = {name: came - last, TURNS: others, HANDING_OVER: ready - came, STARTING: 0.0}
    found[STARTING if first else HANDING_OVER] += span.began - ready - others
    return {name: seconds for name, seconds in found.items() if seconds > 0}


def _what_came_before(span: Span, spans: Sequence[Span]) -> Span | None:
    """What made it ready, if that is known: a span may come from a file that anybody has written."""
    return spans[span.after] if span.after is not None and 0 <= span.after < len(spans) else None


def _kind(run: Run, span: Span) -> str:
    return run.report.shares.get(span.processor, Share()).kind


class _Worked:
    """How long somebody worked, between two moments; only one does at a time."""

    def __init__(self, spans: Sequence[Span]) -> None:
        ordered = sorted(spans, key=lambda span: span.began)
        self._begun = [span.began for span in ordered]
        self._ended = [span.ended for span in ordered]
        self._sums = [0.0, *accumulate(span.ended - span.began for span in ordered)]

    def _until(self, at: float) -> float:
        place = bisect_right(self._begun, at)
        return self._sums[place] - (max(0.0, self._ended[place - 1] - at) if place else 0.0)

    def between(self, begin: float, end: float) -> float:
        """In seconds; no more than there are."""
        return min(end - begin, max(0.0, self._until(end) - self._until(begin)))


def _bottleneck(kinds: Iterable[KindTimes]) -> str:
    """The kind whose processors have most to do each, if it is clear."""
    ordered = sorted(kinds, key=lambda times: -times.least_seconds)
    clear = len(ordered) > 1 and ordered[0].least_seconds >= _CLEAR * ordered[1].least_seconds
    return ordered[0].kind if clear else ""


# The critical path ----------------------------------------------------------------------------------------------------


def _path(run: Run, until: float) -> dict[str, float]:
    """From the end back to the begin: each batch waited for the one before it that ended last, of those it needed.

    It needs what its processor did before, and what made it ready; one that was read needs what had ended when it was.
    """
    spans, found = run.report.spans, defaultdict[str, float](float)
    if not spans:
        return {}
    by_end = sorted(range(len(spans)), key=lambda place: spans[place].ended)
    ends = [spans[place].ended for place in by_end]
    before = _before(spans)
    place = by_end[-1]
    found["ending"] = until - spans[place].ended
    for _ in spans:
        span = spans[place]
        found[_kind(run, span) or "working"] += span.ended - span.began
        came = _what_came_before(span, spans)
        needed = {before.get(place), None if came is None else span.after} - {None, place}
        if (came is None and span.ready > 0) or run.execution in _ONE_AT_A_TIME:
            at = span.began if run.execution in _ONE_AT_A_TIME else span.ready
            index = bisect_right(ends, at) - 1
            needed |= {by_end[index]} - {place} if index >= 0 else set()
        previous = max((it for it in needed if it is not None), key=lambda it: spans[it].ended, default=None)
        if previous is None or spans[previous].ended > span.began:
            break
        found["handing over"] += span.began - spans[previous].ended
        place = previous
    found["starting"] = spans[place].began
    return dict(found)


def _before(spans: Sequence[Span]) -> dict[int, int]:
    """For the place of each span, that of the one before it on its processor."""
    last: dict[int, int] = {}
    found = {}
    for place in sorted(range(len(spans)), key=lambda place: spans[place].began):
        processor = spans[place].processor
        if processor in last:
            found[place] = last[processor]
        last[processor] = place
    return found


# In words -------------------------------------------------------------------------------------------------------------


def told(run: Run, width: int = WIDTH, *, whole: bool = False) -> list[str]:
    """A table of the kinds, the bottleneck, who waited for whom, the critical path, the longest gaps: no line is longer.

    Where all are of one kind, there is nothing to tell, unless it is to be the `whole`.
    """
    if not run.report.spans or not (whole or any(share.kind for share in run.report.shares.values())):
        return []
    waits = waits_of(run)
    lines = [*_bottleneck_told(run, waits), *_waits_told(waits, _LEAST * run.report.seconds), path_told(waits)]
    long = [gap for gap in waits.gaps if gap.ended - gap.began >= _LEAST * run.report.seconds]
    lines += [
        f"Idle: processor {gap.processor}{f' ({gap.kind})' if gap.kind else ''} from {gap.began:.3f} to {gap.ended:.3f} s: {gap.why}"
        for gap in long[:_SHOWN_GAPS]
    ]
    table = (clipped(line, width) for line in _table(waits.kinds))
    return [
        *table,
        *(clipped(part, width) for line in lines for part in textwrap.wrap(line, width, subsequent_indent="  ")),
    ]


def _table(kinds: Sequence[KindTimes]) -> Iterator[str]:
    names = {times.kind: clipped(times.kind, 14) or "all" for times in kinds}
    name = max(map(len, ["Kind", *names.values()]))
    yield f"{'Kind':{name}}  Procs      Tasks  Worked  Handover  Waited  Starting  Ended"
    for times in kinds:
        idle, waited = times.idle, sum(times.waited.values())
        parts = (times.worked, idle[HANDING_OVER], waited, idle[STARTING], idle[ENDED])
        shares = (f"{100 * part / (sum(parts) or 1):.0f} %" for part in parts)
        worked, handing, waiting, starting, nothing = shares
        yield (
            f"{names[times.kind]:{name}}  {times.processors:5,}  {times.tasks:9,}  {worked:>6}  {handing:>8}"
            f"  {waiting:>6}  {starting:>8}  {nothing:>5}"
        )


def _bottleneck_told(run: Run, waits: Waits) -> Iterator[str]:
    """Which kind it is, and what one processor more of it could save at most."""
    ordered = sorted(waits.kinds, key=lambda times: -times.least_seconds)
    if len(ordered) < 2:
        return
    most = ordered[0]
    if takes_turns(run):
        most = max(waits.kinds, key=lambda times: times.computed)
    each = "for its processor" if most.processors == 1 else f"for each of its {most.processors:,} processors"
    if takes_turns(run):
        yield (
            f"They compute in turn, as on one CPU: {most.kind} computed most ({most.computed:.3f} s), and more processors"
            " of it save nothing"
        )
    elif not waits.bottleneck:
        names = ", ".join(times.kind for times in ordered if times.least_seconds * _CLEAR >= most.least_seconds)
        yield f"Bottleneck: none stands out ({names} have about as much to do)"
    else:
        more = max([ordered[1].least_seconds, most.worked / (most.processors + 1)])
        part = most.computed / (most.worked or 1)
        free = f"if {'the service' if run.execution == 'agents' else 'a CPU'} is free for it"
        if part < _COMPUTING and run.execution != "agents":
            free = f"but of CPUs there were too few: {100 * part:.0f} % of that work was computing"
        yield (
            f"Bottleneck: {most.kind}, {most.least_seconds:.3f} s of work {each}: one more saves up to "
            f"{most.least_seconds - more:.3f} s, {free}"
        )


def _waits_told(waits: Waits, least: float) -> Iterator[str]:
    """Who waited for whom, in seconds of all processors of the kind."""
    for times in waits.kinds:
        said = [f"{name} {seconds:.3f} s" for name, seconds in times.waited.items() if seconds >= least]
        if said:
            yield f"{times.kind or 'all'} {', '.join(said)} ({plural(times.processors, 'processor')})"


def path_told(waits: Waits) -> str:
    """The critical path, by name."""
    steps = sorted(waits.path.items(), key=lambda step: -step[1])
    return f"Critical path: {', '.join(f'{name} {seconds:.3f} s' for name, seconds in steps if seconds >= 0.0005)}"


def as_json(run: Run) -> dict[str, object]:
    """The same as plain data, for results.json."""
    waits = waits_of(run)
    return {
        "bottleneck": waits.bottleneck or None,
        "kinds": [
            {
                "kind": times.kind,
                "processors": times.processors,
                "tasks": times.tasks,
                "worked_seconds": times.worked,
                "computed_seconds": times.computed,
                "idle_seconds": dict(times.idle),
            }
            for times in waits.kinds
        ],
        "critical_path_seconds": waits.path,
        "idle_gaps": [gap._asdict() for gap in waits.gaps[:10]],
        "spans": waits.spans,
    }
