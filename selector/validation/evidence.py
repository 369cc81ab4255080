"""The evidence: the cells of a session (each one run of an arm) gathered by arm, and the figures they give."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from selector.approaches import Approach
from selector.benchmark import stats
from selector.benchmark.events import Arm, CellEvent, Session, Status, TaskLatency
from selector.benchmark.stats import Interval
from selector.decision.table import Rule
from selector.text import in_processes, measured_duration
from selector.validation.case import QUIET_CPUS, Case
from selector.validation.models import Measurement, SecondsRange, SpeedupRange
from selector.validation.served import held_back, latency_at, levelled, most_done, served_figures

#: Where the run could not show how noisy this host is, it is taken for rather noisy; a warning says so.
ASSUMED_NOISE = 0.10
MOST_NOISE = 1.0  # 100 %: beyond that a figure for the noise says nothing
HARNESS_COST = 0.05  # what being measured may cost one approach and not another: two harnesses differ by that
_ENOUGH_CONTROLS = 4  # two or three runs of the baseline say next to nothing of the noise
ENOUGH_RUNS = 3  # of each of two arms, to tell which is faster: fewer are anecdotes
_BESIDE = 0.05  # what others cost beside the time that no CPU was to be had: they take caches, too
_WAITS_OF_OTHERS = 1.5  # while one worker waits for a CPU, others may wait for what it holds
_DEARER = 0.85  # of the CPU time of a run would have done without the others, which also take caches


@dataclass(frozen=True, eq=False)
class ArmResult:
    """One arm: its times in seconds (of cells that are ok), what they come to, and the row that rules it out.

    `whole` are the times that all tasks of the profile would take at the pace of those that ran; empty where all
    of them ran, or the cells do not tell their start-up. `cpus_taken` is how many CPUs others took meanwhile, None if
    that is unknown; `held_back` is the share of its time that this may have cost it, at most.
    """

    arm: Arm
    approach: Approach
    samples: tuple[float, ...]
    whole: tuple[float, ...]
    measurement: Measurement
    ruled_out: Rule | None
    cpus_taken: float | None = None
    held_back: float = 0.0
    place: tuple[int, int] = (0, 0)  # how far from the simplest approach it is

    @property
    def ok(self) -> bool:
        """Whether there is a result to compare."""
        return self.measurement.status == "ok"

    @cached_property
    def seconds(self) -> float:
        """The median of its times; only where it is ok."""
        return statistics.median(self.samples)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a run has shown: its arms in the order of the plan, the control folded into the baseline.

    `baseline` is the one that speedups refer to, None if it has no result; `noise` is None where the run cannot tell.
    """

    case: Case
    arms: tuple[ArmResult, ...]
    baseline: ArmResult | None
    noise: float | None

    @cached_property
    def compared(self) -> tuple[ArmResult, ...]:
        """The arms that compete: all but those that try another pool size."""
        return tuple(r for r in self.arms if r.arm.role != "scaling")

    @property
    def reckoned_noise(self) -> float:
        """The noise to reckon with: the host's, or an assumption."""
        return ASSUMED_NOISE if self.noise is None else self.noise

    @property
    def same_within(self) -> float:
        """Up to what difference two approaches count as equally fast, however sure that difference is."""
        return max(HARNESS_COST, self.reckoned_noise)

    def ratio(self, slow: ArmResult, fast: ArmResult) -> Interval:
        """How many times as long the one took as the other."""
        return _ratio(slow.samples, fast.samples, self.reckoned_noise, self.case.seed)

    @cached_property
    def cpus_taken(self) -> float | None:
        """How many CPUs others took while the arms that compete were measured, on average; None if that is unknown."""
        known = [r.cpus_taken for r in self.compared if r.ok and r.cpus_taken is not None]
        return statistics.fmean(known) if known else None

    def name(self, result: ArmResult) -> str:
        """What a sentence calls it: `threads in 2 processes`, with its interpreter, where the approach ran on several."""
        tags = {r.arm.interpreter for r in self.compared if r.arm.approach == result.arm.approach}
        named = f"{lower_title(result.approach)}{in_processes(result.arm.processes)}"
        return named + (f" on {result.arm.interpreter}" if len(tags) > 1 else "")

    def subject(self, result: ArmResult) -> str:
        """The same at the beginning of a sentence."""
        name = self.name(result)
        return name[:1].upper() + name[1:] if result.approach.title[:1].isupper() else name

    def took(self, result: ArmResult) -> str:
        """`Threads took 100 ms`."""
        return f"{self.subject(result)} took {measured_duration(result.seconds)}"


