"""The template for agents that share what they find out: run as it lies, and its parts one by one."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from benchmark_scripts import first_cells, results
from template_modules import child_of, template_module


@pytest.fixture(scope="module")
def agents() -> Iterator[ModuleType]:
    with template_module("agents") as module:
        yield module


# As they lie ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_agents_run_as_they_lie() -> None:
    expected = {"single_threaded", "asyncio", "threads", "multiprocessing"}
    if sys.version_info >= (3, 14):
        expected.add("subinterpreters")
    measured = results(first_cells("agents.py", "--tasks", "8"))
    assert measured == dict.fromkeys(("none", "disjoint", "hot"), expected)


@pytest.mark.slow
def test_results_without_the_gil_are_the_same(needs: Callable[[str], str]) -> None:
    options = ["--tasks", "8", "--approach", "free_threaded", "--interpreter", needs("3.13t")]
    cells = first_cells("agents.py", *options, "--interpreter", sys.executable)
    for measured in results(cells).values():
        assert measured == {"single_threaded", "free_threaded"}
    assert {cell["gil_enabled"] for cell in cells if cell["approach"] == "free_threaded"} == {False}


def test_approaches_in_this_process_come_to_the_same(agents: Any) -> None:
    measure = child_of(agents)
    for variant in VARIANTS:
        found = {}
        for name in ("single_threaded", "asyncio", "threads"):
            agents.worker = agents._Process()  # as a fresh process has
            found[name] = measure(name, {"variant": variant, "clues": CLUES}, tasks=4)
        assert len({(answer["checksum"], answer["state_checksum"]) for answer in found.values()}) == 1, variant


# Agents ---------------------------------------------------------------------------------------------------------------

VARIANTS = ("none", "disjoint", "hot")
AGENTS = 6
CLUES = 20  # not a multiple of CLUES_PER_UPDATE


def prepare(agents: Any, variant: str, shares_memory: bool = True) -> None:
    """As a fresh process is."""
    agents.worker = agents._Process()
    agents.configure({"variant": variant, "shares_memory": shares_memory, "clues": CLUES})


def one_after_the_other(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)
    done = [agents.work(number) for number in range(AGENTS)]
    return done, agents.merge(done)


def in_threads(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(agents.work, range(AGENTS)))
    return done, agents.merge(done)


def taking_turns(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)

    async def run() -> list[Any]:
        return await asyncio.gather(*(agents.work_async(number) for number in range(AGENTS)))

    done = asyncio.run(run())
    return done, agents.merge(done)


def in_two_processes(agents: Any, variant: str) -> tuple[list[Any], Any]:
    done = []
    for numbers in (range(AGENTS // 2), range(AGENTS // 2, AGENTS)):
        prepare(agents, variant, shares_memory=False)
        done += [pickle.loads(pickle.dumps(agents.work(number))) for number in numbers]
    prepare(agents, variant, shares_memory=False)
    return done, agents.merge(done)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("run", [in_threads, taking_turns, in_two_processes])
def test_whoever_runs_the_agents_the_results_are_the_same(
    agents: Any, variant: str, run: Callable[[Any, str], Any]
) -> None:
    assert run(agents, variant) == one_after_the_other(agents, variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_agents_understand_every_clue_and_note_each_once(agents: Any, variant: str) -> None:
    done, state = one_after_the_other(agents, variant)
    clues = agents.STEPS * CLUES
    assert [(number, understood) for number, understood, _ in done] == [(n, clues) for n in range(AGENTS)]
    if variant == "none":
        assert state is None
        assert [sum(notes.values()) for *_, notes in done] == [clues] * AGENTS
    elif variant == "disjoint":
        assert {number: sum(notes.values()) for number, notes in state} == dict.fromkeys(range(AGENTS), clues)
    else:
        assert [hypothesis for hypothesis, _ in state] == list(range(agents.HYPOTHESES))
        assert sum(count for _, count in state) == AGENTS * clues


def test_the_variants_lead_to_the_same_notes(agents: Any) -> None:
    (own, _), (_, board), (_, beliefs) = (one_after_the_other(agents, variant) for variant in VARIANTS)
    assert [notes for *_, notes in own] == [notes for _, notes in board]
    assert dict(beliefs) == {
        hypothesis: sum(notes.get(hypothesis, 0) for _, notes in board) for hypothesis in range(agents.HYPOTHESES)
    }


def test_agents_on_an_event_loop_take_turns(agents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(agents, "none")
    steps: list[int] = []
    monkeypatch.setattr(agents.Agent, "step", lambda agent: steps.append(agent.number))

    async def run() -> None:
        await asyncio.gather(*(agents.work_async(number) for number in range(3)))

    asyncio.run(run())
    assert steps == [0, 1, 2] * agents.STEPS


def test_calibration_finds_clues_for_a_step(agents: Any) -> None:
    prepare(agents, "hot")
    assert agents.calibrate()["clues"] >= 1
