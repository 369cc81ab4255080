"""Validation: runs made of small tables of numbers, and what a person would conclude from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import profiles

from selector import HostFacts, Recommendation, Selector, SelectorError, WorkloadProfile
from selector.benchmark.events import (
    Arm,
    CellEvent,
    DroppedEvent,
    EndEvent,
    Event,
    InterpreterEvent,
    PlanEvent,
    Session,
    StandIn,
    StartEvent,
    TaskLatency,
    collect,
)
from selector.decision import load_table
from selector.recommend.expected import Expected, Speedup
from selector.recommend.knowledge import Knowledge
from selector.recommend.recommendation import InputChange
from selector.validation import ValidationReport, validate_results
from selector.workload.profile import APPROACHES

HOST = HostFacts("linux", 2, (("3.14", "/x/python3.14"),))
WAITING = WorkloadProfile(workload_type="io", tasks=64, io_wait_ms_per_task=50, cpu_ms_per_task=0.2, concurrency=32)
#: Waits so short that a pool of threads starts for longer: for a loop, which is not the simplest way to wait.
LOOPING = WorkloadProfile(
    workload_type="io", tasks=64, io_wait_ms_per_task=5, cpu_ms_per_task=0.01, concurrency=64, async_library=True
)
COMPUTING = WorkloadProfile(workload_type="cpu", tasks=64, cpu_ms_per_task=10, picklable=True)
STEADY = (1.0, 1.01, 0.99, 1.0, 1.01, 0.99)  # a quiet host, as shares of a median


@cache
def selector() -> Selector:
    return Selector(host=HOST)


@cache
def recommended(profile: WorkloadProfile) -> Recommendation:
    return selector().recommend(profile)


def knowledge() -> Knowledge:
    return selector().knowledge


class Row(NamedTuple):
    """An arm of a run: its times, or the failures that it ends in (a status each), and whatever else it says."""

    approach: str
    seconds: Sequence[float | str] = ()
    role: str = "candidate"
    interpreter: str = "3.14"
    workers: int = 1
    variant: str = ""
    figures: Mapping[str, Any] = {}


def steady(approach: str, middle: float, **others: Any) -> Row:
    """An arm with six times around a middle."""
    return Row(approach, tuple(middle * share for share in STEADY), **others)


def baseline(middle: float = 1.0, **others: Any) -> Row:
    return steady("single_threaded", middle, role="baseline", **others)


def control(middle: float = 1.0) -> Row:
    return steady("single_threaded", middle, role="control")


def run(
    rows: Sequence[Row],
    *,
    tasks: int = 64,
    tasks_asked: int | None = 64,
    task_ms: tuple[float | None, float | None] = (10.0, 10.0),
    own_code: bool = False,
    made_cpu_ms: float | None = None,
    cpus: int = 2,
    assumed: tuple[str, ...] = (),
    end: str | None = "done",
    detail: str = "",
    dropped: Mapping[int, str] = {},
    interpreters: Sequence[InterpreterEvent] = (),
    recommended: str | None = None,
) -> Session:
    """The session of a run with these arms; `end` None: it was cut off.

    The work is the user's own, or made: a task that should compute for 10 ms, and does but for `made_cpu_ms`.
    """
    events: list[Event] = [
        StartEvent(
            schema_version=1, name="a", seed=3, budget_seconds=60.0, io="sleep", cpus=cpus, recommended=recommended,
            assumed=assumed, memory_limit_mb=None, python="3.14.0",
        ),
        *(interpreters or [interpreter("3.14", reference=True), interpreter("3.14t")]),
    ]  # fmt: skip
    arms = tuple(Arm(arm=i, **arm_of(row)) for i, row in enumerate(rows))
    wall, cpu = task_ms
    made = None if own_code else StandIn(cpu_ms=10.0, made_cpu_ms=10.0 if made_cpu_ms is None else made_cpu_ms)
    events.append(
        PlanEvent(
            tasks=tasks, tasks_asked=tasks_asked, task_wall_ms=wall, task_cpu_ms=cpu, stand_in=made, arms=arms
        )
    )  # fmt: skip
    events += [cell(row, i, r, value) for i, row in enumerate(rows) for r, value in enumerate(row.seconds)]
    events += [DroppedEvent(arm=arm, reason=reason) for arm, reason in dropped.items()]
    if end is not None:
        events.append(EndEvent(reason=end, detail=detail, seconds=42.0))
    return collect(events)


def interpreter(tag: str | None, *, reference: bool = False, status: str = "ok", reason: str = "") -> InterpreterEvent:
    return InterpreterEvent(
        interpreter=tag, path=f"/x/python{tag}", version="3.14.0", free_threaded_build=False, gil_enabled=True,
        reference=reference, status=status, reason=reason,
    )  # fmt: skip


def arm_of(row: Row) -> dict[str, Any]:
    names = ("approach", "interpreter", "workers", "role", "variant")
    return {name: getattr(row, name) for name in names}


UNKNOWN = dict.fromkeys(
    ("launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
     "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short", "extrapolated_from")
)  # fmt: skip


def cell(row: Row, arm: int, number: int, value: float | str) -> CellEvent:
    """A cell that took so many seconds, or ended in that status."""
    good = not isinstance(value, str)
    return CellEvent(
        arm=arm, round=number, **arm_of(row), status="ok" if good else value, reason="" if good else f"reason {number}",
        tasks=64 if good else None, seconds=value if good else None, **{**UNKNOWN, **(row.figures if good else {})},
    )  # fmt: skip


def judged(
    rows: Sequence[Row],
    profile: WorkloadProfile = WAITING,
    *,
    result: Recommendation | None = None,
    warnings: Sequence[str] = (),
    others: Sequence[str] = (),
    **options: Any,
) -> ValidationReport:
    """The report on a run; it reads back from its JSON as it was."""
    session = run(rows, **options)
    result = result or recommended(profile)
    report = validate_results(result, session, knowledge(), warnings, others)
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
    assert report == validate_results(result, session, knowledge(), warnings, others)
    return report


def figures(
    cpu: float = 100.0, memory: float = 15.0, start: float = 0.001, p95: float = 60.0, **more: Any
) -> dict[str, Any]:
    """What a good cell says beside its time."""
    latency = TaskLatency(p50=p95 * 0.8, p95=p95, p99=p95 * 1.2)
    return {
        "cpu_percent": cpu, "peak_memory_mb": memory, "memory_metric": "pss", "startup_seconds": start,
        "task_latency_ms": latency, "gil_enabled": True, "short": False, **more,
    }  # fmt: skip


def found(report: ValidationReport, approach: str, role: str = "candidate") -> Any:
    """The measurement of an approach."""
    return next(m for m in report.measurements if (m.approach, m.role) == (approach, role))


def having(texts: Sequence[str], *words: str) -> list[str]:
    return [text for text in texts if all(word in text for word in words)]


def test_these_tests_are_about_these_recommendations() -> None:
    assert (recommended(WAITING).approach, recommended(WAITING).workers) == ("threads", 32)
    assert recommended(LOOPING).approach == "asyncio"
    assert THREADS in [a.approach for a in recommended(LOOPING).alternatives if a.rejected_by is None]
    assert (recommended(COMPUTING).approach, recommended(COMPUTING).interpreter) == ("multiprocessing", "3.14")
    assert recommended(THREADING).approach == "free_threaded"


THREADING = COMPUTING.model_copy(update={"free_threading_ready": True})
SINGLE, THREADS, PROCESSES, FREE = "single_threaded", "threads", "multiprocessing", "free_threaded"


# Verdicts -------------------------------------------------------------------------------------------------------------


def test_confirmed_where_it_is_the_fastest_beyond_the_noise() -> None:
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.1, workers=32), steady("asyncio", 0.2)])
    assert (report.verdict, report.winner, report.winner_interpreter) == ("confirmed", THREADS, "3.14")
    assert report.reason == (
        "Threads took 100 ms, the fastest here. asyncio, the next, took 200 ms, 2.00x (1.97x to 2.03x) as long."
    )
    assert report.advice == ()
    assert report.complete
    assert (report.used_seconds, report.budget_seconds, report.seed, report.io, report.cpus) == (42, 60, 3, "sleep", 2)
    assert [m.approach for m in report.measurements] == [SINGLE, THREADS, "asyncio"]


def test_confirmed_where_a_faster_approach_is_not_worth_its_complexity() -> None:
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.22), steady("asyncio_threads", 0.20)])
    assert (report.verdict, report.winner) == ("confirmed", "asyncio_threads")
    assert "1.10x" in report.reason
    assert "as long as asyncio + threads (200 ms)" in report.reason
    assert "does not pay for the added complexity" in report.reason


def test_confirmed_but_a_simpler_approach_is_near() -> None:
    report = judged([baseline(3.2), control(3.2), steady("asyncio", 0.20), steady(THREADS, 0.23)], LOOPING)
    assert (report.verdict, report.winner) == ("confirmed", "asyncio")
    assert having(report.advice, "Threads took only 1.15x as long and would be simpler", "does not pay")


def test_tie_with_a_simpler_approach_which_then_wins() -> None:
    report = judged([baseline(3.2), control(3.2), steady("asyncio", 0.2), steady(THREADS, 0.201)], LOOPING)
    assert (report.verdict, report.winner) == ("tie", THREADS)
    assert "no difference that counts: up to 5 % is none here" in report.reason
    assert report.reason.endswith("Take threads, the simpler of the two.")
    assert report.advice == ("Take threads: as fast, and simpler.",)


def test_tie_where_the_samples_of_each_overlap() -> None:
    rows = [
        baseline(3.2),
        control(3.2),
        Row("asyncio", (0.20, 0.18, 0.22, 0.20, 0.21)),
        Row(THREADS, (0.19, 0.18, 0.21)),
    ]
    report = judged(rows, LOOPING)
    assert (report.verdict, report.winner) == ("tie", THREADS)
    assert "no difference to rely on, as the range goes both ways. Take threads" in report.reason


def test_a_difference_of_a_few_percent_is_a_tie_however_sure_it_is() -> None:
    quiet = [Row(SINGLE, (3.0,) * 6, "baseline"), Row(SINGLE, (3.0,) * 6, "control")]
    report = judged([*quiet, Row("asyncio", (0.2,) * 6), Row(THREADS, (0.205,) * 6)], LOOPING)
    assert (report.verdict, report.winner, report.noise_floor) == ("tie", THREADS, 0.005)


def test_tie_with_a_more_complex_approach_changes_nothing() -> None:
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.202), steady("asyncio_threads", 0.2)])
    assert (report.verdict, report.winner) == ("tie", THREADS)
    assert report.reason.endswith("The recommended one is the simpler of the two.")
    assert report.advice == ()


def test_tie_of_three_goes_to_the_simplest() -> None:
    rows = [baseline(0.2), control(0.2), steady(THREADS, 0.201), steady("asyncio_threads", 0.199)]
    report = judged(rows)
    assert (report.verdict, report.winner) == ("tie", SINGLE)
    assert "The winner is single-threaded (200 ms), the simplest within the noise of the fastest." in report.reason


def test_tie_with_a_simpler_approach_though_a_complex_one_is_a_little_faster() -> None:
    rows = [baseline(3.2), control(3.2), steady("asyncio", 0.22), steady(THREADS, 0.22), steady("asyncio_threads", 0.2)]
    report = judged(rows, LOOPING)
    assert (report.verdict, report.winner) == ("tie", "asyncio_threads")
    assert "as long as threads (220 ms)" in report.reason
    assert report.advice == ()


def test_refuted_by_a_simpler_approach() -> None:
    report = judged([baseline(3.2), control(3.2), steady("asyncio", 0.22), steady(THREADS, 0.20)], LOOPING)
    assert (report.verdict, report.winner) == ("refuted", THREADS)
    assert report.reason.startswith("asyncio took 220 ms, 1.10x (1.0")
    assert report.reason.endswith("as long as threads (200 ms), which is also the simpler.")
    assert report.advice[0] == "Take threads: 1.10x as fast here."
    assert having(report.advice, "The tables choose threads with", "check what the profile says there")


def test_simple_is_what_takes_the_least_effort_from_where_the_code_is() -> None:
    """Processes that run today are not to be given up for free threads as fast, which come first for new code."""
    rows = [baseline(), control(), steady(PROCESSES, 0.4), steady(FREE, 0.39, interpreter="3.14t")]
    today = THREADING.model_copy(update={"current_approach": PROCESSES})
    assert recommended(today).approach == PROCESSES
    stays = judged(rows, today)
    assert (stays.verdict, stays.winner, stays.advice) == ("tie", PROCESSES, ())
    assert stays.reason.endswith("The recommended one is the simpler of the two.")
    new = judged(
        rows, result=recommended(COMPUTING.model_copy(update={"interpreters": ("3.14", "3.14t"), "picklable": True}))
    )
    assert new.winner == FREE


def test_refuted_by_a_more_complex_approach_that_is_worth_it() -> None:
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.40), steady("asyncio_processes", 0.20)])
    assert (report.verdict, report.winner) == ("refuted", "asyncio_processes")
    assert report.reason.endswith("as long as asyncio + processes (200 ms).")


def test_refuted_and_the_winner_is_another_one_near_the_fastest() -> None:
    rows = [baseline(3.2), control(3.2), steady(THREADS, 0.4), steady("asyncio", 0.2), steady("asyncio_threads", 0.199)]
    report = judged(rows)
    assert (report.verdict, report.winner) == ("refuted", "asyncio")
    assert "as long as asyncio + threads (199 ms)" in report.reason
    assert report.reason.endswith("The winner is asyncio (200 ms), the simplest within the noise of the fastest.")


def test_inconclusive_where_the_samples_allow_for_a_tie_and_for_a_loss() -> None:
    rows = [baseline(3.2), control(3.2), Row(THREADS, (0.1, 0.2, 0.3)), Row("asyncio", (0.1, 0.2, 0.3))]
    report = judged(rows, end="budget")
    assert report.verdict == "inconclusive"
    assert report.reason == (
        "After 3 runs, threads may take anything from 0.33x to 3.0x as long as asyncio: the times of one and the same"
        " thing scatter too much here."
    )
    assert having(report.advice, "--budget 120s")


def test_on_a_noisy_host_a_small_difference_gives_no_verdict() -> None:
    noisy = (3.0, 4.0)
    rows = [
        Row(SINGLE, noisy, "baseline"),
        Row(SINGLE, noisy, "control"),
        steady(THREADS, 0.2),
        steady("asyncio", 0.17),
    ]
    report = judged(rows)
    assert (report.verdict, report.winner) == ("inconclusive", None)
    assert report.noise_floor is not None and report.noise_floor > 0.5
    assert report.reason.startswith("After 6 runs, threads may take anything from ")
    assert having(report.warnings, "may be chance here")
    wild = [Row(SINGLE, (3.0, 9.0), "baseline"), Row(SINGLE, (9.0, 3.0), "control"), *rows[2:]]
    beyond = judged(wild)
    assert (beyond.verdict, beyond.noise_floor) == ("inconclusive", None)  # "2636 % is noise" would say nothing
    assert having(beyond.warnings, "the times are no guide")


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        ("timeout", "(timeout): reason 0.", "--budget 120s"),
        ("crash", "(crash): reason 0.", "crash"),
        ("out_of_memory", "(out of memory): reason 0.", "memory_budget_mb"),
        ("unpicklable", "(something does not pickle): reason 0.", "picklable=false"),
        ("missing_dependency", "(a dependency is missing): reason 0.", "Install"),
        ("gil_enabled", "(the GIL came back on): reason 0.", "free_threading_ready=false"),
        ("error", "(error): reason 0.", "error"),
        ("mismatch", "(not the result of the others): reason 0.", "disturb"),
        ("not_run", "(not run): reason 0.", "--budget 120s"),
    ],
)
def test_inconclusive_where_it_failed(status: str, words: str, advice: str) -> None:
    report = judged([baseline(3.2), control(3.2), Row(THREADS, (status,)), steady("asyncio", 0.2)], end="budget")
    assert (report.verdict, report.winner) == ("inconclusive", "asyncio")
    assert report.reason == f"Threads gave no result {words}"
    assert having(report.advice, advice)
    m = found(report, THREADS)
    assert (m.status, m.seconds, m.samples, m.failures) == (status, None, 0, int(status != "not_run"))
    assert report.complete == (status != "not_run")


@pytest.mark.parametrize(
    ("end", "detail", "words"),
    [
        ("budget", "", "(not run): the budget of 60 s ended before"),
        ("interrupted", "", "(not run): the run was interrupted before"),
        ("failed", "no space left", "(not run): the run failed before: no space left"),
        ("failed", "", "(not run): the run failed before: no reason given"),
        ("done", "", "(not run): the script left it out"),
        (None, "", "(not run): the run was cut off before"),
    ],
)
def test_inconclusive_where_it_was_planned_but_did_not_run(end: str | None, detail: str, words: str) -> None:
    report = judged([baseline(3.2), Row(THREADS), steady("asyncio", 0.2)], end=end, detail=detail)
    assert report.verdict == "inconclusive"
    assert words in report.reason
    assert not report.complete
    assert bool(having(report.advice, "Let it run to its end.")) == (end in (None, "interrupted"))
    assert bool(having(report.warnings, "The run")) == (end in (None, "interrupted", "failed"))


def test_an_arm_that_was_dropped_before_it_ran_says_why() -> None:
    report = judged([baseline(3.2), Row(THREADS)], dropped={1: "no Python for it"})
    assert report.reason == "Threads gave no result (not run): no Python for it."


def test_inconclusive_where_it_was_not_in_the_plan() -> None:
    report = judged([baseline(3.2), control(3.2), steady("asyncio", 0.2)])
    assert report.reason == "Threads was not measured: it is not in the plan of the run."
    assert (report.verdict, report.recommended_interpreter, report.latency) == ("inconclusive", "3.14", None)
    assert report.advice == ()


def test_inconclusive_without_the_python_it_needs() -> None:
    missing = [interpreter("3.14", reference=True), interpreter("3.14t", status="crash", reason="exit code -11")]
    report = judged([baseline(), control(), steady(PROCESSES, 0.6)], THREADING, interpreters=missing)
    assert report.reason == "Free-threaded Python was not measured: it needs Python 3.14t, which did not run here."
    assert report.advice == ("Install Python 3.14t (uv python install 3.14t) and validate again.",)
    assert report.recommended_interpreter == "3.14t"
    assert having(report.warnings, "Python 3.14t could not be used: exit code -11.")


def test_what_spreads_over_machines_cannot_be_measured() -> None:
    report = judged([baseline(), control()], COMPUTING.model_copy(update={"durable": True}))
    assert report.reason.startswith("Distributed task queue was not measured: what spreads over machines")
    assert (report.verdict, report.winner) == ("inconclusive", SINGLE)


def test_inconclusive_where_nothing_else_has_a_result() -> None:
    report = judged([Row(SINGLE, ("crash",), "baseline"), steady(THREADS, 0.2)])
    assert report.reason == "Threads took 200 ms, but no other approach gave a result to compare it with."
    assert (report.verdict, report.winner) == ("inconclusive", THREADS)
    assert report.analysis[0] == "Only threads gave a result that counts: 200 ms."


def test_a_run_that_came_to_no_plan() -> None:
    start, *_ = run([baseline()])
    for end, words in (
        (None, "the run ended before it had a plan."),
        (EndEvent(reason="interrupted", detail="", seconds=1.0), "the run ended before it had a plan."),
        (EndEvent(reason="failed", detail="no Python", seconds=1.0), "before it had a plan (no Python)."),
        (EndEvent(reason="failed", detail="", seconds=1.0), "before it had a plan (failed)."),
    ):
        report = validate_results(recommended(WAITING), Session(start, (), None, (), (), end), knowledge())
        assert report.reason.endswith(words)
        assert (report.verdict, report.measurements, report.tasks, report.tasks_asked) == ("inconclusive", (), None, 64)
        assert report.used_seconds == (1.0 if end else 0.0)


# No verdict -----------------------------------------------------------------------------------------------------------


def beside(taken: float, cpu: float, **more: Any) -> dict[str, Any]:
    """What a cell says that ran beside others: how many CPUs they took, and how much of one it got itself (in %)."""
    return figures(cpu=cpu, cpus_taken=taken, **more)


def test_a_task_that_could_not_be_made_gives_no_verdict() -> None:
    rows = [baseline(), control(), steady(PROCESSES, 0.5, workers=2)]
    report = judged(rows, COMPUTING, made_cpu_ms=7.1)
    assert (report.verdict, report.winner, report.analysis, report.scalability) == ("inconclusive", None, (), None)
    assert report.reason == (
        "A task that computes for 10 ms could not be made here: what was made takes 7.1 ms of CPU time."
    )
    assert report.advice == ("Validate again when the machine is quiet.",)
    assert judged(rows, COMPUTING, made_cpu_ms=10.9).verdict == "confirmed"


def test_processes_that_others_held_back_do_not_lose() -> None:
    """One busy process on two CPUs leaves two workers 1.33x instead of 2x, or less where it is unfair."""
    alone, crowded = beside(1.0, 99.0), beside(1.0, 100.0)
    rows = [
        baseline(1.0, figures=alone), control(1.0), steady(PROCESSES, 1.05, workers=2, figures=crowded),
        steady(THREADS, 1.0, workers=2, figures=alone),
    ]  # fmt: skip
    report = judged(rows, COMPUTING, others=("stress (process 42) 1.0",))
    assert (report.verdict, report.winner, report.cpus_taken) == ("inconclusive", None, 1.0)
    assert report.reason == (
        "Other programs took 1.0 of 2 CPUs meanwhile (stress (process 42) 1.0). Multiprocessing took 1.05 s beside them"
        " and may take as little as 446 ms alone."
    )
    assert report.advice == ("Close what else computes, or wait until it is done, and validate again.",)
    quiet = [row._replace(figures=figures(cpu=100.0, cpus_taken=0.1)) for row in rows]
    assert judged(quiet, COMPUTING).verdict != "inconclusive"


def test_a_rival_that_others_held_back_confirms_nothing() -> None:
    single = COMPUTING.model_copy(update={"tasks": 64, "cpu_ms_per_task": 0.5})
    assert recommended(single).approach == SINGLE
    rows = [baseline(1.0, figures=beside(1.0, 99.0)), steady(PROCESSES, 1.2, workers=2, figures=beside(1.0, 100.0))]
    assert judged(rows, single).verdict == "inconclusive"
    unknown = [row._replace(figures=figures()) for row in rows]  # elsewhere than on Linux nobody can say
    assert judged(unknown, single).verdict == "confirmed"


def test_a_rival_that_is_ruled_out_raises_no_doubt_however_fast_it_may_be_alone() -> None:
    profile = COMPUTING.model_copy(update={"picklable": False, "free_threading_ready": True})
    assert recommended(profile).approach == FREE
    rows = [
        baseline(1.0, figures=beside(0.1, 99.0)), control(1.0),
        steady(FREE, 0.5, interpreter="3.14t", workers=2, figures=beside(0.1, 195.0)),
        steady(PROCESSES, 0.7, workers=2, figures=beside(1.0, 100.0)),
    ]  # fmt: skip
    assert judged(rows, profile).verdict == "confirmed"


def test_what_would_hold_without_the_others_too_is_a_verdict() -> None:
    """Waits hardly need a CPU, and processes that win beside others win by more without them."""
    waits = [
        baseline(3.2, figures=beside(1.0, 2.0)), control(3.2), steady(THREADS, 0.1, figures=beside(1.0, 8.0)),
        steady("asyncio", 0.2, figures=beside(1.0, 5.0)),
    ]  # fmt: skip
    report = judged(waits)
    assert report.verdict == "confirmed"
    assert not having(report.warnings, "would hold")
    wins = [
        baseline(1.0, figures=beside(1.0, 99.0)),
        control(1.0),
        steady(PROCESSES, 0.7, workers=2, figures=beside(1.0, 130.0)),
    ]
    report = judged(wins, COMPUTING)
    assert report.verdict == "confirmed"
    assert having(report.warnings, "Other programs took 1.0 of 2 CPUs meanwhile.", "might be faster.")


def test_runs_that_nobody_disturbed_are_preferred() -> None:
    session = run([baseline(), control(), steady(PROCESSES, 0.5, workers=2)])
    busy = [cell(Row(PROCESSES, workers=2, figures=beside(1.5, 60.0)), 2, 9, 1.8) for _ in range(9)]
    quiet = [c.model_copy(update={"cpus_taken": 0.0, "cpu_percent": 190.0}) for c in session.cells]
    report = validate_results(recommended(COMPUTING), session._replace(cells=(*quiet, *busy)), knowledge())
    assert (found(report, PROCESSES).samples, report.verdict, report.cpus_taken) == (6, "confirmed", 0.0)


def test_too_few_runs_give_no_verdict_but_where_the_difference_is_no_accident() -> None:
    rows = [Row(SINGLE, (1.0, 1.0), "baseline"), Row(PROCESSES, (1.46, 1.46), workers=2)]
    report = judged(rows, COMPUTING, end="budget")
    assert (report.verdict, report.winner) == ("inconclusive", None)
    assert report.reason == (
        "In 60 s multiprocessing ran twice and single-threaded ran twice, and 3 runs of each are the least that tells"
        " them apart."
    )
    assert report.advice == ("Give it more time (--budget 180s) or fewer tasks (--set tasks=N).",)
    clear = [Row(SINGLE, (1.0,), "baseline"), steady(PROCESSES, 0.5 / 1.02, workers=2)]
    assert judged(clear, COMPUTING).verdict == "confirmed"
    near = [Row(SINGLE, (1.0,), "baseline"), steady(PROCESSES, 0.6, workers=2)]
    assert judged(near, COMPUTING).verdict == "inconclusive"


def test_a_service_gets_no_verdict_on_latency_from_a_batch() -> None:
    service = WAITING.model_copy(update={"mode": "service", "latency_requirement_ms": 10.0})
    report = judged(
        [baseline(3.2), control(3.2), steady(recommended(service).approach, 0.2, figures=figures())], service
    )
    assert report.latency is not None and (report.latency.measured, report.latency.met) == (None, None)
    assert having(report.warnings, "services are not measured as services yet")
    batch = WAITING.model_copy(update={"latency_requirement_ms": 10.0})
    answer = steady(recommended(batch).approach, 0.2, figures=figures())
    judged_batch = judged([baseline(3.2), control(3.2), answer], batch)
    assert judged_batch.latency is not None and judged_batch.latency.met is False


def test_what_runs_today_is_held_against_the_recommendation() -> None:
    profile = WAITING.model_copy(update={"current_approach": "asyncio_processes"})
    assert recommended(profile).approach == "asyncio"
    rows = [baseline(3.2), control(3.2), steady("asyncio", 0.1), steady("asyncio_processes", 0.2)]
    report = judged(rows, profile)
    assert having(
        report.analysis, "asyncio + processes, which runs today, took 200 ms, 2.0x as long as the recommended"
    )
    rows[-1] = steady("asyncio_processes", 0.1)
    assert having(judged(rows, profile).analysis, "which runs today", "within the noise: it may stay.")


# Fewer tasks than there are -------------------------------------------------------------------------------------------


def test_a_start_that_all_tasks_would_spread_does_not_refute() -> None:
    slow_to_start = steady(PROCESSES, 0.55, workers=2, figures=figures(start=0.25))
    rows = [
        baseline(0.6, figures=figures()),
        control(0.6),
        slow_to_start,
        steady(FREE, 0.4, workers=2, figures=figures()),
    ]
    report = judged(rows, COMPUTING, tasks_asked=6400)
    assert (report.verdict, report.winner) == ("inconclusive", FREE)
    assert "as long as free-threaded Python (400 ms). But only 64 of 6,400 tasks ran" in report.reason
    assert report.reason.endswith("at that pace all of them would take 30.3 s against 39.9 s.")
    assert having(report.advice, "Give it more time")
    assert judged(rows, COMPUTING, tasks_asked=64).verdict == "refuted"
    assert judged(rows, COMPUTING, tasks_asked=None).verdict == "refuted"


def test_a_rival_that_only_starts_slowly_puts_a_verdict_in_doubt() -> None:
    rows = [
        baseline(0.6, figures=figures()), control(0.6), steady(PROCESSES, 0.4, workers=2, figures=figures()),
        steady(FREE, 0.45, interpreter="3.14t", workers=2, figures=figures(start=0.25)),
    ]  # fmt: skip
    assert judged(rows, COMPUTING).verdict == "confirmed"
    report = judged(rows, COMPUTING, tasks_asked=6400)
    assert report.verdict == "inconclusive"
    assert "450 ms" in report.reason


def test_where_the_pace_is_not_known_the_measured_time_decides() -> None:
    rows = [baseline(0.6), control(0.6), steady(PROCESSES, 0.55), steady(FREE, 0.4, figures=figures(start=0.3))]
    report = judged(rows, COMPUTING, tasks_asked=6400)
    assert report.verdict == "refuted"
    still = [*rows[:2], steady(PROCESSES, 0.55, figures=figures(start=0.01)), steady(FREE, 0.4, figures=figures())]
    assert judged(still, COMPUTING, tasks_asked=6400).verdict == "refuted"


# What may not win -----------------------------------------------------------------------------------------------------

IN_A_LOOP = WorkloadProfile(
    workload_type="hybrid", tasks=64, cpu_ms_per_task=10, io_wait_ms_per_task=20, event_loop=True
)


def test_a_faster_approach_that_is_ruled_out_does_not_refute() -> None:
    approach = recommended(IN_A_LOOP).approach
    assert approach == "asyncio_processes"
    report = judged([baseline(0.5), control(0.5), steady(approach, 0.6), steady("asyncio", 0.9)], IN_A_LOOP)
    assert (report.verdict, report.winner) == ("confirmed", approach)
    assert having(report.analysis, "Single-threaded took 500 ms, but is ruled out:", "would stop the loop")
    assert report.analysis[0].startswith(
        "The fastest was asyncio + processes: 600 ms, 0.83x as fast as single-threaded"
    )


def test_nothing_to_compare_with_but_what_is_ruled_out() -> None:
    report = judged([baseline(0.5), control(0.5), steady("asyncio_processes", 0.6)], IN_A_LOOP)
    assert report.verdict == "inconclusive"
    assert (
        "no other approach gave a result to compare it with but single-threaded, which is ruled out:" in report.reason
    )


def test_to_beat_an_approach_that_is_ruled_out_counts() -> None:
    report = judged([baseline(0.9), control(0.9), steady("asyncio_processes", 0.6)], IN_A_LOOP)
    assert (report.verdict, report.winner) == ("confirmed", "asyncio_processes")


def test_where_the_recommendation_is_ruled_out_itself_all_may_win() -> None:
    slow = IN_A_LOOP.model_copy(update={"machines": 2})
    result = recommended(IN_A_LOOP).model_copy(update={"profile": slow})
    report = judged([baseline(0.5), control(0.5), steady("asyncio_processes", 0.6)], result=result)
    assert (report.verdict, report.winner) == ("refuted", SINGLE)


def test_the_fastest_of_what_is_not_ruled_out_wins_where_the_recommendation_has_no_result() -> None:
    report = judged([baseline(0.5), Row("asyncio_processes", ("crash",)), steady("asyncio", 0.6)], IN_A_LOOP)
    assert (report.verdict, report.winner) == ("inconclusive", "asyncio")
    alone = judged([baseline(0.5), Row("asyncio_processes", ("crash",))], IN_A_LOOP)
    assert (alone.verdict, alone.winner) == ("inconclusive", SINGLE)


def test_a_result_that_differs_once_disqualifies() -> None:
    rows = [baseline(3.2), control(3.2), steady(THREADS, 0.2), Row("asyncio", (0.1, 0.1, "mismatch", 0.1, "crash"))]
    report = judged(rows)
    assert (report.verdict, report.winner) == ("confirmed", THREADS)
    m = found(report, "asyncio")
    assert (m.status, m.reason, m.seconds, m.speedup, m.samples, m.failures) == (
        "mismatch",
        "reason 2",
        None,
        None,
        0,
        2,
    )
    assert having(report.warnings, "Disqualified", "asyncio")


# Interpreters ---------------------------------------------------------------------------------------------------------


def test_the_recommended_arm_is_the_one_on_the_python_that_the_plan_names() -> None:
    pythons = [interpreter("3.13"), interpreter("3.14", reference=True), interpreter("3.14t")]
    rows = [
        baseline(), control(), baseline(1.2, interpreter="3.14t"), baseline(1.1, interpreter="3.13"),
        steady(PROCESSES, 0.6), steady(PROCESSES, 0.55, interpreter="3.13"), steady(PROCESSES, 0.4, interpreter="3.14t"),
    ]  # fmt: skip
    report = judged(rows, COMPUTING, interpreters=pythons)
    assert (report.recommended, report.recommended_interpreter) == (PROCESSES, "3.14")
    assert report.measurements[0].interpreter == "3.14"  # the reference
    assert (report.measurements[1].approach, report.measurements[1].interpreter) == (PROCESSES, "3.14")
    assert report.reason.startswith("Multiprocessing on 3.14 took 600 ms, the fastest here.")
    assert having(report.advice, "Multiprocessing on 3.14t took 400 ms: 1.50x as fast as on 3.14.")
    failing = [*rows[:4], Row(PROCESSES, ("crash",)), *rows[5:]]
    report = judged(failing, COMPUTING, interpreters=pythons)
    assert (report.verdict, report.recommended_interpreter) == ("inconclusive", "3.14")
    assert [m.speedup for m in report.measurements if m.interpreter == "3.14" and m.role == "baseline"] == [1.0]


def test_another_kind_of_python_stands_in_where_the_right_one_has_no_arm() -> None:
    report = judged([baseline(), control(), steady(FREE, 0.5, interpreter="3.14")], THREADING)
    assert (report.verdict, report.recommended_interpreter) == ("confirmed", "3.14")


def test_an_interpreter_that_is_given_by_path_is_named_by_it() -> None:
    report = judged([baseline()], interpreters=[interpreter("3.14", reference=True), interpreter(None, status="error")])
    assert having(report.warnings, "Python /x/pythonNone could not be used: error.")


def test_any_python_will_do_where_the_recommendation_names_none() -> None:
    result = recommended(COMPUTING).model_copy(update={"interpreter": None})
    report = judged([baseline(), control(), steady(PROCESSES, 0.5, interpreter="odd")], result=result)
    assert (report.verdict, report.recommended_interpreter) == ("confirmed", "odd")
    assert found(report, PROCESSES).predicted_seconds is None


# Measurements ---------------------------------------------------------------------------------------------------------


def test_a_measurement_is_the_median_of_its_cells_and_its_largest_peak() -> None:
    sizes = iter([10.0, 30.0, 20.0])
    cells = [cell(Row(THREADS, figures=figures(memory=m, cpu=m, p95=m, workers_seen=int(m), steady_seconds=m, imbalance=1.0)), 1, i, t) for i, (m, t) in enumerate(zip(sizes, (0.5, 0.4, 0.6), strict=True))]  # fmt: skip
    session = run([baseline(2.0), Row(THREADS, workers=4)])
    session = session._replace(cells=(*session.cells, *cells, cell(Row(THREADS), 1, 3, "timeout")))
    report = validate_results(recommended(WAITING), session, knowledge())
    m = found(report, THREADS)
    assert m.seconds is not None and (m.seconds.median, m.speedup) == (0.5, pytest.approx(4))
    assert m.seconds.low < 0.5 < m.seconds.high
    assert m.speedup_range is not None and m.speedup_range.low < 4 < m.speedup_range.high
    assert (m.peak_memory_mb, m.memory_metric, m.cpu_percent, m.workers_seen, m.steady_seconds) == (
        30,
        "pss",
        20,
        20,
        20,
    )
    assert (m.task_latency_ms.p95, m.task_latency_ms.p50, m.gil_enabled) == (20, 16, True)
    assert (m.samples, m.failures, m.status, m.reason, m.band) == (3, 1, "ok", "reason 3", "use")
    assert (m.cpu_seconds, m.launch_seconds, m.first_result_seconds) == (None, None, None)
    assert having(report.warnings, "Threads failed in 1 of 4 runs (reason 3).")


def test_the_control_counts_for_the_baseline() -> None:
    report = judged([baseline(1.0), control(1.01), steady(THREADS, 0.5)])
    assert found(report, SINGLE, "baseline").samples == 12
    assert not [m for m in report.measurements if m.role == "control"]
    assert report.noise_floor == pytest.approx(0.03, abs=0.01)


def test_a_baseline_that_ran_once_leaves_the_noise_to_the_arm_that_ran_most() -> None:
    once = [Row(SINGLE, (3.0,), "baseline"), Row(SINGLE, (3.06,), "control")]
    alone = judged([*once, Row(THREADS, (0.2,))]).noise_floor
    beside = judged([*once, steady(THREADS, 0.2)]).noise_floor
    assert alone is None  # two or three runs in all tell nothing
    assert beside == pytest.approx(0.02, abs=0.003)
    apart = judged([once[0], Row(SINGLE, (3.9,), "control"), steady(THREADS, 0.2)]).noise_floor
    assert apart == pytest.approx(0.3)


@pytest.mark.parametrize(("seconds", "band"), [(1.1, "avoid"), (0.9, "stay_simple"), (0.6, "consider"), (0.3, "use")])
def test_the_bands_judge_the_measured_speedup(seconds: float, band: str) -> None:
    report = judged([baseline(1.0), control(1.0), steady(THREADS, seconds)])
    assert found(report, THREADS).band == band
    assert found(report, SINGLE, "baseline").band == "stay_simple"


def test_without_a_baseline_there_are_verdicts_but_no_speedups() -> None:
    for first in ([], [Row(SINGLE, ("crash",), "baseline"), control(1.0)], [Row(SINGLE, (), "baseline")]):
        report = judged([*first, steady(THREADS, 0.2), steady("asyncio", 0.3)])
        m = found(report, THREADS)
        assert (m.speedup, m.speedup_range, m.band) == (None, None, None) or first[1:]
        assert (report.verdict, report.winner) == ("confirmed", THREADS)
        assert report.analysis[0].endswith("1.50x as fast as asyncio, the next.")
        assert report.noise_floor is not None


def test_the_cost_model_predicts_what_was_run() -> None:
    report = judged([baseline(3.2), steady(THREADS, 0.1, workers=32)], tasks=64)
    whole = found(report, SINGLE, "baseline").predicted_seconds
    assert whole == pytest.approx(64 * 0.05028)  # each wait takes 0.08 ms longer than asked for
    half = judged([baseline(3.2), steady(THREADS, 0.1, workers=32)], tasks=32)
    assert found(half, SINGLE, "baseline").predicted_seconds == pytest.approx(whole / 2)
    assert found(half, THREADS).predicted_seconds < whole / 8


def test_variants_of_the_work_are_left_out() -> None:
    plain = [baseline(1.0), steady(THREADS, 0.5)]
    uneven = [baseline(2.0, variant="uneven"), steady(THREADS, 3.0, variant="uneven")]
    report = judged([*plain, *uneven])
    assert [m.seconds.median for m in report.measurements if m.seconds] == [1.0, 0.5]
    only = judged([*uneven, baseline(5.0, variant="other")])
    assert [m.seconds.median for m in only.measurements if m.seconds] == [2.0, 3.0]


def test_others_are_listed_by_time_and_failures_last() -> None:
    rows = [
        Row("asyncio_processes", ("crash",)), steady("asyncio_threads", 0.4), steady("asyncio", 0.3), steady(THREADS, 0.5),
        baseline(), steady(THREADS, 0.6, role="scaling", workers=4), steady(THREADS, 0.9, role="scaling", workers=2),
    ]  # fmt: skip
    report = judged(rows)
    assert [(m.approach, m.workers) for m in report.measurements] == [
        (SINGLE, 1), (THREADS, 1), ("asyncio", 1), ("asyncio_threads", 1), ("asyncio_processes", 1), (THREADS, 2), (THREADS, 4),
    ]  # fmt: skip


# Requirements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p95", "memory", "met"), [(60.0, 20.0, (True, True)), (120.0, 80.0, (False, False))])
def test_requirements_are_judged_apart_from_the_time(p95: float, memory: float, met: tuple[bool, bool]) -> None:
    profile = WAITING.model_copy(update={"latency_requirement_ms": 100.0, "memory_budget_mb": 64.0})
    result = recommended(WAITING).model_copy(update={"profile": profile})
    report = judged([baseline(3.2), steady(THREADS, 0.1, figures=figures(p95=p95, memory=memory))], result=result)
    assert report.verdict == "confirmed"
    assert report.latency is not None and report.memory is not None
    assert (report.latency.met, report.memory.met) == met
    assert (report.latency.measured, report.memory.measured, report.memory.required) == (p95, memory, 64)
    unmeasured = judged([baseline(3.2), steady(THREADS, 0.1)], result=result)
    assert unmeasured.latency is not None and (unmeasured.latency.met, unmeasured.latency.measured) == (None, None)


def test_the_winner_may_miss_what_the_recommendation_met() -> None:
    profile = WAITING.model_copy(update={"latency_requirement_ms": 100.0, "memory_budget_mb": 64.0})
    result = recommended(WAITING).model_copy(update={"profile": profile})
    big = steady("asyncio", 0.1, figures=figures(memory=500, p95=150))
    report = judged([baseline(3.2), control(3.2), steady(THREADS, 0.2, figures=figures()), big], result=result)
    assert report.advice[0] == (
        "Take asyncio: 2.0x as fast here. But it misses the latency requirement: 150 ms, over 100 ms."
        " But it misses the memory budget: 500 MB, over 64 MB."
    )


# Analysis -------------------------------------------------------------------------------------------------------------


def test_the_analysis_tells_why() -> None:
    rows = [
        baseline(0.64, figures=figures(98, 15, cpu_seconds=0.64)), control(0.64),
        steady(FREE, 0.34, interpreter="3.14t", workers=2, figures=figures(190, 22, gil_enabled=False)),
        steady(PROCESSES, 0.55, workers=2, figures=figures(170, 44, 0.16)),
        steady(THREADS, 0.66, workers=2, figures=figures(101, 16)),
    ]  # fmt: skip
    report = judged(rows, THREADING)
    assert report.verdict == "confirmed"
    assert report.analysis[0].startswith(
        "The fastest was free-threaded Python: 340 ms, 1.88x as fast as single-threaded (1.8"
    )
    assert report.analysis[0].endswith("1.62x as fast as multiprocessing, the next.")
    assert report.analysis[1:] == (
        "It kept 1.9 of 2 CPUs busy.",
        "It needed 22 MB at its peak, 7 MB more than single-threaded.",
        "Threads kept 1.0 of 2 CPUs busy with 2 workers: the GIL lets one compute at a time.",
        "Multiprocessing spent 160 ms of 550 ms on starting its workers.",
    )


def test_the_analysis_of_waits_that_overlap() -> None:
    rows = [baseline(3.2, figures=figures(2, 15)), steady(THREADS, 0.1, workers=32, figures=figures(30, 15.5))]
    report = judged(rows, task_ms=(50.0, 0.2))
    assert "It kept 30 % of one CPU busy: its time is waiting, and the waits overlapped." in report.analysis
    assert "It needed 15.5 MB at its peak, no more than single-threaded." in report.analysis
    assert report.analysis[0].endswith("32.0x as fast as single-threaded (31.5x to 32.5x), the next.")


def test_the_analysis_of_an_uneven_pool_that_mostly_starts() -> None:
    uneven = steady(PROCESSES, 0.3, workers=2, figures=figures(120, 40, 0.2, imbalance=1.5))
    report = judged([baseline(0.6), control(0.6), uneven], COMPUTING, cpus=1)
    assert "67 % of its time was start-up (200 ms), which more tasks would spread." in report.analysis
    assert "Its busiest worker did 1.50x the mean of the work: smaller pieces would even that out." in report.analysis
    assert "It kept the CPU busy for 120 % of the time." in report.analysis
    assert found(report, PROCESSES).oversubscribed


def test_the_analysis_of_processes_that_burn_time() -> None:
    rows = [
        baseline(0.6, figures=figures(cpu_seconds=0.6)), control(0.6), steady(THREADS, 0.3, figures=figures()),
        steady("asyncio_processes", 0.5, figures=figures(cpu_seconds=1.2)),
    ]  # fmt: skip
    report = judged(rows)
    assert having(report.analysis, "asyncio + processes used 2.0x the CPU time of single-threaded: starting workers")


def test_the_gil_is_not_blamed_for_code_that_releases_it_or_waits() -> None:
    rows = [baseline(0.6), control(0.6), steady(THREADS, 0.7, workers=2, figures=figures(100)), steady(PROCESSES, 0.4)]
    assert having(judged(rows, COMPUTING).analysis, "the GIL")
    native = recommended(COMPUTING).model_copy(update={"profile": COMPUTING.model_copy(update={"releases_gil": True})})
    assert not having(judged(rows, result=native).analysis, "the GIL")
    assert not having(judged(rows, COMPUTING, task_ms=(50.0, 5.0)).analysis, "the GIL")
    assert not having(judged(rows, COMPUTING, cpus=1).analysis, "the GIL")
    unknown = [*rows[:2], steady(THREADS, 0.7, workers=2), rows[3]]
    assert not having(judged(unknown, COMPUTING).analysis, "the GIL")


def test_times_without_any_scatter_have_a_range_of_one_point() -> None:
    report = judged([Row(SINGLE, (1.0,) * 6, "baseline"), Row(THREADS, (0.2,) * 6)])
    assert (
        report.analysis[0]
        == "The fastest was threads: 200 ms, 5.00x as fast as single-threaded (5.00x to 5.00x), the next."
    )


def test_there_is_an_analysis_of_the_baseline_too() -> None:
    report = judged([baseline(0.3, figures=figures()), control(0.3), steady(PROCESSES, 0.5)], COMPUTING)
    assert (report.verdict, report.winner) == ("refuted", SINGLE)
    assert report.analysis[0] == "The fastest was single-threaded: 300 ms, 1.67x as fast as multiprocessing, the next."


# Advice ---------------------------------------------------------------------------------------------------------------


def test_advice_compares_the_task_with_what_the_profile_says() -> None:
    rows = [baseline(0.3), control(0.3), steady(PROCESSES, 0.5)]
    report = judged(rows, COMPUTING, task_ms=(30.0, 2.0), own_code=True)
    assert (
        "A task computes for 2 ms here, and the profile says cpu_ms_per_task = 10: correct it and ask again."
        in report.advice
    )
    profile = IN_A_LOOP.model_copy(update={"event_loop": None})
    waits = judged(
        [baseline(0.3), control(0.3), steady(recommended(profile).approach, 0.5)],
        profile,
        task_ms=(15.0, 10.0),
        own_code=True,
    )
    assert having(waits.advice, "A task waits for 5 ms here, and the profile says io_wait_ms_per_task = 20")


def test_work_that_was_made_is_no_witness_against_its_profile() -> None:
    rows = [baseline(0.3), control(0.3), steady(PROCESSES, 0.5)]
    made = judged(rows, COMPUTING, task_ms=(30.0, 2.0))
    assert made.verdict == "refuted"
    assert not having(made.advice, "correct it")
    assert having(judged(rows, COMPUTING, task_ms=(30.0, 2.0), own_code=True).advice, "correct it")


def test_advice_compares_start_up_and_speedup_with_the_prediction() -> None:
    rows = [baseline(0.64), control(0.64), steady(PROCESSES, 0.9, workers=2, figures=figures(start=0.5))]
    report = judged(rows, COMPUTING)
    assert having(report.advice, "Multiprocessing was expected to be", "as fast as sequential and was 0.71x.")
    assert having(report.advice, "Its start-up took 500 ms, predicted 90", "more tasks in a run")


def test_advice_names_the_row_to_edit_where_no_field_leads_there() -> None:
    result = recommended(COMPUTING)
    rows = [baseline(), control(), steady(PROCESSES, 0.9), steady(THREADS, 0.3)]
    for changes in ((), None):
        report = judged(rows, result=result.model_copy(update={"would_change": changes}))
        assert report.winner == THREADS
        assert having(report.advice, "No single field", "change the row strategy/", "(--rules DIR)")
    bare = judged(rows, result=result.model_copy(update={"would_change": None, "reasons": ()}))
    assert having(bare.advice, "change the rows of strategy in a folder")


def test_advice_writes_values_as_a_profile_has_them() -> None:
    values: list[tuple[str, Any]] = [
        ("picklable", False),
        ("cpu_ms_per_task", 0.5),
        ("interpreters", ("3.14", "3.14t")),
    ]
    changes = tuple(InputChange(input=name, to=value, approach=SINGLE) for name, value in [*values, ("tasks", 3)])
    result = recommended(COMPUTING).model_copy(update={"would_change": changes})
    report = judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=result)
    assert having(report.advice, "with picklable = false, cpu_ms_per_task = 0.5 or interpreters = 3.14, 3.14t: check")
    whole = result.model_copy(update={"would_change": changes[3:]})
    assert having(judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=whole).advice, "with tasks = 3:")


def test_advice_on_a_speedup_that_kept_its_promise_says_nothing() -> None:
    promised = Expected(speedup=Speedup(low=0.1, mid=0.5, high=1.0))
    result = recommended(COMPUTING).model_copy(update={"expected": promised})
    report = judged([baseline(0.3), control(0.3), steady(PROCESSES, 0.5)], result=result)
    assert not having(report.advice, "was expected")
    assert report.expected == promised


# Scaling --------------------------------------------------------------------------------------------------------------


def scaling(approach: str, *points: tuple[int, float], **others: Any) -> list[Row]:
    return [steady(approach, seconds, role="scaling", workers=workers, **others) for workers, seconds in points]


@pytest.mark.parametrize(
    ("points", "cpus", "stop", "text"),
    [
        (
            [(1, 1.0), (2, 0.52), (4, 0.52), (8, 0.53)], 2, 2,
            "2 workers: 1.92x; 4 and 8 workers add nothing (2 usable CPUs: more than 2 oversubscribe).",
        ),
        (
            [(1, 1.0), (2, 0.5), (4, 0.5), (8, 0.8)], 2, 2,
            "2 workers: 2.0x; 4 workers add nothing; 8 workers are slower: 1.25x (2 usable CPUs: more than 2 oversubscribe).",
        ),
        (
            [(1, 1.0), (2, 0.5), (4, 0.26), (8, 0.14)], 8, None,
            "2 workers: 2.0x; 4 workers: 3.8x; 8 workers: 7.1x, and more may gain more.",
        ),
        (
            [(1, 1.0), (2, 0.9), (4, 0.8)], 2, None,
            "2 workers: 1.11x; 4 workers: 1.25x (2 usable CPUs: more than 2 oversubscribe).",
        ),
        ([(1, 1.0), (2, 1.0), (4, 1.01)], 4, 1, "2 and 4 workers add nothing."),
        ([(1, 1.0), (2, 1.2)], 1, 1, "2 workers are slower: 0.83x (1 usable CPU: more than 1 oversubscribe)."),
        ([(2, 0.5), (4, 0.5)], 8, 2, "2 workers: 500 ms; 4 workers add nothing."),
    ],
)  # fmt: skip
def test_scaling_in_words(points: list[tuple[int, float]], cpus: int, stop: int | None, text: str) -> None:
    rows = [baseline(), control(), *scaling(FREE, *points, interpreter="3.14t")]
    report = judged(
        [*rows, steady(FREE, points[1][1], workers=points[1][0], interpreter="3.14t")], THREADING, cpus=cpus
    )
    found_scaling = report.scalability
    assert found_scaling is not None
    assert (found_scaling.text, found_scaling.stops_paying_at) == (text, stop)
    assert [p.workers for p in found_scaling.points] == [n for n, _ in points]
    assert [p.oversubscribed for p in found_scaling.points] == [n > cpus for n, _ in points]
    assert [p.speedup is None for p in found_scaling.points] == [points[0][0] != 1] * len(points)


def test_the_law_is_fitted_to_pools_that_have_their_cpus() -> None:
    points = [(1, 1.0), (2, 0.55), (4, 0.325), (8, 5.0)]
    rows = [baseline(), control(), *scaling(FREE, *points, interpreter="3.14t")]
    law = judged([*rows, steady(FREE, 0.55, workers=2, interpreter="3.14t")], THREADING, cpus=4).scalability
    assert law is not None and law.contention is not None
    assert law.contention == pytest.approx(0.1, abs=1e-6)
    assert law.coherence == pytest.approx(0.0, abs=1e-6)
    assert law.best_workers is None
    alone = judged([*rows, steady(FREE, 0.55, workers=2, interpreter="3.14t")], THREADING, cpus=1).scalability
    assert alone is not None and (alone.contention, alone.coherence) == (None, None)


def test_waiting_pools_are_not_oversubscribed_and_computing_ones_are() -> None:
    rows = [baseline(3.2), steady(THREADS, 0.1, workers=32)]
    assert not found(judged(rows, task_ms=(50.0, 0.2)), THREADS).oversubscribed
    assert found(judged(rows, task_ms=(50.0, 49.0)), THREADS).oversubscribed
    assert not found(judged(rows, task_ms=(None, None)), THREADS).oversubscribed  # the profile says it waits
    assert found(judged(rows, WorkloadProfile(workload_type="cpu"), task_ms=(None, None)), THREADS).oversubscribed
    assert not found(judged(rows, WorkloadProfile(workload_type="io"), task_ms=(None, None)), THREADS).oversubscribed
    nothing = WorkloadProfile(workload_type="io", cpu_ms_per_task=0, io_wait_ms_per_task=0)
    assert not found(judged(rows, nothing, task_ms=(None, None)), THREADS).oversubscribed


def test_another_size_of_the_pool_may_be_advised() -> None:
    rows = [baseline(), control(), steady(PROCESSES, 0.6, workers=2), *scaling(PROCESSES, (1, 1.1), (4, 0.4), (8, 0.5))]
    report = judged(rows, COMPUTING, cpus=8)
    assert report.verdict == "confirmed"
    assert report.advice == (
        "With 4 instead of 2 workers, multiprocessing took 400 ms instead of 600 ms: 1.50x as fast.",
    )
    same = [*rows[:3], *scaling(PROCESSES, (1, 1.1), (4, 0.59))]
    assert judged(same, COMPUTING, cpus=8).advice == ()


def test_scaling_stands_without_the_recommended_size() -> None:
    failed = [baseline(), Row(PROCESSES, ("crash",), workers=2), *scaling(PROCESSES, (1, 1.1), (4, 0.4))]
    report = judged(failed, COMPUTING)
    assert report.scalability is not None and len(report.scalability.points) == 2
    missing = judged([baseline(), *scaling(PROCESSES, (1, 1.1), (4, 0.4))], COMPUTING)
    assert missing.scalability is not None and missing.scalability.interpreter == "3.14"
    assert judged([baseline(), *scaling(PROCESSES, (1, 1.1))], COMPUTING).scalability is None


# Warnings -------------------------------------------------------------------------------------------------------------


def test_warnings_of_the_caller_come_first_and_once() -> None:
    report = judged(
        [baseline(3.2), control(3.2), steady(THREADS, 0.2)], warnings=["The battery is low.", "The battery is low."]
    )
    assert report.warnings == ("The battery is low.",)


def test_short_cells_few_runs_and_unknown_noise() -> None:
    brief = Row(THREADS, (0.02, 0.02), figures=figures(short=True))
    report = judged([Row(SINGLE, (3.0,), "baseline"), brief], end="interrupted")
    assert report.noise_floor is None
    assert having(report.warnings, "Under 100 ms of steady work in threads")
    assert having(report.warnings, "Fewer than 3 runs of threads")
    assert having(report.warnings, "How noisy this host is could not be measured; 10 % is assumed.")
    assert having(report.warnings, "The run was interrupted")
    assert report.verdict == "confirmed"


def test_a_gil_that_came_back_is_told() -> None:
    rows = [baseline(), control(), steady(FREE, 0.5, interpreter="3.14t", figures=figures(gil_enabled=True))]
    assert having(judged(rows, THREADING).warnings, "The GIL was on in a free-threaded build, in free-threaded Python")


@pytest.mark.parametrize(("tasks", "words"), [(64, "weighs more"), (2000, "weighs less")])
def test_another_number_of_tasks_is_told(tasks: int, words: str) -> None:
    report = judged([baseline(), steady(THREADS, 0.5)], tasks=tasks, tasks_asked=1000)
    assert having(report.warnings, f"{tasks:,} tasks were measured, the profile says 1,000: start-up {words}")
    assert (report.tasks, report.tasks_asked, report.task_cpu_ms) == (tasks, 1000, 10)


@pytest.mark.parametrize(("concurrency", "told"), [(500, True), (50, False), (None, False)])
def test_fewer_tasks_than_would_be_in_flight_are_told(concurrency: int | None, told: bool) -> None:
    result = recommended(WAITING).model_copy(
        update={"profile": WAITING.model_copy(update={"concurrency": concurrency})}
    )
    report = judged([baseline(), steady(THREADS, 0.5)], result=result, tasks_asked=1000)
    assert bool(having(report.warnings, "With 64 tasks no more than that were in flight", "500")) == told


@pytest.mark.parametrize(
    ("assumed", "words"),
    [(("TASKS",), "tasks was assumed"), (("TASKS", "CPU_MS_PER_TASK"), "tasks and cpu_ms_per_task were assumed")],
)
def test_what_was_assumed_is_told(assumed: tuple[str, ...], words: str) -> None:
    report = judged([baseline(), steady(THREADS, 0.5)], assumed=assumed)
    assert having(report.warnings, words)
    assert report.assumed == assumed


def test_a_script_for_another_recommendation_is_told() -> None:
    assert having(
        judged([baseline(), steady(THREADS, 0.5)], recommended="asyncio").warnings, "another recommendation (asyncio)"
    )
    assert not having(
        judged([baseline(), steady(THREADS, 0.5)], recommended=THREADS).warnings, "another recommendation"
    )


def test_reasons_of_a_page_become_a_line() -> None:
    session = run([baseline(), Row(THREADS, ("error",))])
    page = session.cells[-1].model_copy(update={"reason": "Traceback\n  line\n" * 50})
    report = validate_results(recommended(WAITING), session._replace(cells=(*session.cells[:-1], page)), knowledge())
    assert "\n" not in report.reason
    assert len(report.reason) < 300
    assert report.reason.endswith("...")


# Tables of the user's -------------------------------------------------------------------------------------------------

BANDS = """
table: speedup_bands
title: Ours
hit_policy: first
inputs: {speedup: {type: number}}
outputs: {verdict: {type: string, values: [avoid, stay_simple, consider, use]}}
rules:
  - {id: fast, when: {speedup: '>= 3'}, then: {verdict: use}, because: Fast}
