"""A system drawn: as a Mermaid diagram, and as lines for a terminal. Names are data: nothing in them is markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selector.system.models import Joint, PartAnswer
from selector.text import cut, number, one_line, printable, significant

_LONGEST_NAME = 40
_COLUMNS = 78

#: How the kinds of joints are called where they are shown.
KIND_NAMES = {
    "asyncio_queue": "asyncio.Queue",
    "queue": "queue.Queue",
    "run_in_executor": "run_in_executor",
    "run_coroutine_threadsafe": "run_coroutine_threadsafe",
    "process_queue": "multiprocessing.Queue",
    "pipe": "multiprocessing.connection",
    "broker": "broker",
}


def mermaid(parts: Sequence[PartAnswer], joints: Sequence[Joint], bottleneck: str | None) -> str:
    """The system as a Mermaid flowchart: processes as boxes, parts in them, joints as arrows."""
    ids = {part.name: f"p{place}" for place, part in enumerate(parts, start=1)}
    lines = ["flowchart LR"]
    if main := [part for part in parts if not part.own_process]:
        lines += [
            f'    subgraph main["{_label(_process(main[0]))}"]',
            *(_box(p, ids, "        ") for p in main),
            "    end",
        ]
    for part in parts:
        if part.own_process:
            own = f"workers of {part.engine}" if part.engine else "process of its own"
            about = _label(f"{own}{_on(part)}")
            lines += [f'    subgraph own_{ids[part.name]}["{about}"]', _box(part, ids, "        "), "    end"]
    for joint in joints:
        lines.append(f'    {ids[joint.from_part]} -->|"{_label(joint_words(joint))}"| {ids[joint.to]}')
    if bottleneck is not None:
        lines.append(f"    style {ids[bottleneck]} stroke-width:4px")
    return "\n".join(lines)


def joint_words(joint: Joint) -> str:
    """`asyncio.Queue, at most 10 wait`, and how many are handed over for each."""
    each = "" if joint.items_each == 1 else f", {number(significant(joint.items_each, 2))} for each"
    return f"{KIND_NAMES[joint.kind]}{f', at most {joint.bound:,} wait' if joint.bound else ''}{each}"


def part_words(part: PartAnswer) -> str:
    """`asyncio, 5 at a time, up to 12/s`."""
    workers = f" x{part.workers}" if part.workers > 1 else ""
    at_once = f", {part.at_once:,} at a time" if part.at_once != part.workers else ""
    most = f", up to {rate(part.most_per_s)}" if part.most_per_s is not None else ""
    return f"{part.approach}{workers}{at_once}{most}"


def rate(per_s: float) -> str:
    """A predicted rate: `12/s`."""
    return f"{number(significant(per_s, 2))}/s"


def _process(part: PartAnswer) -> str:
    return f"one process{_on(part)}"


def _on(part: PartAnswer) -> str:
    return f", Python {part.runs_on}" if part.runs_on else ""


def _box(part: PartAnswer, ids: dict[str, str], indent: str) -> str:
    name = _label(one_line(part.name, _LONGEST_NAME))
    return f'{indent}{ids[part.name]}["{name}<br>{_label(part_words(part))}"]'


_ENTITIES = {c: f"#{ord(c)};" for c in '#"&<>`|[](){}\\;'}


def _label(text: str) -> str:
    """Text as it stands in a quoted label of Mermaid: what could be markup there is written by its number."""
    return "".join(_ENTITIES.get(c, c) for c in printable(one_line(text)))


def drawing(parts: Sequence[PartAnswer], joints: Sequence[Joint], bottleneck: str | None) -> str:
    """The system as plain lines of at most 78 columns: each part, and below it whom it feeds and how."""
    return "\n".join(cut_line(line) for part in parts for line in _lines(part, joints, bottleneck))


def _lines(part: PartAnswer, joints: Sequence[Joint], bottleneck: str | None) -> Iterator[str]:
    mark = "  <- bottleneck" if part.name == bottleneck else ""
    own = ", own process" if part.own_process else ""
    words = f": {part_words(part)}{own}"
    name = printable(one_line(part.name, max(10, _COLUMNS - len(words) - len(mark) - 2)))
    yield f"[{name}]{words}{mark}"
    out = [joint for joint in joints if joint.from_part == part.name]
    for joint in out:
        words = f" ({joint_words(joint)})"
        yield f"  |--> {printable(one_line(joint.to, max(10, _COLUMNS - 7 - len(words))))}{words}"


def cut_line(line: str) -> str:
    """A line that no terminal of 80 columns breaks."""
    return cut(line, _COLUMNS - 3) if len(line) > _COLUMNS else line
