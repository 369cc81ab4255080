"""What the figures of a recommendation say in words: its Python, what is missing, which side of a limit."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from example_answers import PROFILES, example, expecting, selector, summary_of
from printed import text_of

from selector import Selector, WorkloadProfile
from selector.files import resource_dir
from selector.recommend.changes import would_change
from selector.recommend.expected import Expected, Speedup
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import all_tables
from selector.recommend.recommendation import Fits, InputChange, RunsHere
from selector.report.recommendation import changes_of, recommendation_document
from selector.report.tables import tables_document
from selector.report.wording import memory_text, python_text, requirements_text, speedup_text

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]


# What the words say ---------------------------------------------------------------------------------------------------


def test_an_interpreter_that_is_missing_is_explained_with_a_way_out() -> None:
    here = HostFacts("linux", 4, (("3.14", "/x/python3.14"),))
    result = Selector(host=here).recommend(PROFILES["database-million-rows"])
    missing = "3.14t (free-threaded build), which is not on this machine: uv python install 3.14t"
    output = " ".join(text_of(recommendation_document(result)).split())
    assert f"{missing} (or take the first alternative)" in output
    assert "Python:   3.14t (free-threaded build), not here: uv python install 3.14t\n" in summary_of(result)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("3.15", "3.15 (found here)"),
        ("3.14t", "3.14t (free-threaded build, found here)"),
        ("3.13t", "3.13t (experimental free-threaded build, found here)"),
    ],
)
def test_an_interpreter_is_what_it_is_and_where_it_is(tag: str, said: str) -> None:
    result = example("web-scraper").model_copy(
        update={"interpreter": tag, "runs_here": RunsHere(available=True, interpreter="/x/python")}
    )
    assert python_text(result, where=False) == said
    assert python_text(result) == said.replace("found here", "found here: /x/python")


def test_the_python_of_the_active_environment_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "real" / "python3.15"
    linked = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for file in (python, linked):
        file.parent.mkdir(parents=True)
    python.touch()
    linked.symlink_to(python)
    here = RunsHere(available=True, interpreter=str(python))
    result = example("web-scraper").model_copy(update={"interpreter": "3.15", "runs_here": here})
    assert python_text(result, where=False) == "3.15 (found here)"
    monkeypatch.setenv("VIRTUAL_ENV", str(linked.parent.parent))
    assert python_text(result, where=False) == "3.15 (this environment's)"
    other = result.model_copy(update={"runs_here": RunsHere(available=True, interpreter="/x/python3.15")})
    assert python_text(other, where=False) == "3.15 (found here)"


def test_where_no_interpreter_is_known_any_will_do() -> None:
    bare = Selector(host=HostFacts("linux", 4)).recommend(PROFILES["api-server"])
    assert "Python:           any\n" in text_of(recommendation_document(bare))
    assert "Python:   any\n" in summary_of(bare)


def test_a_ruled_out_alternative_is_no_way_out() -> None:
    here = HostFacts("linux", 4, (("3.14", "/x/python3.14"),))
    profile = WorkloadProfile(
        workload_type="hybrid", latency_requirement_ms=0.1, releases_gil=False, picklable=False, free_threading_ready=True,
        event_loop=True,
    )  # fmt: skip
    result = Selector(host=here).recommend(profile)
    assert result.runs_here.available is False
    assert result.alternatives[0].rejected_by is not None
    assert "take the first alternative" not in " ".join(text_of(recommendation_document(result)).split())


def test_the_tables_of_two_folders_say_which_folder_each_comes_from(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_bytes((resource_dir("rules") / "engine.yaml").read_bytes())
    output = text_of(tables_document(all_tables(tmp_path)))
    assert re.search(r"^engine +first +10 +\d ", output, re.MULTILINE)
    assert output.count(str(tmp_path)[:40]) == 1


# What is missing, and which side of a limit a figure is on ------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "unknown: it needs tasks, cpu_ms_per_task and io_wait_ms_per_task"),
        ({"tasks": 10, "cpu_ms_per_task": 1}, "unknown: it needs io_wait_ms_per_task"),
        ({"mode": "service", "cpu_ms_per_task": 1}, "unknown: it needs requests_per_second and io_wait_ms_per_task"),
        ({"tasks": 10, "cpu_ms_per_task": 1, "io_wait_ms_per_task": 1}, "not predicted"),
        ({"workload_type": "cpu"}, "unknown: it needs tasks and cpu_ms_per_task"),  # its waits count as 0
        ({"workload_type": "io"}, "unknown: it needs tasks and io_wait_ms_per_task"),
        ({"workload_type": "io", "tasks": 10}, "unknown: it needs io_wait_ms_per_task"),
        ({"gpu": True, "tasks": 10}, "not predicted: it depends on the GPU"),
    ],
)
def test_only_what_is_missing_is_asked_for(given: dict[str, Any], said: str) -> None:
    profile = WorkloadProfile(**{"workload_type": "hybrid", **given})
    assert speedup_text(Expected(memory_mb=1.0), profile) == said
    assert speedup_text(Expected(), profile) == (
        "not predicted: what a broker or scheduler costs was not measured"  # and it would not be, whatever were given
    )


def test_a_bound_is_said_where_nothing_is_predicted() -> None:
    profile = WorkloadProfile(workload_type="cpu", tasks=10, cpu_cores=4)
    assert speedup_text(Expected(memory_mb=1.0, at_most=4.0), profile).endswith("; at most 4x on 4 cores")
    assert speedup_text(Expected(memory_mb=1.0, at_most=32.0), profile).endswith("; at most 32x")


def test_memory_that_is_not_known_says_what_is_missing() -> None:
    told = requirements_text(example("api-server"))
    assert told.startswith("latency met (95 of 300 ms), memory 256 MB not known (needs task_memory_mb)")
    assert requirements_text(example("durable-email-jobs")) == "memory 1 GB not known (needs task_memory_mb)"
    many = example("model-inference")
    assert many.profile.task_memory_mb is not None
    assert requirements_text(many) == "memory 1,200 MB not known (1,600 MB if all tasks hold theirs at once)"


@pytest.mark.parametrize(
    ("memory", "budget", "met", "said"),
    [
        (511.0, 512.0, True, "memory met (510 of 512 MB)"),
        (511.9, 512.0, True, "memory met (510 of 512 MB)"),
        (512.0, 512.0, True, "memory met (512 of 512 MB)"),
        (512.1, 512.0, False, "memory NOT met (512.1 MB, over 512 MB)"),
        (516.0, 519.0, True, "memory met (516 of 519 MB)"),
        (1240.0, 1236.0, True, "memory met (1,200 of 1,236 MB)"),  # rounded up by the model
        (1240.0, 1239.0, True, "memory met (1,200 of 1,239 MB)"),
        (2000.0, 1999.0, True, "memory met (just under 1,999 MB)"),
        (2000.0, 2001.0, False, "memory NOT met (just over 2,001 MB)"),
        (7900.0, 8000.0, True, "memory met (7,900 of 8,000 MB)"),
        (7900.0, 8192.0, True, "memory met (7.7 of 8 GB)"),
    ],
)
def test_a_figure_stands_on_the_side_of_its_limit_that_was_judged(
    memory: float, budget: float, met: bool, said: str
) -> None:
    result = expecting(example("web-scraper"), memory_mb=memory)
    profile = result.profile.model_copy(update={"memory_budget_mb": budget})
    judged = result.model_copy(update={"profile": profile, "fits": Fits(memory=met, latency=None)})
    assert requirements_text(judged) == said


def test_figures_have_no_digits_that_nobody_knows() -> None:
    wide = expecting(
        example("web-scraper"), speedup=Speedup(low=2210, mid=5880, high=9312), seconds=0.8503, memory_mb=2437.0
    )
    output = summary_of(wide)
    assert "5,900x vs sequential (2,200x to 9,300x): 850 ms instead of 83 min" not in output
    assert "5,900x vs sequential (2,200x to 9,300x): 850 ms instead of 1 h 23 min" in output
    assert memory_text(wide.expected, wide.profile).endswith(", 2.4 GB in all")
    slow = expecting(example("web-scraper"), seconds=156_000.0)
    assert "156" not in summary_of(slow) and "1 day 19 h" in summary_of(slow)


# What would change the answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-scraper", "todo-batch", "database-million-rows"])
def test_a_number_of_the_fast_way_is_where_the_answer_turns(name: str) -> None:
    situation = selector().situation(PROFILES[name])
    for change in would_change(situation, exact=False):
        now = situation.facts.get(change.input)
        if not isinstance(change.to, int | float) or isinstance(change.to, bool) or not isinstance(now, int | float):
            continue
        nearer = change.to * (1.03 if change.to < now else 0.97)
        if isinstance(change.to, int):
            nearer = math.floor(nearer) if change.to > now else math.ceil(nearer)
        if min(change.to, now) < nearer < max(change.to, now):
            assert situation.changed(**{change.input: nearer}).answer == situation.answer, change


def test_numbers_that_are_not_exact_are_said_to_be_near() -> None:
    changes = [
        ("memory_budget_mb", 37.06),
        ("tasks", 1234),
        ("concurrency", 64),
        ("io_kind", "disk"),
        ("durable", True),
    ]
    found = tuple(InputChange(input=name, to=to, approach="asyncio") for name, to in changes)
    result = example("web-scraper").model_copy(update={"would_change": found})
    near = text_of(recommendation_document(result)).partition("What would change the answer ===")[2].split("\n- ")[1:]
    assert [line.split(":")[0] for line in near[:5]] == [
        "memory_budget_mb near 37", "tasks near 1,200", "concurrency = 64", "io_kind = disk", "durable = true",
    ]  # fmt: skip
    assert near[5].strip() == "where exactly the answer turns: recommend --explain"  # on a page of validate, too
    counted = example("web-scraper").model_copy(update={"would_change": found[2:]})
    assert "--explain" not in text_of(recommendation_document(counted))


def test_a_number_beside_the_given_one_is_told_as_that() -> None:
    changes = [("memory_budget_mb", 231.0), ("task_memory_mb", 38.9), ("tasks", 1050)]
    found = tuple(InputChange(input=name, to=to, approach="asyncio") for name, to in changes)
    given = {"memory_budget_mb": 229.0, "task_memory_mb": 39.4, "tasks": 1000}
    profile = example("web-scraper").profile.model_copy(update=given)
    result = example("web-scraper").model_copy(update={"would_change": found, "profile": profile})
    assert changes_of(result)[:3] == [
        "memory_budget_mb just over the 229 given: asyncio",  # which "near 230" does not say
        "task_memory_mb just under the 39.4 given: asyncio",
        "tasks just over the 1,000 given: asyncio",
    ]


# Rows that do not know of the GIL -------------------------------------------------------------------------------------


def test_nothing_is_said_to_be_python_where_nobody_said_so() -> None:
    table = selector().knowledge.tables["classify"]
    computing = [rule for rule in table.rules if rule.outputs["workload_class"] in ("cpu_independent", "hybrid_python")]
    assert computing
    assert not [rule.id for rule in computing if "Python" in rule.because]
    assert "holds the GIL as far as is known" in example("pdf-text-extraction").reasons[0].text


def test_what_is_predicted_as_fast_is_not_said_to_be_ineligible() -> None:
    result = example("pdf-text-extraction")
    assert "asyncio_processes is predicted just as fast" in " ".join(reason.text for reason in result.reasons)
    assert "Instead:  nothing better is eligible" in summary_of(result)
