"""The verdict on runs made of small tables of numbers, and what a person would conclude from them."""

from __future__ import annotations

import pytest
from events import Row, baseline, control, figures, interpreter, run, steady
from judging import (
    COMPUTING,
    FREE,
    IN_A_LOOP,
    LOOPING,
    PROCESSES,
    SINGLE,
    THREADING,
    THREADS,
    WAITING,
    found,
    having,
    judged,
    knowledge,
    recommended,
)

from selector.benchmark.events import EndEvent, Session
from selector.validation import validate_results

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
    report = judged(rows, ended="budget")
    assert report.verdict == "inconclusive"
    assert report.reason == (
        "After 3 runs, threads may take anything from 0.33x to 3.0x as long as asyncio: the times of one and the same"
        " thing scatter too much here."
    )
    assert having(report.advice, "--budget 120s")


def test_on_a_noisy_host_a_small_difference_gives_no_verdict_but_after_many_runs() -> None:
    noisy = (3.0, 4.0)
    plain = [Row(SINGLE, noisy, "baseline"), Row(SINGLE, noisy, "control")]
    rows = [*plain, Row(THREADS, (0.2, 0.19, 0.21, 0.2)), Row("asyncio", (0.17, 0.18, 0.16, 0.17))]
    report = judged(rows)
    assert (report.verdict, report.winner) == ("inconclusive", None)
    assert report.noise_floor is not None and report.noise_floor > 0.5
    assert report.reason.startswith("After 4 runs, threads may take anything from ")
    often = judged([*plain, steady(THREADS, 0.2), steady("asyncio", 0.17)])
    assert (often.verdict, often.winner) == ("confirmed", "asyncio")  # they are steady: the range of their ratio tells
    assert having(report.warnings, "may be chance here")
    wild = [Row(SINGLE, (3.0, 9.0), "baseline"), Row(SINGLE, (9.0, 3.0), "control"), *rows[2:]]
    beyond = judged(wild)
    assert (beyond.verdict, beyond.noise_floor) == ("inconclusive", None)  # "2636 % is noise" would say nothing
    assert having(beyond.warnings, "the times are no guide")


def test_a_rival_that_was_slower_in_every_run_is_not_taken_for_faster_however_noisy_the_host_is() -> None:
    """Pandas by threads against free threads: the scatter of four runs let it be 0.46x to 1.04x as long."""
    plain = [Row(SINGLE, (2.0, 2.6), "baseline"), Row(SINGLE, (2.8, 2.2), "control")]
    ours, theirs = (0.9, 1.03, 0.76, 0.99), (1.14, 1.6, 1.53, 1.18)
    report = judged([*plain, Row(THREADS, ours), Row("asyncio", theirs)])
    assert report.noise_floor is not None and report.noise_floor > 0.2
    assert (report.verdict, report.winner) == ("confirmed", THREADS)
    assert report.reason.endswith("asyncio, the next, took 1.36 s, and was slower in every run.")
    often_as_fast = judged([*plain, Row(THREADS, ours), Row("asyncio", (1.0, *theirs[1:]))])
    assert often_as_fast.verdict == "inconclusive"


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
    report = judged([baseline(3.2), control(3.2), Row(THREADS, (status,)), steady("asyncio", 0.2)], ended="budget")
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
    report = judged([baseline(3.2), Row(THREADS), steady("asyncio", 0.2)], ended=end, detail=detail)
    assert report.verdict == "inconclusive"
    assert words in report.reason
    assert not report.complete
    assert bool(having(report.advice, "Let it run to its end.")) == (end in (None, "interrupted"))
    assert bool(having(report.warnings, "The run")) == (end in (None, "interrupted", "failed"))


def test_an_arm_that_was_dropped_before_it_ran_says_why() -> None:
    report = judged([baseline(3.2), Row(THREADS)], drops={1: "no Python for it"})
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
    slow = IN_A_LOOP.model_copy(update={"durable": True})
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
