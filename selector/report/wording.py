"""What a recommendation's figures say in words, each with what it rests on; the documents put them together.

Figures are rounded to what is known of them, and never so that they stand on the wrong side of a requirement.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from selector.host import environment_python
from selector.recommend.expected import TASK_TIMES, Expected, missing, not_given
from selector.recommend.facts import EXPERIMENTAL_FREE_THREADING
from selector.recommend.recommendation import Alternative, Recommendation
from selector.report.capacity import deadline_verdict, rate_verdict
from selector.text import (
    MEMORY,
    MILLISECONDS,
    Units,
    beside,
    duration,
    given,
    in_processes,
    listed,
    memory,
    times,
)
from selector.workload.profile import WorkloadProfile

_SOURCES = {
    "documented": "documented costs of concurrency, not measured",
    "calibrated": "costs measured here",
    "given": "costs of your own tables",
}
_MOSTLY = {
    "computing": "computing",
    "GIL": "computing in turns, for the GIL",
    "waiting": "waiting",
    "pool start": "the start of the pool",
    "expensive start": "the expensive start",
    "dispatch": "handing tasks over",
    "pickling": "copying data",
}
_NO_REQUIREMENT = "none given"
_GPU = "it depends on the GPU"
_NOT_MEASURED = "not predicted: what a broker or scheduler costs was not measured"


def named(title: str, approach: str) -> str:
    """The title, with the id where it says something else."""
    says_the_same = title.casefold().replace("-", "_") == approach
    return title if says_the_same else f"{title} ({approach})"


def short_title(title: str) -> str:
    """The title without its examples, and without `Python` at the end."""
    return title.partition(" (")[0].removesuffix(" Python")


def approach_text(result: Recommendation) -> str:
    """`asyncio + threads (asyncio_threads) in 2 processes`, with the engine where there is one."""
    engine = f" with {engine_title(result)}" if result.engine else ""
    return f"{named(result.title, result.approach)}{in_processes(result.processes)}{engine}"


def engine_title(result: Recommendation) -> str:
    """The engine as it calls itself: `Celery`, `RQ`, `huey`."""
    name = result.engine or ""
    return {"rq": "RQ", "huey": "huey"}.get(name, name.capitalize())


def workers_text(result: Recommendation) -> str:
    """`4`, `4 on each machine`, or `4 in each process`."""
    where = " on each machine" if result.engine else " in each process" if result.processes > 1 else ""
    return f"{result.workers:,}{where}"


def python_text(result: Recommendation, *, where: bool = True) -> str:
    """The Python to use, and whether it is there; `where` says more of that, such as its path."""
    tag, path = result.interpreter, result.runs_here.interpreter
    if tag is None:
        return "any"
    build = _build(tag)
    if not result.runs_here.available or path is None:
        missing = "which is not on this machine" if where else "not here"
        return f"{tag}{f' ({build})' if build else ''}, {missing}: uv python install {tag}"
    found = "this environment's" if _of_this_environment(path) else "found here"
    return f"{tag} ({', '.join(filter(None, (build, found)))}{f': {path}' if where else ''})"


def _build(tag: str) -> str:
    if not tag.endswith("t"):
        return ""
    return f"{'experimental ' if tag in EXPERIMENTAL_FREE_THREADING else ''}free-threaded build"


def _of_this_environment(path: str) -> bool:
    """Whether the active virtual environment was made from that interpreter."""
    folder = os.environ.get("VIRTUAL_ENV")
    return bool(folder) and os.path.realpath(environment_python(str(folder))) == os.path.realpath(path)


# Times ----------------------------------------------------------------------------------------------------------------


def speedup_text(expected: Expected, profile: WorkloadProfile) -> str:
    """The expected speedup, or what is missing for a prediction."""
    if expected.speedup is None:
        return _unpredicted(expected, profile)
    if gains_nothing(expected):
        return "none: as fast as sequential code"
    s = expected.speedup
    return f"{times(s.mid)} vs sequential ({times(s.low)} to {times(s.high)})"


def gains_nothing(expected: Expected) -> bool:
    """Whether it is predicted to be as fast as sequential code, or is that."""
    return expected.speedup is not None and expected.speedup.low == expected.speedup.high == 1


def gain_text(expected: Expected) -> str:
    """The speedup in two words, or nothing."""
    if expected.speedup is None:
        return ""
    return "no speedup" if gains_nothing(expected) else times(expected.speedup.mid)


def _unpredicted(expected: Expected, profile: WorkloadProfile) -> str:
    if _elsewhere(expected):
        return _NOT_MEASURED
    needed = missing(profile)
    why = f"unknown: it needs {listed(needed)}" if needed else "not predicted"
    if profile.gpu:
        why = f"not predicted: {_GPU}"
    return f"{why}; {_bound(expected, profile)}" if expected.at_most is not None else why


def _elsewhere(expected: Expected) -> bool:
    """Whether it runs on a cluster: the memory of everything else is predicted."""
    return expected.memory_mb is None


def _bound(expected: Expected, profile: WorkloadProfile) -> str:
    cores = profile.cpu_cores
    on = f" on {cores:,} core{'s' if cores != 1 else ''}" if cores is not None and expected.at_most == cores else ""
    return f"at most {times(expected.at_most or 0.0)}{on}"


def time_text(expected: Expected) -> str:
    """How long the batch takes: `10 s instead of 3 min 50 s`; only where `seconds` are predicted."""
    seconds, speedup = expected.seconds or 0.0, expected.speedup
    if speedup is None or gains_nothing(expected):
        return duration(seconds)
    return f"{duration(seconds)} instead of {duration(seconds * speedup.mid)}"


def mostly_text(expected: Expected) -> str:
    """What most of the time goes into, if anything is known of it."""
    return f"most of it {_MOSTLY[expected.dominant]}" if expected.dominant else ""


def basis_text(expected: Expected) -> str:
    """What the times rest on, in words; nothing where none is predicted: a bound by CPUs rests on no cost."""
    if (expected.speedup, expected.seconds, expected.throughput) == (None, None, None) or expected.source is None:
        return ""
    return expected.basis or _SOURCES[expected.source]


def latency_basis_text(result: Recommendation) -> str:
    """What the verdict on the latency rests on, where nothing else is said to rest on it."""
    judged = result.fits.latency is not None
    return (result.expected.basis or "") if judged and not basis_text(result.expected) else ""


def assumed_text(expected: Expected) -> str:
    """What was assumed, in words; nothing where nothing was."""
    return f"assuming {'; '.join(expected.assumed)}" if expected.assumed else ""


# Memory and requirements ----------------------------------------------------------------------------------------------


def memory_text(expected: Expected, profile: WorkloadProfile) -> str:
    """The expected memory: what the approach adds, and the whole, as far as it is known."""
    if expected.memory_overhead_mb is None or expected.memory_mb is None:
        return "unknown: it depends on the cluster"
    added = memory(expected.memory_overhead_mb)
    about = added if added.startswith("under") else f"about {added}"
    beside_own = " beside the tasks' own" if profile.task_memory_mb is None else ""
    return f"{about}, {memory(expected.memory_mb)} in all{beside_own}"


def memory_basis_text(expected: Expected) -> str:
    """What the memory rests on, in words; nothing where it is not predicted."""
    if expected.memory_basis is not None or expected.source is None:
        return expected.memory_basis or ""
    return _SOURCES[expected.source] if expected.memory_mb is not None else ""


def requirements_text(result: Recommendation, *, short: bool = False) -> str:
    """Each requirement with its verdict and the figure it rests on, or with what is missing for one."""
    parts = [
        *_latency_verdict(result, short=short),
        *rate_verdict(result, short=short),
        *deadline_verdict(result, short=short),
        *_memory_verdict(result, short=short),
    ]
    return ", ".join(parts) if parts else _NO_REQUIREMENT


def fits_text(result: Recommendation, *, short: bool = False) -> str:
    """The same for the summary, which has no other line on memory: without any requirement, the memory that it takes."""
    profile, whole = result.profile, result.expected.memory_mb
    told = requirements_text(result, short=short)
    if whole is None or (profile.latency_requirement_ms, profile.memory_budget_mb) != (None, None):
        return told
    beside_own = " beside the tasks' own" if profile.task_memory_mb is None else ""
    told = "no requirement given" if told == _NO_REQUIREMENT else told
    return f"{told}; takes {memory(whole)}{beside_own}"


def _latency_verdict(result: Recommendation, *, short: bool) -> list[str]:
    limit, found = result.profile.latency_requirement_ms, result.expected.latency_ms
    if limit is None:
        return []
    profile = result.profile
    load = ("concurrency",) if profile.mode == "service" and profile.requests_per_second is None else ()
    names = (*TASK_TIMES, *load)
    why = _GPU if profile.gpu else _needs(not_given(profile, names))
    why = "it depends on the cluster" if _elsewhere(result.expected) else why
    return [_judged("latency", result.fits.latency, found, limit, MILLISECONDS, why, short=short)]


def _memory_verdict(result: Recommendation, *, short: bool) -> list[str]:
    limit, found = result.profile.memory_budget_mb, result.expected.memory_mb
    if limit is None:
        return []
    why = _needs(not_given(result.profile, ("task_memory_mb",)))
    if found is None:
        why = "it depends on the cluster"
    elif not why:
        at_once = f"{beside(found, limit, MEMORY, over=True).partition(', over ')[0]} if all tasks hold theirs at once"
        why = at_once if found > limit or result.profile.concurrency is not None else _needs(("concurrency",))
    return [_judged("memory", result.fits.memory, found, limit, MEMORY, why, short=short)]


def _needs(names: Sequence[str]) -> str:
    return f"needs {listed(names)}" if names else ""


def _judged(
    what: str, met: bool | None, found: float | None, limit: float, units: Units, why: str, *, short: bool
) -> str:
    """`latency met (95 of 300 ms)`, `memory 256 MB not known (needs task_memory_mb)`; the second is `short` of the limit."""
    if met is None:
        return f"{what}{'' if short else f' {given(limit, units)}'} not known{f' ({why})' if why else ''}"
    verdict = "met" if met else "NOT met"
    if found is None:
        return f"{what} {given(limit, units)} {verdict}"
    return f"{what} {verdict} ({beside(found, limit, units, over=not met)})"


# What follows ---------------------------------------------------------------------------------------------------------


def effort_text(result: Recommendation) -> str:
    """The effort to get there, and from where."""
    move = result.migration
    if move.effort == "none":
        return "None (the code is there already)"
    return f"{move.effort.capitalize()} (from {move.from_approach})"


def guide_command(result: Recommendation) -> str | None:
    """The command that tells how to get there; None where the code is there."""
    move = result.migration
    if move.effort == "none":
        return None
    return f"concurrency-selector migrate {move.from_approach} {result.approach}"


def alternative_title(alternative: Alternative) -> str:
    """An alternative with its speedup, or with the rule that rules it out."""
    title = f"{named(alternative.title, alternative.approach)}{in_processes(alternative.processes)}"
    if alternative.rejected_by:
        return f"{title}: ruled out by {alternative.rejected_by}"
    gain = gain_text(alternative.expected)
    return f"{title}: {gain} predicted" if gain else title


def price_text(alternative: Alternative) -> str:
    """An alternative with its speedup and what speaks against it, in a sentence."""
    title = f"{named(alternative.title, alternative.approach)}{in_processes(alternative.processes)}"
    if alternative.rejected_by:
        return f"{title}, ruled out: {' '.join(alternative.tradeoffs[:1])}"
    gain = gain_text(alternative.expected)
    return f"{title}{f', {gain}' if gain else ''}: {' '.join(alternative.tradeoffs[-1:])}"


def first_eligible(result: Recommendation) -> Alternative | None:
    """The first alternative that nothing rules out."""
    return next((a for a in result.alternatives if a.rejected_by is None), None)
