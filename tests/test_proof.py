"""From a recommendation to its proof: the plan for this host, the script whatever the profile says, the saved run."""

from __future__ import annotations

import ast
import errno
import functools
import json
import os
import random
import re
import shlex
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from strategies import FIXED_HOST

from selector import Selector, SelectorError, WorkloadProfile, __version__
from selector import proof as room
from selector.benchmark import render
from selector.benchmark.events import CellEvent, Event, read_events
from selector.benchmark.plan import BenchmarkPlan
from selector.files import resource_dir
from selector.host import Interpreter, interpreter_at
from selector.proof import (
    BenchmarkOptions,
    Proof,
    command_for,
    plan_for,
    prove,
    script_for,
    script_of,
    template_named,
    template_names,
)
from selector.recommend.recommendation import Recommendation
from selector.validation import ValidationReport
from selector.workload.reading import profile_from_mapping

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="files and signals of POSIX")
BEGIN, END = "# --- parameters: begin ---", "# --- parameters: end ---"
TINY = WorkloadProfile(workload_type="cpu", tasks=8, cpu_ms_per_task=3, name="tiny")


def interpreter(tag: str, path: str = "", implementation: Any = "CPython") -> Interpreter:
    free = tag.endswith("t")
    return Interpreter(
        path=path or f"/x/python{tag}", version=f"{tag.rstrip('t')}.1", tag=tag, implementation=implementation,
        free_threaded=free, gil_enabled=not free, bits=64, found_in="PATH",
    )  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreters of FIXED_HOST, and some that are not to be measured."""
    tags = [tag for tag, _ in FIXED_HOST.interpreters]
    here = [interpreter("3.9"), interpreter("3.14", "/x/pypy", "PyPy"), *map(interpreter, tags)]
    monkeypatch.setattr(room, "find_interpreters", lambda: tuple(here))


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
    assert (fewer.profile.cpu_cores, plan.parameters["CPUS"], plan.notes) == (2, 2, ())


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


def program(folder: Path, text: str) -> str:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


def test_an_interpreter_is_found_by_path_and_by_name_and_its_path_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = interpreter_at(sys.executable)
    assert here.path == os.path.abspath(sys.executable)
    assert here.version == ".".join(map(str, sys.version_info[:3])) + here.version.split(str(sys.version_info[2]))[-1]
    assert here.tag.rstrip("t") == f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.platform == "win32":
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    wrapper = program(tmp_path, f'exec "{sys.executable}" "$@"')
    for name in ("program", "./program", "~/program", wrapper):
        assert interpreter_at(name) == here.model_copy(update={"path": wrapper})


@posix_only
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 0", "did not answer as Python does"),
        ("exit 3", "ended with exit code 3"),
        ("kill -9 $$", "was killed by signal 9"),
        ("sleep 60", "no answer in time"),
        ("echo '[1]'", "did not answer as Python does"),
        (
            """echo '{"version": "2.7.1", "release": [2, 7], "implementation": "cpython", "free_threaded": false}'""",
            "is no Python that this tool knows (CPython or PyPy, 3.8 or later)",
        ),
    ],
    ids=["silent", "failing", "killed", "hanging", "other JSON", "Python 2"],
)
def test_a_program_that_is_no_python_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = program(tmp_path, text)
    with pytest.raises(SelectorError) as refused:
        interpreter_at(path, timeout_seconds=0.5 if "sleep" in text else 10)
    assert str(refused.value) == f"{path}: {reason}\na version such as 3.14t, or the path of a Python"
    assert refused.value.exit_code == 2


# The script -----------------------------------------------------------------------------------------------------------


def parts(script: str) -> tuple[str, str, str]:
    """What stands before the parameters, they, and what stands behind them."""
    lines = script.split("\n")
    assert (lines.count(BEGIN), lines.count(END)) == (1, 1)
    first, last = lines.index(BEGIN), lines.index(END)
    return tuple("\n".join(some) for some in (lines[:first], lines[first : last + 1], lines[last + 1 :]))  # type: ignore[return-value]


def values(block: str) -> dict[str, Any]:
    """The parameters of a block, in their order; each is one literal, and there is nothing else."""
    found: dict[str, Any] = {}
    for statement in ast.parse(block).body:
        assert isinstance(statement, ast.Assign | ast.AnnAssign)
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        assert isinstance(target, ast.Name) and target.id not in found and statement.value is not None
        found[target.id] = ast.literal_eval(statement.value)
    return found


@pytest.mark.usefixtures("found")
def test_the_script_has_the_numbers_of_the_plan_and_is_otherwise_the_template() -> None:
    _, plan = planned(TINY, budget_seconds=7)
    script = script_for(plan)
    head, block, tail = parts(script)
    assert values(block) == plan.parameters
    assert values(block) | {"NAME": "tiny", "TASKS": 8, "CPU_MS_PER_TASK": 3, "BUDGET_SECONDS": 7} == values(block)
    template = (resource_dir("templates") / "compare_approaches.py").read_text("utf-8")
    user_part = template.partition("# --- your code: begin ---")[2].partition("# --- your code: end ---")[0]
    assert user_part in tail
    assert f"# Written by concurrency-selector {__version__}.\n" in head
    compile(script, "bench.py", "exec")


def test_the_templates_have_names_that_people_type() -> None:
    assert template_names() == ["agents", "compare-approaches", "todo-batch", "web-scraper"]
    for word in ("web-scraper", "web_scraper", "Web-Scraper", " web_scraper.py "):
        assert template_named(word) == "web_scraper"
    for word, near in {"webscraper": ' (did you mean "web-scraper"?)', "harness": "", "../x": "", "": ""}.items():
        with pytest.raises(SelectorError) as refused:
            template_named(word)
        assert refused.value.message == f"no template {json.dumps(word)}{near}"
        assert refused.value.hint == "one of agents, compare-approaches, todo-batch, web-scraper"


@pytest.mark.parametrize("name", ["agents", "web_scraper"])
def test_a_template_with_a_workload_of_its_own_takes_the_budget_and_the_cpus(name: str) -> None:
    script = script_of(name, BenchmarkOptions(budget_seconds=5), 3)
    found = values(parts(script)[1])
    assert (found["BUDGET_SECONDS"], found["CPUS"]) == (5, 3)
    own = values(parts((resource_dir("templates") / f"{name}.py").read_text("utf-8"))[1])
    assert {**own, "BUDGET_SECONDS": 5, "CPUS": 3} == found
    compile(script, name, "exec")


@pytest.mark.usefixtures("found")
def test_the_command_that_runs_a_script_is_one_for_a_shell() -> None:
    options = BenchmarkOptions(interpreters=("3.14", "3.14t"), io="sleep", seed=0)
    _, plan = plan_for(Selector(host=FIXED_HOST), TINY, options)
    script = Path("my bench';\n$(x).py")
    words = ["python", str(script), "--interpreter", "/x/python3.14", "--interpreter", "/x/python3.14t"]
    assert shlex.split(command_for(script, options, plan)) == [*words, "--io", "sleep", "--seed", "0"]
    assert command_for(Path("bench.py"), BenchmarkOptions()) == "python bench.py"


# Two thousand hostile profiles ----------------------------------------------------------------------------------------

CANARY = "it_was_executed"
SPITE = (
    '"', "'", '"""', "'''", "\\", "\\\\", "\n", "\r", "\r\n", "\t", "\x00", "\x07", "\x08", "\x0b", "\x0c", "\x1a", "\x1b", "\x7f",
    "\x85", "\x9b31m", "\xa0", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\ufffe", "🙂", "é", "e\u0301", "\U000e0041",
    "\x1b[31m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1bP", "\x1b[6n", "#", ";", "{", "}", "{0}", "{{", "}}", "%s", "%(x)s", "%%", "%n",
    "$HOME", "${x}", "$(x)", "`x`", "{{ x }}", "{% x %}", "<%= x %>", "__NAME__", "@", "\\N{BULLET}", "\\x1b", "\\u202e", "\\\n",
    BEGIN, END, f"\n{END}\n", f"\n{BEGIN}\n", "# --- your code: begin ---", "\n# --- your code: end ---\n", "# ///", "# /// script",
    '\nif __name__ == "__main__":\n', "\nimport os\n", "# noqa", "# fmt: off", "# type: ignore", "coding: latin-1", "../../x", "~/x",
    f'"; open("{CANARY}", "w"); "', f"'); open('{CANARY}', 'w'); ('", f'\n\nopen("{CANARY}", "w")\n', f'\\"; open("{CANARY}", "w") #',
    f'{{open("{CANARY}", "w")}}', f"{{__import__('os').system('touch {CANARY}')}}", f"$(touch {CANARY})", f"`touch {CANARY}`",
    f"\r\x0copen('{CANARY}','w')", "None", "0", "1e999", "nan", "lambda: 0", "()", "[]", "x" * 60, " ", "", "\ud800", "\udfff",
)  # fmt: skip


