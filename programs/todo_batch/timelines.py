"""Who worked when: a line of text for each processor, or a picture that needs nothing else (SVG, HTML)."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator

from coordinator import Span
from measures import Run
from text import WIDTH, clipped, plural, printable
from waits import told
from winner import short_title


def timeline(run: Run, width: int = WIDTH, *, whole: bool = False) -> str:
    """A line for each processor: # where it worked, . where it was idle, and how much of the time that was.

    Under it stands who waited for whom, where processors are of several kinds, or if it is to be the `whole`.

    The part of # is the part of the time shown in which it worked (to the nearest character), about where it did.
    """
    until = _until(run)
    names = {number: _name(run, number) for number in _numbers(run)}
    label = max(map(len, names.values()), default=1)
    size = max(10, width - label - len(" || 100 % idle"))
    lines = [clipped(f"{short_title(run)}, {plural(run.processors, 'processor')}: # worked, . idle", width)]
    for number in _numbers(run):
        bar = _bar([span for span in run.report.spans if span.processor == number], until, size)
        lines.append(f"{names[number]:>{label}} |{bar}| {idle_percent(run, number):3.0f} % idle")
    end = f"{until:.3f} s"
    lines.append(f"{'':{label}} 0{end:>{size + 1}}")
    return "\n".join([*lines, *(clipped(note, width) for note in _notes(run)), *told(run, width, whole=whole)])


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


def _notes(run: Run) -> Iterator[str]:
    """What the picture does not show."""
    shares = run.report.shares.values()
    if _is_cut(run):
        yield f"It shows the first {len(run.report.spans):,} of {sum(share.batches for share in shares):,} batches."
    busy, cpu = sum(share.busy_seconds for share in shares), sum(share.cpu_seconds for share in shares)
    if busy > 0 and cpu < 0.8 * busy:
        what = "the service's answers" if run.execution == "agents" else "a CPU or the GIL"
        yield f"Of that work, {100 * cpu / busy:.0f} % was computing; the rest was waiting for {what}."


_LEFT, _RIGHT, _PICTURE, _ROW, _TOP = 96, 80, 720, 22, 56  # of the picture, in pixels


def timeline_svg(run: Run) -> str:
    """The timeline as a picture that needs nothing else: one SVG element, with an axis in seconds and a legend."""
    until, numbers = _until(run), _numbers(run)
    bottom = _TOP + _ROW * len(numbers)
    width, height = _LEFT + _PICTURE + _RIGHT, bottom + 34 + 16 * len([*_notes(run)])
    title = _xml(f"{short_title(run, 60)}, {plural(run.processors, 'processor')}, {run.schedule}: {run.seconds:.3f} s")
    described = _xml(f"Todo batch: {short_title(run, 60)}")
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = 'font-family="sans-serif" font-size="12" fill="#222"'
    square = 'y="32" width="12" height="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {style}>',
        f"<title>{described}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{title}</text>',
        f'<rect x="{_LEFT}" {square} fill="#2166ac"/><text x="{_LEFT + 18}" y="42">worked</text>',
        f'<rect x="{_LEFT + 84}" {square} fill="#e4e4e4"/><text x="{_LEFT + 102}" y="42">idle</text>',
    ]
    for row, number in enumerate(numbers):
        parts += _svg_row(run, number, _TOP + _ROW * row, until)
    for at in _ticks(until):
        x = _LEFT + _PICTURE * at / until
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom + 4}" stroke="#0003"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{at:g} s</text>')
    for line, note in enumerate(_notes(run)):
        parts.append(f'<text x="{_LEFT}" y="{bottom + 38 + 16 * line}">{_xml(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_row(run: Run, number: int, top: int, until: float) -> Iterator[str]:
    """One processor: its name, when it worked, how much it was idle."""
    middle, height = top + _ROW - 7, _ROW - 4
    name = _name(run, number)
    name = f"processor {name}" if name.isdigit() else name
    yield f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{_xml(name)}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{_PICTURE}" height="{height}" fill="#e4e4e4"/>'
    for block in _blocks((span for span in run.report.spans if span.processor == number), until / _PICTURE / 2):
        x, end = (_LEFT + _PICTURE * min(1.0, max(0.0, at / until)) for at in (block.began, block.ended))
        said = f"{block.began:.4f} to {block.ended:.4f} s, {plural(block.tasks, 'task')}"
        yield (
            f'<rect x="{x:.2f}" y="{top}" width="{max(0.1, end - x):.2f}" height="{height}" fill="#2166ac">'
            f"<title>{said}</title></rect>"
        )
    yield f'<text x="{_LEFT + _PICTURE + 8}" y="{middle}">{idle_percent(run, number):.0f} % idle</text>'


def _blocks(spans: Iterable[Span], gap: float) -> Iterator[Span]:
    """Spans of one processor; those without a gap that could be seen are one: a picture has few pixels."""
    block: Span | None = None
    for span in sorted(spans, key=lambda span: span.began):
        if block is not None and span.began - block.ended <= gap:
            block = block._replace(ended=max(block.ended, span.ended), tasks=block.tasks + span.tasks)
        else:
            if block is not None:
                yield block
            block = span
    if block is not None:
        yield block


def _ticks(until: float) -> Iterator[float]:
    """From 0 on in round steps, up to 10 of them."""
    power = 10.0 ** math.floor(math.log10(until))
    step = next(part * power for part in (0.1, 0.2, 0.5, 1.0) if until / (part * power) <= 10)
    for count in range(int(until / step + 1e-9) + 1):
        yield float(f"{count * step:.6g}")


def timeline_html(run: Run) -> str:
    """The timeline as a page that needs nothing else, with its figures in a table for those who cannot see it."""
    rows = "".join(
        f"<tr><td>{_xml(_name(run, number))}</td><td>{share.tasks:,}</td><td>{share.batches:,}</td><td>{share.busy_seconds:.3f}</td>"
        f"<td>{share.cpu_seconds:.3f}</td><td>{idle_percent(run, number):.0f}</td><td>{share.lost}</td></tr>\n"
        for number, share in sorted(run.report.shares.items())
    )
    heads = ("Processor", "Tasks", "Batches", "Busy (s)", "Computing (s)", "Idle (%)", "Times lost")
    head = "".join(f"<th>{name}</th>" for name in heads)
    waits = "\n".join(told(run, 120, whole=True))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width"/><title>Todo batch, timeline: {_xml(short_title(run, 60))}</title>
<style>body {{ font: 14px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }}
svg {{ max-width: 100%; height: auto }} td, th {{ text-align: right; padding: 2px 12px }}</style></head><body>
{timeline_svg(run)}<table><thead><tr>{head}</tr></thead><tbody>
{rows}</tbody></table>{f"<pre>{html.escape(waits)}</pre>" if waits else ""}</body></html>
"""


def _xml(text: str) -> str:
    return html.escape(printable(text))