def lower_title(approach: Approach) -> str:
    """The title inside a sentence: `threads` of `Threads`, without its examples; `asyncio` and `MPI` as they are."""
    title = approach.title.partition(" (")[0]
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def gather(case: Case) -> Evidence:
    """The evidence of a run. Of several variants of the work only the plain one counts, else the first."""
    planned = case.session.plan.arms if case.session.plan else ()
    variant = "" if any(arm.variant == "" for arm in planned) else planned[0].variant if planned else ""
    arms = [arm for arm in planned if arm.variant == variant]
    cells = {arm.arm: _undisturbed([cell for cell in case.session.cells if cell.arm == arm.arm]) for arm in arms}
    baseline = _baseline(arms, case.session)
    if baseline is None:
        samples: tuple[float, ...] = ()
        noise = _noise((), (), cells.values(), case.seed)
    else:
        controls = [
            cell
            for arm in arms
            if arm.role == "control" and arm.interpreter == baseline.interpreter
            for cell in cells[arm.arm]
        ]
        noise = _noise(_seconds(cells[baseline.arm]), _seconds(controls), cells.values(), case.seed)
        cells[baseline.arm] += controls
        samples = _seconds(cells[baseline.arm])
    most = most_done(cells[baseline.arm]) if baseline is not None else ()
    served = baseline is not None and _is_served_here(case, cells[baseline.arm])
    measuring = _Measuring(case, baseline, samples, ASSUMED_NOISE if noise is None else noise, served, most)
    results = tuple(measuring.result(arm, cells[arm.arm]) for arm in arms if arm.role != "control")
    return Evidence(case, results, next((r for r in results if r.arm is baseline and r.ok), None), noise)


def _is_served_here(case: Case, plain: Sequence[CellEvent]) -> bool:
    """Whether what others compute comes with the work: it waits, and next to nobody computed beside one task at a time.

    Then a server on this machine answers it, which has more to do beside an approach that asks more at once.
    """
    taken = _cpus_taken([cell for cell in plain if cell.status == "ok"])
    return bool(case.profile.io_wait_ms_per_task) and len(plain) >= ENOUGH_RUNS and (taken or 0.0) <= QUIET_CPUS


def _baseline(arms: Sequence[Arm], session: Session) -> Arm | None:
    """The baseline on the reference interpreter; on another, if the plan has none there."""
    reference = {i.interpreter for i in session.interpreters if i.reference}
    found = [arm for arm in arms if arm.role == "baseline"]
    return next((arm for arm in found if arm.interpreter in reference), found[0] if found else None)


def _noise(
    own: Sequence[float], control: Sequence[float], every: Iterable[Sequence[CellEvent]], seed: int
) -> float | None:
    """The noise by the A/A control; where that ran a few times only, by the scatter of the arm that ran most often."""
    most = max(map(_seconds, every), key=len, default=())
    if not own or not control:
        return stats.noise_floor(most, (), seed=seed)
    if len(own) + len(control) >= min(len(most), _ENOUGH_CONTROLS):
        return stats.noise_floor(own, control, seed=seed)
    scatter, apart = stats.noise_floor(most, ()), stats.bootstrap_ratio(own, control, noise=0.0).mid
    return max(scatter or 0.0, apart - 1, 1 / apart - 1)


def _seconds(cells: Sequence[CellEvent]) -> tuple[float, ...]:
    """The times of the cells that are ok; none of an arm that ever gave another result.

    Right most of the time is not right: the odd result shows that its workers disturb each other.
    """
    if any(cell.status == "mismatch" for cell in cells):
        return ()
    times = (cell.compared_seconds for cell in cells if cell.status == "ok")
    return tuple(seconds for seconds in times if seconds is not None)