def spite(rng: random.Random, longest: int) -> str:
    words = rng.choices((*SPITE, *string.printable), k=rng.choice((1, 1, 2, 3, 8, 30)))
    return rng.choice(("", " ", "a")).join(words)[:longest]


def hostile_profiles(count: int) -> Iterator[WorkloadProfile]:
    """So many that the profile accepts (it refuses half a surrogate pair)."""
    rng = random.Random(3)
    while count:
        texts = {"name": spite(rng, 200), "description": spite(rng, 4000)}
        data = {"workload_type": rng.choice(("cpu", "io", "hybrid")), "tasks": 8, "cpu_ms_per_task": 3, **texts}
        try:
            profile = profile_from_mapping(data)
        except SelectorError:
            assert re.search("[\ud800-\udfff]", "".join(texts.values()))
        else:
            yield profile
            count -= 1


class Quick(Selector):
    """Asks nobody what would change the answer: that is most of the time of a plan, and not in the script."""

    def recommend(self, profile: WorkloadProfile, changes: bool = True) -> Recommendation:  # noqa: ARG002
        return super().recommend(profile, changes="none")


def check_hostile_profiles(count: int) -> None:
    """Each script is that of the same profile with a harmless name, but for the literal of the name."""
    selector = Quick(host=FIXED_HOST)

    def script_of_profile(profile: WorkloadProfile) -> str:
        return script_for(plan_for(selector, profile, BenchmarkOptions(budget_seconds=60))[1])

    @functools.cache
    def harmless(workload_type: Any) -> tuple[str, str, str]:
        data = {"name": "A name", "tasks": 8, "cpu_ms_per_task": 3, "workload_type": workload_type}
        return parts(script_of_profile(WorkloadProfile(**data)))

    for profile in hostile_profiles(count):
        script = script_of_profile(profile)
        compile(script, "bench.py", "exec")
        head, block, tail = parts(script)
        head_of_harmless, block_of_harmless, tail_of_harmless = harmless(profile.workload_type)
        assert (head, tail) == (head_of_harmless, tail_of_harmless)
        assert block.isascii()
        assert all(line.isprintable() for line in block.split("\n"))
        assert values(block) == {**values(block_of_harmless), "NAME": profile.name or "Workload"}
        changed = [line for line in block.split("\n") if line not in block_of_harmless.split("\n")]
        assert len(changed) <= 3  # `NAME = "..."`, in parentheses if it is long


