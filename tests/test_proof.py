"""From a recommendation to its proof: the plan for this host, the script whatever the profile says, the saved run."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_script import FAKE, GOOD, saved
from pythons import found_here, interpreter
from strategies import FIXED_HOST

from selector import Selector, SelectorError, WorkloadProfile, files
from selector import proof as room
from selector.benchmark import engine_arm
from selector.benchmark.events import CellEvent, Event
from selector.benchmark.plan import BenchmarkPlan
from selector.proof import BenchmarkOptions, Proof, plan_for, prove
from selector.recommend.recommendation import Recommendation
from selector.validation import ValidationReport

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="files and signals of POSIX")
TINY = WorkloadProfile(workload_type="cpu", tasks=8, cpu_ms_per_task=3, name="tiny")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_interpreters", found_here)


def planned(profile: WorkloadProfile, *interpreters: str, **options: Any) -> tuple[Recommendation, BenchmarkPlan]:
    return plan_for(Selector(host=FIXED_HOST), profile, BenchmarkOptions(interpreters=interpreters, **options))


# The plan for this host -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("found")
def test_the_recommendation_is_for_this_host_whatever_the_profile_was_written_for() -> None:
    written = TINY.model_copy(update={"cpu_cores": 64, "platform": "windows"})
    recommendation, plan = planned(written)
    assert (recommendation.profile.cpu_cores, recommendation.profile.platform) == (4, "linux")
    assert plan.notes[0] == "The profile has 64 CPU cores, this machine 4: everything is measured with 4."
    assert max(plan.workers.values()) <= 4
    fewer, plan = planned(TINY.model_copy(update={"cpu_cores": 2}))
    assert (fewer.profile.cpu_cores, plan.parameters["CPUS"]) == (2, 2)
    assert not any("CPU cores" in note for note in plan.notes)


@pytest.mark.usefixtures("found")
def test_without_a_wish_the_newest_of_each_kind_are_measured_and_all_are_considered() -> None:
    recommendation, plan = planned(TINY)
    assert [python.tag for python in plan.pythons] == ["3.14", "3.14t"]
    assert recommendation.profile.interpreters is None


FREE_THREADS = WorkloadProfile(
    workload_type="cpu", tasks=1000, cpu_ms_per_task=20, shared_state="disjoint_writes", payload_kb_per_task=2000,
    free_threading_ready=True,
)  # fmt: skip


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("wish", ["3.13", " 3.13 ", "3.14", "3.14T"])
def test_what_may_be_used_is_what_is_measured(wish: str) -> None:
    anything, _ = planned(FREE_THREADS)
    assert anything.approach == "free_threaded"
    recommendation, plan = planned(FREE_THREADS, wish)
    tag = wish.strip().lower()
    assert [python.tag for python in plan.pythons] == [tag]
    assert recommendation.profile.interpreters == (tag,)
    assert (recommendation.approach == "free_threaded") == (tag == "3.14t")
    assert recommendation.approach in plan.approaches


@pytest.mark.usefixtures("found")
def test_a_wish_wins_over_the_profile_and_the_profile_over_what_is_found() -> None:
    profile = TINY.model_copy(update={"interpreters": ("3.13", "3.15")})
    recommendation, plan = planned(profile)
    assert ([p.tag for p in plan.pythons], recommendation.profile.interpreters) == (["3.13"], ("3.13", "3.15"))
    assert plan.notes[0] == "In the profile, but not to be measured on this machine: Python 3.15."
    recommendation, plan = planned(profile, "3.14", "3.14t")
    assert [p.tag for p in plan.pythons] == ["3.14", "3.14t"]
    assert recommendation.profile.interpreters == ("3.14", "3.14t")


@pytest.mark.usefixtures("found")
def test_an_interpreter_given_by_its_path_stands_for_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "interpreter_at", lambda path: interpreter("3.14", f"/mine/{path}"))
    for name in ("python3", "./3.14/python"):
        recommendation, plan = planned(TINY, name, "3.14t")
        assert [(p.tag, p.path) for p in plan.pythons] == [("3.14", f"/mine/{name}"), ("3.14t", "/x/python3.14t")]
        assert recommendation.profile.interpreters == ("3.14t", "3.14")
    _, plan = planned(TINY, "python3", "3.14")
    assert [p.path for p in plan.pythons] == ["/mine/python3"]


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("3.12", 'no interpreter "3.12" on this machine'),
        ("3.9", 'interpreter "3.9" is Python 3.9: the benchmark needs 3.10 or later'),
        ("3.x", 'no interpreter "3.x" on this machine'),
        ("/nowhere/python", "/nowhere/python: cannot be run: No such file or directory"),
        ("no-such-python", "no-such-python: cannot be run: No such file or directory"),
        ("", "(empty): cannot be run"),
        ("a\0b/c", "a\0b/c: cannot be run"),
    ],
    ids=["not here", "too old", "no version", "no file", "not on the path", "empty", "NUL"],
)
@posix_only
def test_an_interpreter_that_cannot_be_measured_is_refused(wish: str, words: str) -> None:
    with pytest.raises(SelectorError) as refused:
        planned(TINY, wish)
    assert words in refused.value.message
    assert "3.14" in refused.value.hint
    assert refused.value.exit_code == 2


# The proof ------------------------------------------------------------------------------------------------------------

ENOUGH = WorkloadProfile(workload_type="cpu", tasks=800, cpu_ms_per_task=30, name="enough", free_threading_ready=False)


class Watched:
    """A view that keeps what it is shown, and may have something to say to it."""

    def __init__(self, react: Callable[[Event], None] = lambda event: None) -> None:
        self.shown: list[Event] = []
        self.react = react
        self.closed = False

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Event], None]]:
        def show(event: Event) -> None:
            self.shown.append(event)
            self.react(event)

        yield show
        self.closed = True


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: None) -> Callable[..., Proof]:
    """`proven(body, view, ...)` is the proof of a workload by a script of this body."""
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))

    def go(body: str = GOOD, view: Watched | None = None, profile: WorkloadProfile = ENOUGH, **options: Any) -> Proof:
        monkeypatch.setattr(room, "script_for", lambda plan: FAKE + textwrap.dedent(body))
        return prove(Selector(host=FIXED_HOST), profile, BenchmarkOptions(**options), view or Watched())

    return go


FILES = ["bench.py", "events.jsonl", "plan.json", "report.html", "report.md", "results.json"]


def test_a_proof_keeps_all_that_it_rests_on(proven: Callable[..., Proof], tmp_path: Path) -> None:
    view, folder = Watched(), tmp_path / "a" / "b"
    proof = proven(view=view, save=folder, budget_seconds=5, seed=77, io="sleep")
    assert (proof.folder, proof.interrupted, proof.unsaved, view.closed) == (folder, False, None, True)
    assert sorted(os.listdir(folder)) == FILES
    report = ValidationReport.model_validate_json((folder / "results.json").read_bytes())
    assert report == proof.report
    assert (report.verdict, report.winner, report.complete) == ("confirmed", "multiprocessing", True)
    assert (report.seed, report.io, report.budget_seconds) == (77, "sleep", 5)
    assert [event.event for event in view.shown] == ["start", "interpreter", "plan", *["cell"] * 9, "end"]
    session = saved(folder / "events.jsonl")
    assert list(session.cells) == [event for event in view.shown if isinstance(event, CellEvent)]
    plan = BenchmarkPlan.model_validate_json((folder / "plan.json").read_bytes())
    assert (plan.recommended, plan.seed, plan.name) == ("multiprocessing", 77, "enough")
    assert (folder / "report.md").read_text("utf-8").startswith("## Verdict\n\n- **Workload:** enough\n")
    assert (folder / "bench.py").read_text("utf-8").startswith(FAKE.rstrip())


@pytest.mark.parametrize(
    ("asks", "engine", "hint"),
    [
        ({"durable": True}, "huey", "leave out what asks for it: --set durable=false"),
        (
            {"durable": True, "machines": 3},
            "celery",
            "leave out what asks for it: --set durable=false --set machines=1",
        ),
    ],
)
def test_what_spreads_over_machines_is_refused_before_a_budget_is_spent(
    proven: Callable[..., Proof],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asks: dict[str, Any],
    engine: str,
    hint: str,
) -> None:
    monkeypatch.setattr(engine_arm, "_is_installed", lambda *_: False)
    view = Watched()
    with pytest.raises(SelectorError) as refused:
        proven(view=view, profile=ENOUGH.model_copy(update=asks), save=tmp_path / "mine")
    assert refused.value.message == (
        f"the recommendation is a distributed task queue on {engine}, which is not installed: nothing was run"
    )
    assert (refused.value.exit_code, refused.value.hint.endswith(hint)) == (1, True)
    assert view.shown == []
    assert not (tmp_path / "mine").exists()


def test_the_notes_of_the_plan_are_warnings_of_the_report(proven: Callable[..., Proof]) -> None:
    report = proven(
        "print('stray'); start(); round(0); end()", profile=ENOUGH.model_copy(update={"cpu_cores": 9})
    ).report
    assert report.warnings[0] == "The profile has 9 CPU cores, this machine 4: everything is measured with 4."
    assert any("no events: 1" in warning for warning in report.warnings)
    assert report.profile.cpu_cores == 4


@pytest.mark.parametrize("name", ["results.json", "report.md", "report.html"])
def test_a_report_that_cannot_be_saved_is_not_lost(proven: Callable[..., Proof], tmp_path: Path, name: str) -> None:
    (tmp_path / "mine" / name).mkdir(parents=True)
    proof = proven(save=tmp_path / "mine", force=True)
    assert proof.report.verdict == "confirmed"
    assert proof.unsaved is not None
    assert proof.unsaved.message.startswith(f"{tmp_path / 'mine' / name}: cannot be written: ")
    assert proof.unsaved.exit_code == 1


@pytest.mark.parametrize("name", ["bench.py", "plan.json", "events.jsonl"])
def test_a_run_whose_files_cannot_be_written_does_not_begin(
    proven: Callable[..., Proof], tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine" / name).mkdir(parents=True)
    view = Watched()
    with pytest.raises(SelectorError, match=rf"{re.escape(name)}: (cannot be|this is no file)"):
        proven(view=view, save=tmp_path / "mine", force=True)
    assert view.shown == []


@posix_only
def test_a_file_that_has_another_name_elsewhere_keeps_what_is_in_it(
    proven: Callable[..., Proof], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in FILES:
        (tmp_path / f"precious {name}").write_text("mine")
        os.link(tmp_path / f"precious {name}", folder / name)
    proven(save=folder, force=True)
    assert sorted(os.listdir(folder)) == FILES
    assert {(tmp_path / f"precious {name}").read_text() for name in FILES} == {"mine"}


@posix_only
def test_ctrl_c_ends_the_measuring_but_not_the_judging(proven: Callable[..., Proof]) -> None:
    view = Watched()
    proof = proven("start(); round(0); os.kill(os.getppid(), signal.SIGINT); time.sleep(60)", view)
    assert (proof.interrupted, proof.report.complete, view.closed) == (True, False, True)
    assert len(proof.report.measurements) == 2
    assert sorted(os.listdir(proof.folder)) == sorted([".made-by-validate", *FILES])
    assert ValidationReport.model_validate_json((proof.folder / "results.json").read_bytes()) == proof.report
    assert [event.event for event in view.shown] == ["start", "interpreter", "plan", *["cell"] * 3, "end"]


@posix_only
def test_ctrl_c_while_an_event_is_shown_loses_none(proven: Callable[..., Proof]) -> None:
    def press(event: Event) -> None:
        if isinstance(event, CellEvent) and event.arm == 1:
            signal.raise_signal(signal.SIGINT)

    view = Watched(press)
    proof = proven("start(); round(0); time.sleep(60)", view)
    assert proof.interrupted
    cells = [event for event in view.shown if isinstance(event, CellEvent)]
    assert [cell.arm for cell in cells] in ([0, 1], [0, 1, 2])
    assert list(saved(proof.folder / "events.jsonl").cells) == cells


@posix_only
def test_ctrl_c_before_anything_was_measured_is_a_report_without_a_verdict(proven: Callable[..., Proof]) -> None:
    report = proven("start(); os.kill(os.getppid(), signal.SIGINT); time.sleep(60)").report
    assert (report.verdict, report.complete) == ("inconclusive", False)
    assert all(m.seconds is None for m in report.measurements)


@posix_only
def test_ctrl_c_before_the_script_has_begun_is_no_report(proven: Callable[..., Proof], tmp_path: Path) -> None:
    view = Watched()
    with pytest.raises(KeyboardInterrupt):
        proven("os.kill(os.getppid(), signal.SIGINT); time.sleep(60); start()", view, save=tmp_path / "mine")
    assert view.closed is False
    assert sorted(os.listdir(tmp_path / "mine")) == ["bench.py", "events.jsonl", "plan.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_failure_and_no_wrong_name(
    proven: Callable[..., Proof], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "write_atomically", full)
    with pytest.raises(SelectorError, match=os.strerror(number)) as failed:
        proven(save=tmp_path / "mine")
    assert (failed.value.exit_code, failed.value.hint) == (1, "make room, or write to another disk")


def test_a_script_that_measures_nothing_is_an_error_that_names_it(proven: Callable[..., Proof], tmp_path: Path) -> None:
    with pytest.raises(SelectorError) as failed:
        proven("start(); raise ValueError('no such thing')", save=tmp_path / "mine")
    assert "ValueError: no such thing" in failed.value.message
    assert (failed.value.exit_code, str(tmp_path / "mine" / "bench.py") in failed.value.hint) == (1, True)
    assert sorted(os.listdir(tmp_path / "mine")) == ["bench.py", "events.jsonl", "plan.json"]


def test_a_script_that_breaks_off_still_has_its_measurements_judged(proven: Callable[..., Proof]) -> None:
    proof = proven("start(); round(0); sys.exit(7)")
    assert (proof.interrupted, proof.report.complete) == (False, False)
    assert [m.status for m in proof.report.measurements] == ["ok", "ok"]