@dataclass(frozen=True, eq=False)
class _Measuring:
    """Makes the result of an arm from its cells; it knows the case, the baseline with its times, and the noise."""

    case: Case
    baseline: Arm | None
    baseline_samples: tuple[float, ...]
    noise: float
    served_here: bool
    baseline_most: tuple[float, ...] = ()  # of a service: the requests a second that the baseline did at most

    def result(self, arm: Arm, cells: Sequence[CellEvent]) -> ArmResult:
        """The result of an arm: status, times, figures, and what others may have cost it."""
        approach = self.case.knowledge.approaches[arm.approach]
        samples = _seconds(cells)
        good = [cell for cell in cells if cell.status == "ok"] if samples else []
        status, reason = self._fate(arm, cells, samples)
        served = served_figures(self.case, arm, good)
        samples = levelled(samples, served, self.case.rate)
        latency = latency_at(served, self.case.rate)
        measurement = Measurement(
            approach=arm.approach,
            title=approach.title if arm.engine is None else f"{approach.title} on {arm.engine}",
            interpreter=arm.interpreter,
            workers=arm.workers,
            processes=arm.processes,
            role=arm.role,
            status=status,
            reason=reason,
            samples=len(samples),
            failures=sum(cell.status not in ("ok", "not_run") for cell in cells),
            oversubscribed=self.case.oversubscribes(arm),
            predicted_seconds=self.case.predicted_seconds(arm),
            engine=arm.engine,
            **(self._times(arm, samples) if served is None else self._served_times(arm, good)),
            **(_figures(good) | ({"task_latency_ms": latency} if latency else {})),
            service=served,
            samples_seconds=tuple(float(f"{each:.6g}") for each in samples),
        )
        taken = _cpus_taken(good)
        return ArmResult(
            arm,
            approach,
            samples,
            _whole(good, self.case.session),
            measurement,
            self.case.ruled_out(arm),
            taken,
            self._held_back(arm, taken, measurement) if served is None else held_back(self.case, taken, samples),
            self.case.place(arm),
        )

    def _held_back(self, arm: Arm, taken: float | None, measured: Measurement) -> float:
        """The share of its time, at most, that an arm would not have taken had nobody else taken CPUs.

        The lowest of these bounds holds: others cannot hold it up for longer than they ran; nor for a larger part of
        the time than it kept what they left busy; without them it would still have had to do its computing, on as many
        CPUs as it can use; and, where that was measured, for not much longer than its workers waited for a CPU.
        """
        cpu_percent, quiet = measured.cpu_percent, measured.quiet_seconds
        if taken is None or cpu_percent is None or taken <= QUIET_CPUS or self.served_here:
            return 0.0
        own, left = cpu_percent / 100, max(self.case.cpus - taken, 0.05)
        computing = _DEARER * own / max(own, self.case.computes_on(arm))
        waited = 0.0 if measured.seconds is None or quiet is None else 1 - quiet / measured.seconds.median
        delayed = 1.0 if quiet is None else _BESIDE + _WAITS_OF_OTHERS * max(0.0, waited)
        return min(1.0, taken, own / left, max(0.0, 1 - computing), delayed)

    def _fate(self, arm: Arm, cells: Sequence[CellEvent], samples: tuple[float, ...]) -> tuple[Status, str]:
        """(Status, reason): ok if any cell counts, else the status of the last one, or not_run where there is none.

        The reason is that of its last failure, also where other cells are ok.
        """
        failed = [cell for cell in cells if cell.status != "ok"]
        failed = [cell for cell in failed if cell.status == "mismatch"] or failed
        reason = failed[-1].reason if failed else ""
        if samples:
            return "ok", reason
        if failed:
            return failed[-1].status, reason
        dropped = [d.reason for d in self.case.session.dropped if d.arm == arm.arm]
        return "not_run", dropped[-1] if dropped else _why_not_run(self.case.session)

    def _served_times(self, arm: Arm, good: Sequence[CellEvent]) -> dict[str, Any]:
        """The same of a service: its speedup is that of the most it does."""
        base = tuple(1 / most for most in self.baseline_most)
        return {"seconds": None, **self._against(base, arm, tuple(1 / most for most in most_done(good)))}

    def _times(self, arm: Arm, samples: tuple[float, ...]) -> dict[str, Any]:
        """Its time, its speedup over the baseline, and the band that the speedup falls into."""
        if not samples:
            return {"seconds": None, **self._against((), arm, samples)}
        low, mid, high = stats.median(samples, noise=min(self.noise, 1.0), seed=self.case.seed)
        return {
            "seconds": SecondsRange(median=mid, low=low, high=high),
            **self._against(self.baseline_samples, arm, samples),
        }

    def _against(self, base: tuple[float, ...], arm: Arm, samples: tuple[float, ...]) -> dict[str, Any]:
        """The speedup over the baseline, by such samples of both, with its range and its band."""
        found: dict[str, Any] = dict.fromkeys(("speedup", "speedup_range", "band"))
        if self.baseline is None or not base or not samples:
            return found
        ratio = Interval(1.0, 1.0, 1.0)
        if arm is not self.baseline:
            ratio = _ratio(base, samples, self.noise, self.case.seed)
        found["speedup"], found["speedup_range"] = ratio.mid, SpeedupRange(low=ratio.low, high=ratio.high)
        found["band"] = str(self.case.band(ratio.mid, self.baseline, arm).outputs["verdict"])
        return found