@pytest.mark.usefixtures("found")
def test_two_thousand_hostile_profiles_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters of the template that ships, and little else: to read all that lies beside it takes 0.1 s a script."""
    _, block, _ = parts((resource_dir("templates") / "compare_approaches.py").read_text("utf-8"))
    small = tmp_path / "compare_approaches.py"
    small.write_text(f'"""Small."""\n\n{block}\n\nif __name__ == "__main__":\n    print(NAME)\n', "utf-8")
    monkeypatch.setattr(room, "_templates", lambda: {room.TEMPLATE: small})
    monkeypatch.chdir(tmp_path)
    check_hostile_profiles(2000)
    assert os.listdir(tmp_path) == [small.name]


@pytest.mark.usefixtures("found")
def test_some_of_them_with_the_template_as_it_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_hostile_profiles(20)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        f'{END}\n"""; open("{CANARY}", "w"); """\x1b[31m\r\x07\x9b2J',
        f"{{__import__('os').system('touch {CANARY}')}} %(x)s \u202e\u2066 {{0}} {{x!r}} \x00 \\N{{BULLET}}",
        f"'''\n\nopen('{CANARY}', 'w')\nif __name__ == '__main__':\n\x0c# coding: latin-1 \x1b]0;x\x07 🙂",
    ],
    ids=["markers", "formats", "lines"],
)
@pytest.mark.parametrize("options", [["--budget", "1", "--io", "sleep"], ["--help"]], ids=["run", "help"])
def test_a_script_with_a_hostile_name_only_prints_it(name: str, options: list[str], tmp_path: Path) -> None:
    profile = TINY.model_copy(update={"name": name, "description": name})
    _, plan = plan_for(Quick(), profile, BenchmarkOptions(interpreters=(sys.executable,)))
    (tmp_path / "bench.py").write_text(script_for(plan), "utf-8")
    done = subprocess.run(
        [sys.executable, "bench.py", *options], cwd=tmp_path, capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, shown
    assert "Traceback" not in shown
    assert all(line.isprintable() for line in shown.split("\n")), ascii(shown)
    assert "single_threaded" in shown
    assert os.listdir(tmp_path) == ["bench.py"]


# The proof ------------------------------------------------------------------------------------------------------------

#: A script that says at once what a real one would, of 8 tasks with a baseline of 1 s.
FAKE = """
import json, os, signal, sys, time

