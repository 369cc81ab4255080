"""How an execution scales: what processors more gave, the laws that fit it, and a chart.

The laws take points (processors, speedup), where the speedup is against one processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from text import WIDTH, figure, plural
from winner import Titled, short_title, takes_turns, why

Points = Iterable[tuple[int, float]]


# The laws -------------------------------------------------------------------------------------------------------------


def usable(points: Points) -> list[tuple[int, float]]:
    """The points a law can be fitted to, by processors: what failed (not finite, or not above 0) is left out."""
    return sorted((n, speedup) for n, speedup in points if n >= 1 and math.isfinite(speedup) and speedup > 0)


def amdahl(points: Points) -> float:
    """The serial part s, 0 to 1, of speedup = 1 / (s + (1 - s) / n); 0 if nothing was measured beyond one processor.

    The squares are those of the times (1 / speedup), because that is what was measured; so it is one division.
    """
    pairs = [(1 - 1 / n, 1 / speedup - 1 / n) for n, speedup in usable(points)]
    return min(1.0, _slope(pairs))


def usl(points: Points) -> tuple[float, float]:
    """Contention a and coherence b, both at least 0, of speedup = n / (1 + a (n - 1) + b n (n - 1)).

    That is the universal scalability law: a is waiting for what is shared, b is keeping each other up to date. Where
    the best fit would have one of them below 0, it is 0, and the other is fitted alone.
    """
    rows = [(n - 1.0, n * (n - 1.0), n / speedup - 1) for n, speedup in usable(points)]
    xx, yy = sum(x * x for x, _, _ in rows), sum(y * y for _, y, _ in rows)
    xy = sum(x * y for x, y, _ in rows)
    xz, yz = sum(x * z for x, _, z in rows), sum(y * z for _, y, z in rows)
    alone = [(_slope((x, z) for x, _, z in rows), 0.0), (0.0, _slope((y, z) for _, y, z in rows))]
    determinant = xx * yy - xy * xy
    if determinant > 1e-9 * xx * yy:  # else all have the same number of processors
        both = (xz * yy - yz * xy) / determinant, (yz * xx - xz * xy) / determinant
        if min(both) >= 0:
            return both
    return min(alone, key=lambda fit: sum((fit[0] * x + fit[1] * y - z) ** 2 for x, y, z in rows))


def _slope(pairs: Iterable[tuple[float, float]]) -> float:
    """Of the line through 0 that is nearest to the points (x, y) by least squares; not below 0."""
    kept = list(pairs)
    squares = sum(x * x for x, _ in kept)
    return max(0.0, sum(x * y for x, y in kept) / squares) if squares else 0.0


def stops_paying_at(points: Points, gain: float = 0.05) -> int | None:
    """The number of processors from which on one more makes it faster by less than `gain`; None: none that is known.

    It looks at what was measured, not at a law; between two points every processor is taken to add the same part.
    """
    kept = list(dict(usable(points)).items())
    found = None
    for (n, speedup), (more, then) in zip(reversed(kept[:-1]), reversed(kept[1:]), strict=True):
        if (then / speedup) ** (1 / (more - n)) - 1 >= gain:
            break
        found = n
    return found


# The chart ------------------------------------------------------------------------------------------------------------


def can_have_more(run: Titled) -> bool:
    """Whether more processors are more than a number: sequential code has one, however many are asked for."""
    return run.execution != "sequential"


def scalability(
    run: Titled, points: Points, fit: tuple[float, float], width: int = WIDTH, cpus: int | None = None
) -> str:
    """Speedup by processors as bars, and what it means; `fit` is what measures.usl makes of the points.

    Where processors compute at the same time, each bar has a mark at the ideal (> if that is further right). Where they
    take turns there is none, because as many times as fast was never to be had. Amdahl's law knows nothing of how many
    CPUs there are, so it is fitted up to that many, if that is known.
    """
    if not can_have_more(run):
        return f"{short_title(run)} has one processor: there is nothing to scale."
    kept = usable(points)
    if not kept:
        return "No scaling was measured."
    turns = takes_turns(run)
    size = width - 18
    most = 1.25 * max(speedup for _, speedup in kept)
    lines = [f"{short_title(run)}: speedup by processors (#){'' if turns else ', and the ideal (|)'}"]
    lines += [f"({why(run)}: what is more than 1x is chance)"] * turns
    for n, speedup in kept:
        bar = list(("#" * round(size * speedup / most)).ljust(size))
        if not turns:
            ideal = round(size * n / most)
            bar[min(ideal, size) - 1 if ideal else 0] = "|" if ideal <= size else ">"
        lines.append(f"{n:>6} {''.join(bar)} {figure(speedup, 2, 'x'):>9}")
    return "\n".join([*lines, *(() if turns else _laws(kept, fit, cpus))])


def _laws(points: Sequence[tuple[int, float]], fit: tuple[float, float], cpus: int | None) -> Iterator[str]:
    """What the fitted laws say, a line each."""
    contention, coherence = fit
    yield f"Universal scalability law: n / (1 + {contention:.4f} (n - 1) + {coherence:.6f} n (n - 1))"
    yield f"  contention {100 * contention:.1f} % (waiting for what is shared, CPUs too)"
    yield f"  coherence {100 * coherence:.2f} % (keeping each other up to date)"
    if coherence > 0 and contention < 1:
        fastest = max(1, round(math.sqrt((1 - contention) / coherence)))
        yield f"  by this law it is fastest with {plural(fastest, 'processor')}"
    within = [(n, speedup) for n, speedup in points if cpus is None or n <= cpus]
    if cpus is None or len(within) > 1:
        serial = amdahl(within)
        limit = f"never faster than {figure(1 / serial, 1, 'x')}" if serial > 0 else "no limit in sight"
        upto = "" if cpus is None else f" up to {plural(within[-1][0], 'processor')}"
        yield f"Amdahl's law{upto}: {100 * serial:.1f} % of it is serial: {limit}"
    stop, most = stops_paying_at(points), max(n for n, _ in points)
    if stop is not None:
        yield f"It stops paying at {plural(stop, 'processor')}: from there on, one more adds under 5 %."
    elif len(points) > 1:
        yield f"It pays up to {plural(most, 'processor')}, the most that were measured."