"""


def with_bands(text: str) -> Knowledge:
    ours = knowledge()
    return replace(ours, tables={**ours.tables, "speedup_bands": load_table(text)})


def test_the_bands_may_be_the_users() -> None:
    session = run([baseline(3.2), control(3.2), steady(THREADS, 0.4), steady("asyncio_processes", 0.2)])
    lenient = with_bands(BANDS + "default: {verdict: avoid}\n")
    report = validate_results(recommended(WAITING), session, lenient)
    assert (report.verdict, report.winner) == ("confirmed", "asyncio_processes")
    assert report.reason.endswith("The table's default applies.")
    with pytest.raises(SelectorError, match="no rule matches a speedup of 1"):
        validate_results(recommended(WAITING), session, with_bands(BANDS))


# Any run --------------------------------------------------------------------------------------------------------------

amounts = st.none() | st.sampled_from([0.0, 1e-9, 0.05, 1.0, 99.0, 210.0, 1e12]) | st.floats(0, 1e12)
times_or_failures = st.lists(
    st.sampled_from([0.0, 0.2, 0.2, 0.21, 1.0, 1.05, 1e12, "crash", "mismatch", "timeout", "not_run", "out_of_memory"])
    | st.floats(0, 1e12),
    max_size=6,
)
some_figures = st.fixed_dictionaries(
    dict.fromkeys(("startup_seconds", "cpu_seconds", "cpu_percent", "peak_memory_mb", "imbalance"), amounts),
    optional={
        "gil_enabled": st.none() | st.booleans(),
        "short": st.none() | st.booleans(),
        "workers_seen": st.none() | st.integers(0, 99),
        "task_latency_ms": st.none()
        | st.builds(TaskLatency, **dict.fromkeys(("p50", "p95", "p99"), st.floats(0, 1e12))),
    },
)
rows_of_any_kind = st.lists(
    st.builds(
        Row,
        approach=st.sampled_from(APPROACHES),
        seconds=times_or_failures,
        role=st.sampled_from(["baseline", "control", "candidate", "candidate", "scaling"]),
        interpreter=st.sampled_from(["3.14", "3.14t", "3.13", "odd"]),
        workers=st.sampled_from([1, 2, 4, 32, 10**6]),
        variant=st.sampled_from(["", "", "", "other"]),
        figures=some_figures,
    ),
    max_size=8,
)
milliseconds = st.none() | st.floats(0, 1e12)


@settings(max_examples=150)
@given(
    st.sampled_from([WAITING, COMPUTING, THREADING, IN_A_LOOP]) | profiles(),
    rows_of_any_kind,
    st.sampled_from(["done", "budget", "interrupted", "failed", None]),
    st.tuples(milliseconds, milliseconds),
    st.integers(1, 64),
    st.integers(1, 10**12),
    st.booleans(),
)
def test_any_run_ends_in_a_report(
    profile: WorkloadProfile, rows: list[Row], end: str | None, task_ms: Any, cpus: int, tasks: int, own: bool
) -> None:
    result = selector().recommend(profile, changes="none")
    if own:  # otherwise most runs hold nothing of what was recommended
        rows = [row._replace(approach=result.approach) if i == 0 else row for i, row in enumerate(rows)]
    report = judged(rows, result=result, end=end, task_ms=task_ms, cpus=cpus, tasks=tasks)
    assert report.reason.endswith(".")
    assert all(text.endswith(".") for text in (*report.analysis, *report.advice, *report.warnings))
    assert len(report.analysis) <= 6
    measured = {(m.approach, m.interpreter) for m in report.measurements if m.status == "ok" and m.role != "scaling"}
    assert report.winner is None or (report.winner, report.winner_interpreter) in measured
    assert report.winner is not None or not measured or report.verdict == "inconclusive"
    if report.verdict != "inconclusive":
        assert (report.recommended, report.recommended_interpreter) in measured
    for m in report.measurements:
        assert (m.seconds is not None) == (m.status == "ok") == (m.samples > 0)