def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)

def arm(number, approach, role):
    at = {"approach": approach, "interpreter": "3.14", "workers": 1, "role": role, "variant": ""}
    return {"arm": number, **at}

ARMS = [
    arm(0, "single_threaded", "baseline"), arm(1, "single_threaded", "control"), arm(2, "multiprocessing", "candidate")
]
NOTHING = dict.fromkeys([
    "launch_seconds", "startup_seconds", "first_result_seconds", "steady_seconds", "cpu_seconds", "cpu_percent",
    "peak_memory_mb", "memory_metric", "task_latency_ms", "gil_enabled", "checksum", "workers_seen", "imbalance", "short",
    "extrapolated_from",
])

def start():
    said = dict(zip(sys.argv, sys.argv[1:]))
    seed, budget = int(said.get("--seed", 1)), float(said["--budget"])
    about = {"schema": 1, "name": "fake", "seed": seed, "budget_seconds": budget, "io": said["--io"], "cpus": 2}
    say("start", **about, recommended="multiprocessing", assumed=[], memory_limit_mb=None, python="3.14.0")
    say("interpreter", interpreter="3.14", path="/x/python3.14", version="3.14.0", free_threaded_build=False,
        gil_enabled=True, reference=True, status="ok", reason="")
    say("plan", tasks=8, tasks_asked=8, task_wall_ms=1.0, task_cpu_ms=1.0, arms=ARMS)

def round(number):
    for arm, seconds in zip(ARMS, (1.0, 1.01, 0.5)):
        say("cell", round=number, status="ok", reason="", tasks=8, seconds=seconds + number / 1000, **arm, **NOTHING)

def end(reason="done"):
    say("end", reason=reason, detail="", seconds=2.0)

def interrupted(*_):
    end("interrupted")
    sys.exit(130)

