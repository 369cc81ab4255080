"""What all tests share: a cache folder for each worker, profiles for hypothesis, and a check for interpreters."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from selector.decision import DecisionTable, load
from selector.decision.proofs import examples
from selector.files import resource_dir
from selector.host import find_interpreters, usable_cpus
from selector.migration import parts
from selector.recommend import cache
from selector.recommend.knowledge import Knowledge

CACHE_VARIABLE = "CONCURRENCY_SELECTOR_CACHE_DIR"
IN_CI = os.environ.get("CI") == "true"
#: What tells a Python that starts to measure its coverage, where `make coverage` runs us.
COVERAGE = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS_")}
RULES, MOST_KNOWN = resource_dir("rules"), 20
REALLY: dict[str, Callable[..., Any]] = {"recall": cache.recall, "keep": cache.keep}

settings.register_profile("here", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True, max_examples=50)
settings.load_profile("ci" if IN_CI else "here")
gc.set_threshold(50_000, 20, 100)  # thousands of tests keep much alive: to look through it again and again takes long


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are CPUs, as some tests wait, for processes, terminals and time limits; in CI others are measured."""
    return usable_cpus().count + (not IN_CI)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own for this worker, also in the processes it starts: tests neither read nor fill the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def only_ours_is_measured() -> Iterator[None]:
    """Coverage begins in no child of this process by itself, as it costs each Python that starts 0.14 s, most of which
    run nothing of `selector`: cells of benchmark scripts, probes, programs. `command.measured` asks for it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in COVERAGE:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_frozen_objects() -> Iterator[None]:
    """The command freezes what its imports made, for good. A worker that runs it many times must not: hypothesis asks
    the collector who holds its random numbers, and of frozen holders it hears nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def tables_parsed_once() -> Iterator[None]:
    """A process reads a table once; here one process stands for hundreds. The same text is parsed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "parse_yaml", lru_cache(64)(load.parse_yaml))
        yield


@pytest.fixture(scope="session", autouse=True)
def our_rules_read_once() -> Iterator[None]:
    """The same of the tables made of that text, and of the knowledge kept of them: ours stay as they are, and what it
    is kept for has the time and size of each file. Those who test the reading and keeping take `own_rules`.
    """
    known: dict[cache.State, Knowledge] = {}

    def recall(state: cache.State) -> Knowledge | None:
        if state not in known and (found := REALLY["recall"](state)) is not None:
            known[state] = found
        return known.get(state)

    def keep(state: cache.State, knowledge: Knowledge) -> None:
        known[state] = knowledge
        if len(state.folders) == 1:  # for the commands that tests start; a user's folder of a test is of no other test
            REALLY["keep"](state, knowledge)
        elif len(known) > MOST_KNOWN:
            del known[next(iter(known))]

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((load, "load_table"), (parts, "load_table"), (parts, "load_yaml")):
            patch.setattr(module, name, partial(sparing, getattr(module, name)))
        patch.setattr(cache, "recall", recall)
        patch.setattr(cache, "keep", keep)
        patch.setattr(examples, "run_table_test", partial(tested_once, {}, examples.run_table_test))
        yield


def tested_once(
    done: dict[int, tuple[DecisionTable, examples.TableTest]],
    test: Callable[..., examples.TableTest],
    table: DecisionTable,
    *how: Any,
) -> examples.TableTest:
    """The test of a table, once where it is one of ours as it was read and time did not end it: `rules test` tests all."""
    if id(table) in done:
        return done[id(table)][1]
    found = test(table, *how)
    if Path(table.source).parent == RULES and not found.left_out:
        done[id(table)] = table, found  # with the table, or another one may get its number
    return found


def sparing(read: Callable[[Path], Any], path: Any) -> Any:
    return read_once(read, path) if isinstance(path, Path) and RULES in path.parents else read(path)


@lru_cache(None)
def read_once(read: Callable[[Path], Any], path: Path) -> Any:
    return read(path)


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """`needs("3.14t")` is the path of that interpreter; without it the test is skipped, and fails in CI."""

    def path_of(tag: str) -> str:
        found = {i.tag: i.path for i in find_interpreters() if i.implementation == "CPython"}
        if tag not in found:
            reason = f"no Python {tag} on this machine (found: {', '.join(found)})"
            pytest.fail(reason) if IN_CI else pytest.skip(reason)
        return found[tag]

    return path_of


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's terminal settings reaches these tests."""
    for name in ("VIRTUAL_ENV", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