@lru_cache(maxsize=256)
def _ratio(slow: tuple[float, ...], fast: tuple[float, ...], noise: float, seed: int) -> Interval:
    """Verdict, advice and analysis ask for the same ratios, which take some ms each."""
    return stats.bootstrap_ratio(slow, fast, noise=noise, seed=seed)


def _undisturbed(cells: list[CellEvent]) -> list[CellEvent]:
    """The cells of an arm without those that others took CPUs from, where enough are left."""
    quiet = [c for c in cells if c.status == "ok" and c.cpus_taken is not None and c.cpus_taken <= QUIET_CPUS]
    return [c for c in cells if c.status != "ok" or c in quiet] if len(quiet) >= ENOUGH_RUNS else cells


def _cpus_taken(cells: Sequence[CellEvent]) -> float | None:
    """How many CPUs others took while these ran, on average."""
    known = [
        ((c.launch_seconds or 0.0) + c.seconds, c.cpus_taken) for c in cells if c.seconds and c.cpus_taken is not None
    ]
    whole = sum(seconds for seconds, _ in known)
    return sum(seconds * taken for seconds, taken in known) / whole if whole else None


def _whole(good: Sequence[CellEvent], session: Session) -> tuple[float, ...]:
    """What each cell would take for all tasks that were asked for: its start-up stays as it is, the rest grows."""
    plan = session.plan
    if plan is None or plan.tasks_asked is None or plan.tasks >= plan.tasks_asked:
        return ()
    more = plan.tasks_asked / plan.tasks - 1
    known = [(c.seconds, c.startup_seconds) for c in good if c.seconds is not None and c.startup_seconds is not None]
    return tuple(s + more * max(0.0, s - start) for s, start in known) if len(known) == len(good) else ()


def _why_not_run(session: Session) -> str:
    if session.end is None:
        return "the run was cut off before"
    match session.end.reason:
        case "budget":
            return f"the budget of {measured_duration(session.start.budget_seconds)} ended before"
        case "interrupted":
            return "the run was interrupted before"
        case "failed":
            return f"the run failed before: {session.end.detail or 'no reason given'}"
    return "the script left it out"


_MEDIANS = (
    "cpu_percent", "cpu_seconds", "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds",
    "imbalance", "no_cpu_percent", "quiet_seconds",
)  # fmt: skip


def _figures(good: Sequence[CellEvent]) -> dict[str, Any]:
    """Medians over the cells, the largest peak of memory, and what the last of them said of the GIL and the metric."""
    found: dict[str, Any] = {name: _known(good, name, statistics.median) for name in _MEDIANS}
    found["workers_seen"] = _known(good, "workers_seen", statistics.median_low)
    found["peak_memory_mb"] = _known(good, "peak_memory_mb", max)
    found["calls"], found["raised"] = _known(good, "batch", sum), _known(good, "raised", sum)
    for name in ("memory_metric", "gil_enabled"):
        found[name] = _known(good, name, lambda values: values[-1])
    found["short"] = 2 * sum(bool(cell.short) for cell in good) > len(good)
    latencies = [cell.task_latency_ms for cell in good if cell.task_latency_ms is not None]
    middle = {p: statistics.median(getattr(each, p) for each in latencies) for p in ("p50", "p95", "p99") if latencies}
    found["task_latency_ms"] = TaskLatency(**middle) if middle else None
    return found


def _known(cells: Sequence[CellEvent], name: str, summary: Callable[[list[Any]], Any]) -> Any:
    """The summary of one field over the cells that have it; None if none has."""
    values = [value for cell in cells if (value := getattr(cell, name)) is not None]
    return summary(values) if values else None