signal.signal(signal.SIGINT, interrupted)
"""
GOOD = "start(); round(0); round(1); round(2); end()"
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


FILES = ["bench.py", "events.jsonl", "plan.json", "report.md", "results.json"]


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
    session = read_events(folder / "events.jsonl")
    assert list(session.cells) == [event for event in view.shown if isinstance(event, CellEvent)]
    plan = BenchmarkPlan.model_validate_json((folder / "plan.json").read_bytes())
    assert (plan.recommended, plan.seed, plan.name) == ("multiprocessing", 77, "enough")
    assert (folder / "report.md").read_text("utf-8").startswith("## Verdict\n\n- **Workload:** enough\n")
    assert (folder / "bench.py").read_text("utf-8").startswith(FAKE.rstrip())


@pytest.mark.parametrize(
    ("asks", "hint"),
    [
        ({"durable": True}, "leave out what asks for it: --set durable=false"),
        ({"durable": True, "machines": 3}, "leave out what asks for it: --set durable=false --set machines=1"),
    ],
)
def test_what_spreads_over_machines_is_refused_before_a_budget_is_spent(
    proven: Callable[..., Proof], tmp_path: Path, asks: dict[str, Any], hint: str
) -> None:
    view = Watched()
    with pytest.raises(SelectorError) as refused:
        proven(view=view, profile=ENOUGH.model_copy(update=asks), save=tmp_path / "mine")
    assert refused.value.message == (
        "the recommendation is a distributed task queue, which cannot be measured on one machine: nothing was run"
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


def test_a_folder_with_something_in_it_is_left_alone_without_force(
    proven: Callable[..., Proof], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "results.json").write_text("mine")
    with pytest.raises(SelectorError) as refused:
        proven(save=folder)
    assert str(refused.value) == f"{folder}: the folder is not empty\ntake another one, or --force to write into it"
    assert (os.listdir(folder), (folder / "results.json").read_text()) == (["results.json"], "mine")
    (folder / "notes.txt").write_text("mine, too")
    (folder / "events.jsonl").write_text("of an earlier run\n")
    proof = proven(save=folder, force=True)
    assert sorted(os.listdir(folder)) == sorted([*FILES, "notes.txt"])
    assert ValidationReport.model_validate_json((folder / "results.json").read_bytes()) == proof.report
    assert len(read_events(folder / "events.jsonl").cells) == 9


@posix_only
@pytest.mark.parametrize(
    ("name", "reason"),
    [("file", "File exists"), ("file/below", "Not a directory"), ("a\0b", "the name is not one a folder can have")],
    ids=["a file", "below a file", "NUL"],
)
def test_what_cannot_be_a_folder_is_refused_before_anything_runs(
    proven: Callable[..., Proof], tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").write_text("mine")
    view = Watched()
    with pytest.raises(SelectorError) as refused:
        proven(view=view, save=tmp_path / name, force=True)
    assert refused.value.message == f"{tmp_path / name}: cannot be used: {reason}"
    assert (refused.value.exit_code, refused.value.hint) == (2, "--save with a folder you may write to")
    assert view.shown == []
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["results.json", "report.md"])
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


def made_by_validate(runs: Path, name: str) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / ".made-by-validate").touch()
    return folder


def test_of_the_runs_that_nobody_asked_to_keep_the_last_ten_are_kept(
    proven: Callable[..., Proof], tmp_path: Path
) -> None:
    runs = tmp_path / "cache" / "runs"
    for day in range(1, 15):
        made_by_validate(runs, f"202501{day:02}T000000Z-1")
    made = [proven().folder, proven().folder]
    assert [folder.parent for folder in made] == [runs, runs]
    assert sorted(os.listdir(made[0])) == sorted([".made-by-validate", *FILES])
    left = sorted(os.listdir(runs))
    assert left[:8] == [f"202501{day:02}T000000Z-1" for day in range(7, 15)]
    assert set(left[8:]) == {folder.name for folder in made}


def test_only_what_validate_made_is_ever_removed(proven: Callable[..., Proof], tmp_path: Path) -> None:
    runs = tmp_path / "cache" / "runs"
    for number in range(12):
        (runs / f"experiment-{number:02}").mkdir(parents=True)
        (runs / f"202401{number + 1:02}T000000Z-1").mkdir()  # no mark
        made_by_validate(runs, f"202402{number + 1:02}T000000Z-mine")  # not such a name
        made_by_validate(runs, f"202403{number + 1:02}T000000Z-1")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / ".made-by-validate").touch()
    (runs / "20240101T000000Z-2").symlink_to(tmp_path / "weights")
    before = set(os.listdir(runs))
    new = proven().folder.name
    assert before - set(os.listdir(runs)) == {f"202403{day:02}T000000Z-1" for day in range(1, 5)} - {
        "20240304T000000Z-1"
    }
    assert new in os.listdir(runs)
    assert os.listdir(tmp_path / "weights") == [".made-by-validate"]


@posix_only
@pytest.mark.parametrize("way", ["shared", "a file"])
def test_where_the_cache_is_not_the_users_alone_a_run_has_a_folder_of_its_own(
    proven: Callable[..., Proof], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Its script is run: nobody else may be able to put another in its place."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    cache = tmp_path / "cache"
    if way == "shared":
        cache.mkdir(exist_ok=True)
        cache.chmod(0o777)
    else:
        shutil.rmtree(cache, ignore_errors=True)
        cache.write_text("in the way")
    proof = proven()
    assert proof.folder.parent == temporary
    assert proof.folder.stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(proof.folder)) == FILES


@posix_only
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_a_link_or_fifo_in_the_folder_is_neither_written_to_nor_replaced(
    proven: Callable[..., Proof], tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "mine"
    folder.mkdir()
    if kind == "fifo":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(tmp_path / ("precious" if kind == "link" else "nothing"))
    before, view = (folder / name).lstat().st_ino, Watched()
    with pytest.raises(SelectorError, match=rf"{re.escape(name)}: this is no file but a (link to|FIFO)"):
        proven(view=view, save=folder, force=True)
    assert view.shown == []
    assert (os.listdir(folder), (folder / name).lstat().st_ino) == ([name], before)
    assert not (tmp_path / "nothing").exists()
    assert (tmp_path / "precious").read_text() == "mine"


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
def test_the_folder_itself_may_be_reached_by_a_link(proven: Callable[..., Proof], tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "mine").symlink_to(tmp_path / "large disk")
    proven(save=tmp_path / "mine")
    assert sorted(os.listdir(tmp_path / "large disk")) == FILES


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("place", ["mkdir", "open"])
def test_a_full_disk_is_a_failure_and_no_wrong_name(
    proven: Callable[..., Proof], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, place: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    if place == "mkdir":
        monkeypatch.setattr(Path, "mkdir", full)
    else:
        monkeypatch.setattr(render, "write_atomically", full)
    with pytest.raises(SelectorError, match=os.strerror(number)) as failed:
        proven(save=tmp_path / "mine")
    assert (failed.value.exit_code, failed.value.hint) == (1, "make room, or write to another disk")


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
    assert list(read_events(proof.folder / "events.jsonl").cells) == cells


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
