"""The knowledge: a user's folder replaces ours by name, what does not fit is refused by file, the cache is harmless."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from conftest import CACHE_VARIABLE
from strategies import FIXED_HOST

from selector import HostFacts, Selector, WorkloadProfile, pipeline
from selector.benchmark.plan import plan_benchmark
from selector.decision import load
from selector.errors import SelectorError
from selector.files import find_rules, resource_dir
from selector.host import Interpreter
from selector.migration import parts
from selector.recommend import cache as knowledge_cache
from selector.recommend import knowledge
from selector.recommend.chain import Situation
from selector.recommend.knowledge import (
    CHAIN,
    Knowledge,
    all_tables,
    load_knowledge,
    read_knowledge,
    rules_folders,
)
from selector.recommend.recommendation import build_recommendation
from selector.workload.profile import APPROACHES

RULES = resource_dir("rules")
not_as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="the permissions of files do not bind this user"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture(autouse=True)
def our_files_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours stay as they are: most of this is about one file of a user's beside them, and reading all takes long."""
    for module, name in ((load, "load_table"), (parts, "load_table"), (parts, "load_yaml")):
        monkeypatch.setattr(module, name, partial(sparing, getattr(module, name)))


def sparing(read: Callable[[Path], Any], path: Path) -> Any:
    return read_once(read, path) if RULES in path.parents else read(path)


@cache
def read_once(read: Callable[[Path], Any], path: Path) -> Any:
    return read(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder of rules, empty."""
    mine = tmp_path / "my rules"
    mine.mkdir()
    return mine


def change(folder: Path, name: str, old: str, new: str) -> Path:
    """Our file of that name in the user's folder, with one text replaced."""
    text = (RULES / f"{name}.yaml").read_text("utf-8")
    assert old in text, f"{name}.yaml has no {old!r} any more: mend this test"
    file = folder / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text.replace(old, new, 1), "utf-8")
    return file


def refusal(folder: Path) -> SelectorError:
    """The error for a folder of rules that cannot be used."""
    with pytest.raises(SelectorError) as caught:
        load_knowledge(folder)
    return caught.value


def engine_for(rules: Path | None) -> str | None:
    work = WorkloadProfile(workload_type="cpu", machines=3)
    return Selector(rules, FIXED_HOST).recommend(work, changes="none").engine


def cache_files(cache: Path) -> list[Path]:
    return sorted(cache.glob("rules-*.json"))


# Ours -----------------------------------------------------------------------------------------------------------------


def test_ours_hold_every_table_every_approach_and_every_move() -> None:
    found = load_knowledge()
    assert set(found.tables) == set(CHAIN)
    assert tuple(found.approaches) == APPROACHES
    assert found.folders == (RULES,)
    for origin, target in itertools.product(APPROACHES, repeat=2):
        move = found.move(origin, target)
        assert (move.effort == "none") == (origin == target)
        assert move.steps
        assert bool(move.pitfalls) == (origin != target)


def test_a_missing_file_of_ours_is_a_broken_installation() -> None:
    with pytest.raises(SelectorError, match="the installation is incomplete") as caught:
        find_rules([Path("/nowhere")], "strategy.yaml")
    assert caught.value.exit_code == 1


def test_an_installation_without_a_table_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    (tmp_path / "rules" / "sizing.yaml").unlink()
    monkeypatch.setattr(knowledge, "resource_dir", lambda kind: tmp_path / kind)
    with pytest.raises(SelectorError, match=r"no sizing\.yaml in .*rules"):
        load_knowledge()


# A user's folder ------------------------------------------------------------------------------------------------------


def test_an_empty_folder_changes_nothing(folder: Path) -> None:
    found = load_knowledge(folder)
    assert found.folders == (folder, RULES)
    assert {t.source for t in found.tables.values()} == {str(RULES / f"{name}.yaml") for name in CHAIN}


def test_a_table_of_the_same_name_replaces_ours_and_the_rest_stays(folder: Path) -> None:
    assert engine_for(None) == "dask"
    file = change(folder, "engine", "then: {engine: dask}", "then: {engine: ray}")
    assert engine_for(folder) == "ray"
    found = load_knowledge(folder)
    assert found.tables["engine"].source == str(file)
    assert found.tables["classify"].source == str(RULES / "classify.yaml")
    assert engine_for(None) == "dask"


def test_costs_approaches_and_migration_texts_are_replaced_too(folder: Path) -> None:
    change(folder, "costs", "gil_switch_ms: {value: 5,", "gil_switch_ms: {value: 7,")
    change(folder, "approaches", "title: Threads", "title: Plain old threads")
    change(folder, "migration_effort", "then: {effort: high}", "then: {effort: medium}")
    found = load_knowledge(folder)
    assert found.costs.documented["gil_switch_ms"] == 7
    assert found.approaches["threads"].title == "Plain old threads"
    assert found.move("threads", "distributed").effort == "medium"


def test_a_benchmark_hears_a_users_edit_of_what_rules_out_and_why(folder: Path) -> None:
    """Where only the baseline is left to measure, what a row calls forbidden is no challenger, and the rest may be one."""
    assert challengers(None) == ("threads", "multiprocessing")
    row = "runs_in: own}\n    then: {ruled_out: true, kind: forbidden}"
    change(folder, "eligibility", f"{{isolation: [crash, security], {row}", f"{{convoy: true, {row}")
    assert challengers(folder) == ("multiprocessing",)
    change(
        folder,
        "eligibility",
        f"{{isolation: [crash, security], {row}",
        f"{{convoy: true, {row.replace('forbidden', 'slow')}",
    )
    assert challengers(folder) == ("threads", "multiprocessing")


def challengers(rules: Path | None) -> tuple[str, ...]:
    """What is measured beside the baseline where the recommendation is a task queue, which is not measured."""
    tables, host = load_knowledge(rules), HostFacts("linux", 4, (("3.13", "/x/python3.13"),))
    work = WorkloadProfile(workload_type="cpu", tasks=200, cpu_ms_per_task=20, durable=True)
    python = Interpreter(
        path="/x/python3.13",
        version="3.13.1",
        tag="3.13",
        implementation="CPython",
        free_threaded=False,
        gil_enabled=True,
        bits=64,
        found_in="PATH",
    )
    situation = Situation(work, host, tables)
    plan = plan_benchmark(situation, build_recommendation(situation), [python], budget_seconds=60.0, usable_cpus=4)
    assert plan.approaches[0] == "single_threaded"
    return plan.approaches[1:]


def test_a_table_of_the_users_own_stands_beside_ours(folder: Path) -> None:
    text = "table: mine\nhit_policy: first\ninputs: {a: {type: number}}\noutputs: {b: {}}\nrules: [{then: {b: 1}}]\n"
    (folder / "mine.yaml").write_text(text, "utf-8")
    assert {t.name for t in all_tables(folder)} == {t.name for t in all_tables()} | {"mine"}
    load_knowledge(folder)
    (folder / "mine.yaml").write_text("table: mine\n", "utf-8")
    load_knowledge(folder)  # no business of the chain
    with pytest.raises(SelectorError, match=r"mine\.yaml:1:1: the table has no 'hit_policy'"):
        all_tables(folder)


@pytest.mark.parametrize("path", ["missing", "file.yaml"])
def test_rules_must_be_a_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.yaml").write_text("a: 1\n", "utf-8")
    with pytest.raises(SelectorError, match="not a folder") as caught:
        rules_folders(tmp_path / path)
    assert caught.value.exit_code == 2


MISFITS = {
    "unknown fact": (
        "engine", "  gpu: {type: boolean, optional: true}", "  gpus: {type: boolean, optional: true}\n  gpu: {type: boolean, optional: true}",
        'input "gpus" is no fact (did you mean "gpu"?)', "rules show facts",
    ),
    "a list policy where one answer is needed": (
        "engine", "hit_policy: first", "hit_policy: rule_order", "engine cannot have this hit policy", "unique, any, priority, first",
    ),
    "one answer where a list is needed": (
        "eligibility", "hit_policy: collect", "hit_policy: first", "eligibility cannot have this hit policy", "collect",
    ),
    "an aggregate": (
        "advice", "hit_policy: collect", "hit_policy: collect\naggregate: count", "advice cannot have this hit policy", "collect",
    ),
    "another name": (
        "sizing", "table: sizing", "table: size", 'the table is named "size"', "the file's name says sizing",
    ),
    "an unknown cell value": (
        "engine", "mode: service}", "mode: servce}", '"servce" is not a value of the input (did you mean "service"?)', '"batch", "service"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_a_table_that_does_not_fit_the_chain_is_refused_with_file_and_remedy(folder: Path, case: str) -> None:
    name, old, new, problem, remedy = MISFITS[case]
    file = change(folder, name, old, new)
    error = refusal(folder)
    assert error.message.startswith(str(file))
    assert problem in error.message
    assert remedy in error.hint
    assert error.exit_code == 2


SMALL = """
table: {name}
hit_policy: {policy}
inputs: {{durable: {{type: boolean}}}}
outputs: {{{outputs}}}
rules: [{{id: only, then: {{{then}}}}}]
"""


@pytest.mark.parametrize(
    ("name", "policy", "outputs", "then", "problem", "remedy"),
    [
        ("engine", "first", "motor: {}", "motor: ray", 'engine has no output "engine"', "the next step of the chain"),
        ("strategy", "rule_order", "approach: {}", "approach: threads", 'strategy has no output "standing"', "next step"),
        ("engine", "first", "engine: {}", "engine: slurm", 'rule only: "slurm" is not understood', "celery, rq, dask, ray"),
        ("sizing", "first", "basis: {}", "basis: 4", "rule only: 4 is not understood", "one, cores, few, in_flight"),
        ("eligibility", "collect", "ruled_out: {}", "ruled_out: false", "false is not understood", "one of True"),
    ],
    ids=["output misnamed", "output missing", "unknown engine", "number for a word", "false for true"],
)  # fmt: skip
def test_a_table_must_answer_what_the_next_step_understands(
    folder: Path, name: str, policy: str, outputs: str, then: str, problem: str, remedy: str
) -> None:
    file = folder / f"{name}.yaml"
    file.write_text(SMALL.format(name=name, policy=policy, outputs=outputs, then=then), "utf-8")
    error = refusal(folder)
    assert error.message.startswith(str(file))
    assert problem in error.message
    assert remedy in error.hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("table: engine\n\tx: 1\n", ":2:1: not valid YAML"),
        ("", ":1:1: a table must be a mapping"),
        ("[]", ":1:1: a table must be a mapping"),
        ("\x00", ":1:1: not valid YAML"),
        ("a: &a [*a]", "the alias *a has no finished anchor"),
        ("a: !!python/object/apply:os.system [echo]", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("x" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
    ids=["tab", "empty", "list", "NUL", "endless alias", "python tag", "huge"],
)
def test_a_broken_file_in_the_users_folder_is_refused_with_its_place(folder: Path, text: str, problem: str) -> None:
    (folder / "engine.yaml").write_text(text, "utf-8")
    assert refusal(folder).message.startswith(str(folder / "engine.yaml"))
    assert problem in refusal(folder).message


def test_a_chain_table_that_leaves_a_workload_without_an_answer_says_which(folder: Path) -> None:
    (folder / "engine.yaml").write_text(
        SMALL.format(name="engine", policy="first", outputs="engine: {}", then="engine: ray").replace(
            "then:", "when: {durable: true}, then:"
        ),
        "utf-8",
    )
    with pytest.raises(SelectorError, match=r"table engine in .*: no rule matches durable=False") as caught:
        engine_for(folder)
    assert caught.value.hint == "add a rule or a default"


def test_the_default_of_a_users_table_is_an_answer_too(folder: Path) -> None:
    text = SMALL.format(name="engine", policy="first", outputs="engine: {}", then="engine: ray")
    text = text.replace("then:", "when: {durable: true}, then:") + "default: {engine: dask}\n"
    (folder / "engine.yaml").write_text(text, "utf-8")
    work = WorkloadProfile(workload_type="cpu", machines=3)
    result = Selector(folder, FIXED_HOST).recommend(work)
    assert result.engine == "dask"
    assert ("engine/default", "No rule matched: the table's default.") in [(r.rule, r.text) for r in result.reasons]


def test_a_class_that_strategy_does_not_know_is_an_error_and_no_default(folder: Path) -> None:
    text = SMALL.format(name="classify", policy="first", outputs="workload_class: {}", then="workload_class: odd")
    (folder / "classify.yaml").write_text(text, "utf-8")
    with pytest.raises(SelectorError, match='table strategy: input workload_class is "odd", not one of'):
        engine_for(folder)


# Catalogues -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gil_switch_ms: {value: 5, source:", "gil_switch_ms: {value: 5, sources:", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: -5,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: 0,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: five,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: true,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch: {value: 5,", "missing or unknown costs: gil_switch, gil_switch_ms"),
        ("base_memory_mb: {value: 23,", "base_memory_mb: {value: 23, x: 1,", "base_memory_mb is"),
    ],
    ids=["no source", "negative", "zero", "text", "boolean", "misnamed", "more"],
)
def test_a_cost_that_is_no_value_with_a_source_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    file = change(folder, "costs", old, new)
    error = refusal(folder)
    assert error.message.startswith(f"{file}: ")
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize("source", ['""', '"  "', "null", "5", "[]"])
def test_a_cost_without_a_source_is_refused(folder: Path, source: str) -> None:
    text = (RULES / "costs.yaml").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("gil_switch_ms"))
    (folder / "costs.yaml").write_text(text.replace(line, f"gil_switch_ms: {{value: 5, source: {source}}}"), "utf-8")
    assert "gil_switch_ms is" in refusal(folder).message
    assert "source" in refusal(folder).hint


@pytest.mark.parametrize("text", ["[]", "5", "", "text"])
@pytest.mark.parametrize("name", ["costs", "approaches"])
def test_a_catalogue_that_is_no_mapping_is_refused(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    assert refusal(folder).message.startswith(str(folder / f"{name}.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\nthreads:", "\nthread:", "missing or unknown approaches: thread, threads"),
        ("runs_in: own,", "runs_in: elsewhere,", "runs_in is"),
        ("runs_loop: false,", "runs_loop: 0,", "runs_loop is 0"),
        ("pool: none}", "pool: nones}", 'pool is "nones"'),
        (", pool: none}", "}", "traits are"),
        ("title: Threads", "titel: Threads", "threads is"),
        ("title: Threads", "title: [Threads]", "threads: title is"),
    ],
    ids=["approach misnamed", "unknown place", "number for a flag", "unknown pool", "trait missing", "key", "no text"],
)
def test_an_approach_that_is_not_fully_described_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    file = change(folder, "approaches", old, new)
    error = refusal(folder)
    assert error.message.startswith(f"{file}: ")
    assert problem in error.message
    assert error.hint


def test_a_broken_migration_text_is_refused_with_its_file(folder: Path) -> None:
    (folder / "migration").mkdir()
    file = change(folder, "migration/threads", "approach: threads", "approach: thread")
    assert refusal(folder).message.startswith(f"{file}: approach is")


# The cache ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, ...]]:
    """The folders whose YAML was read, one entry for each time."""
    found: list[tuple[Path, ...]] = []

    def noting(folders: tuple[Path, ...]) -> Any:
        found.append(folders)
        return read_knowledge(folders)

    monkeypatch.setattr(knowledge, "read_knowledge", noting)
    return found


def test_rules_are_read_once_and_then_recalled(own_cache: Path, reads: list[Any]) -> None:
    first, second = load_knowledge(), load_knowledge()
    assert len(reads) == 1
    assert len(cache_files(own_cache)) == 1
    assert first.costs.documented == second.costs.documented
    assert first.move("threads", "asyncio") == second.move("threads", "asyncio")
    assert [t.rules for t in first.tables.values()] == [t.rules for t in second.tables.values()]
    facts = {"durable": True, "machines": 1, "parallelizable": True, "mode": "batch", "workload_type": "io"}
    assert second.tables["classify"].decide(facts).matched == ["durable"]


def test_a_changed_added_or_removed_file_is_seen_at_once(folder: Path, own_cache: Path, reads: list[Any]) -> None:
    assert engine_for(folder) == "dask"
    file = change(folder, "engine", "then: {engine: dask}", "then: {engine: ray}")
    assert engine_for(folder) == "ray"
    change(folder, "engine", "then: {engine: dask}", "then: {engine: rq}  # as long as before, almost")
    assert engine_for(folder) == "rq"
    file.unlink()
    assert engine_for(folder) == "dask"
    (folder / "migration").mkdir()
    shutil.copy(RULES / "migration" / "threads.yaml", folder / "migration" / "threads.yaml")
    assert engine_for(folder) == "dask"
    assert len(reads) == 5
    assert len(cache_files(own_cache)) == 1  # editing replaces what was kept


def test_a_touched_or_replaced_file_of_the_same_size_is_read_again(folder: Path, reads: list[Any]) -> None:
    file = change(folder, "engine", "then: {engine: dask}", "then: {engine: ray} ")
    assert engine_for(folder) == "ray"
    other = folder / "new.yaml~"
    other.write_bytes(file.read_bytes().replace(b"engine: ray} ", b"engine: dask}"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert engine_for(folder) == "dask"
    os.utime(file, ns=(0, 0))
    assert engine_for(folder) == "dask"
    assert len(reads) == 3


def test_each_set_of_folders_has_its_own_place(folder: Path, own_cache: Path, reads: list[Any]) -> None:
    for _ in range(2):
        load_knowledge()
        load_knowledge(folder)
    assert len(reads) == 2
    assert len(cache_files(own_cache)) == 2


def test_an_error_is_not_kept(folder: Path, own_cache: Path) -> None:
    file = change(folder, "engine", "hit_policy: first", "hit_policy: last")
    refusal(folder)
    refusal(folder)
    assert cache_files(own_cache) == []
    file.unlink()
    load_knowledge(folder)


def same(a: Knowledge, b: Knowledge) -> bool:
    """Whether two are equal down to types (1, 1.0 and True differ) and order; objects of these classes have no `==`."""
    return knowledge_cache.flattened(a) == knowledge_cache.flattened(b) and repr(a) == repr(b)


def test_what_is_recalled_is_what_was_read(own_cache: Path, folder: Path) -> None:
    change(folder, "engine", "then: {engine: dask}", "then: {engine: ray}")
    for folders in ((RULES,), (folder, RULES)):
        read, state = read_knowledge(folders), knowledge_cache.state_of(folders)
        knowledge_cache.keep(state, read)
        recalled = knowledge_cache.recall(state)
        assert recalled is not None, "a class is missing in knowledge_cache.CLASSES"
        assert same(recalled, read)
        assert recalled.folders == folders
        assert [t.source for t in recalled.tables.values()] == [t.source for t in read.tables.values()]
    assert len(cache_files(own_cache)) == 2


TABLE = """
table: engine
hit_policy: first
inputs: {machines: {type: number, optional: true}, durable: {type: boolean}, mode: {type: string, values: [batch, service]}}
outputs: {engine: {values: [celery, rq, dask, ray]}, odd: {}}
rules: [%s]
default: {engine: ray, odd: null}
"""


def test_every_value_of_a_table_survives(folder: Path, reads: list[Any]) -> None:
    """Numbers of every size, true beside 1 and 1.0, null, and more rules than JSON's numbers have bits."""
    values = [
        "1",
        "1.0",
        "true",
        "-0.0",
        "0",
        "1e300",
        "5e-324",
        "123456789012345678901234567890",
        '"\\u65e5 \\n"',
        "null",
    ]
    cells = ["'>= 3'", "'[2..4.5)'", "'not(7,8)'", "null", "'-'", "'1,2,> 1e300'"]
    rows = [
        f"{{when: {{machines: {cells[i % len(cells)]}, durable: {'false' if i % 2 else '-'}}}, "
        f"then: {{engine: rq, odd: {values[i % len(values)]}}}}}"
        for i in range(100)
    ]
    (folder / "engine.yaml").write_text(TABLE % ", ".join(rows), "utf-8")
    first, second = load_knowledge(folder), load_knowledge(folder)
    assert len(reads) == 1
    assert same(first, second)
    for machines in (None, 0, 1, 2, 3.5, 4.5, 7, 1e301):
        given = {"machines": machines, "durable": True, "mode": "batch"}
        assert repr(first.tables["engine"].decide(given)) == repr(second.tables["engine"].decide(given))


def test_a_class_that_a_cache_does_not_know_is_not_kept(own_cache: Path) -> None:
    state = knowledge_cache.state_of((RULES,))
    odd = replace(read_knowledge((RULES,)), approaches={"threads": tmp_class()})
    with pytest.raises(ValueError, match="Odd has no place in a rules cache"):
        knowledge_cache.flattened(odd)
    knowledge_cache.keep(state, odd)
    assert cache_files(own_cache) == []


def tmp_class() -> Any:
    @dataclass
    class Odd:
        pass

    return Odd()


def kept(state: knowledge_cache.State, content: object) -> bytes:
    """A file of the right form and checksum, whatever is in it."""
    body = json.dumps([repr(state), *content] if isinstance(content, list) else content).encode()
    return b"concurrency-selector rules %08x\n%s" % (crc32(body), body)


def hostile() -> dict[str, bytes]:
    """Files that somebody or something may have left where the cache is."""
    state = knowledge_cache.state_of((RULES,))
    values, groups = knowledge_cache.flattened(read_knowledge((RULES,)))
    good = kept(state, [values, groups])
    old = state._replace(files=())
    kinds = range(-18, 18)
    return {
        "empty": b"",
        "garbage": os.urandom(1000),
        "text": b"hello\n",
        "a pickle that runs a command": b"cos\nsystem\n(S'false'\ntR.",
        "the first half": good[: len(good) // 2],
        "one byte more": good + b" ",
        "no checksum": good.partition(b"\n")[2],
        "another state": kept(old, [values, groups]),
        "no knowledge": kept(state, [[], []]),
        "null": kept(state, None),
        "a number": kept(state, 1),
        "a number as knowledge": kept(state, [[1], []]),
        "no nodes": kept(state, [values, []]),
        "no values": kept(state, [[], groups]),
        "a node less": kept(state, [values, groups[:-1]]),
        "values as nodes": kept(state, [groups, values]),
        "nodes of no kind": kept(state, [values, [*groups, [99, [[0]]]]]),
        "parts that are not there": kept(state, [values, [*groups, [0, [[10**6]]]]]),
        "deep": b"concurrency-selector rules %08x\n%s" % (crc32(b"[" * 10**5), b"[" * 10**5),
        **{f"kind {kind} of nothing": kept(state, [[1], [[kind, [[]]]]]) for kind in kinds},
        **{f"kind {kind} of one part": kept(state, [[1], [[kind, [[0]]]]]) for kind in kinds},
        **{f"kind {kind} of six parts": kept(state, [[1], [[kind, [[0] * 6]]]]) for kind in kinds},
    }


def test_whatever_lies_in_the_cache_is_replaced(own_cache: Path, reads: list[Any]) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good, state = file.read_bytes(), knowledge_cache.state_of((RULES,))
    for case, bad in hostile().items():
        file.write_bytes(bad)
        assert knowledge_cache.recall(state) is None, case
    load_knowledge()
    assert len(reads) == 2
    assert file.read_bytes() == good


def test_no_bit_that_flips_is_taken_for_rules(own_cache: Path) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good, state = file.read_bytes(), knowledge_cache.state_of((RULES,))
    draw = random.Random(12)
    for _ in range(100):
        place, bit = draw.randrange(len(good)), draw.randrange(8)
        file.write_bytes(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
        assert knowledge_cache.recall(state) is None
    file.write_bytes(good)
    assert knowledge_cache.recall(state) is not None


def test_a_cache_holds_no_path_of_rules_and_names_no_class(own_cache: Path, folder: Path) -> None:
    """It says neither where anything lies (but for the state, which is compared and no more) nor what is made."""
    load_knowledge(folder)
    (file,) = cache_files(own_cache)
    state, values, groups = json.loads(file.read_bytes().partition(b"\n")[2])
    assert str(folder) in state
    assert str(folder) not in json.dumps([values, groups])
    assert str(RULES) not in json.dumps([values, groups])
    assert not re.search(r"selector\.|pathlib|Knowledge", json.dumps([values, groups]))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(("name", "mode"), [("", 0o777), ("", 0o720), ("file", 0o602), ("file", 0o660)])
def test_what_others_may_write_to_is_not_read(own_cache: Path, reads: list[Any], name: str, mode: int) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    (file if name else own_cache).chmod(mode)
    load_knowledge()
    assert len(reads) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and links of POSIX")
def test_a_fifo_a_device_or_a_link_in_its_place_is_not_read(own_cache: Path, tmp_path: Path, reads: list[Any]) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good = file.read_bytes()
    (tmp_path / "copy").write_bytes(good)
    for make in (
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/dev/zero"),
        lambda: file.symlink_to(tmp_path / "copy"),
    ):
        file.unlink()
        make()
        load_knowledge()
        assert file.read_bytes() == good  # replaced
    assert len(reads) == 4
    assert (tmp_path / "copy").read_bytes() == good


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_cache_folder_is_made_for_its_owner_only(own_cache: Path) -> None:
    load_knowledge()
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700


def test_where_no_cache_can_be_written_the_rules_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way", "utf-8")
    for place in (file, file / "below"):
        monkeypatch.setenv(CACHE_VARIABLE, str(place))
        assert engine_for(None) == "dask"
    assert file.read_text("utf-8") == "in the way"


@not_as_root
def test_a_cache_folder_without_permission_to_write_is_no_error(own_cache: Path) -> None:
    own_cache.mkdir(mode=0o500)
    assert engine_for(None) == "dask"
    assert cache_files(own_cache) == []


def test_a_full_disk_leaves_no_half_written_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert engine_for(None) == "dask"
    assert list(own_cache.iterdir()) == []


def test_many_processes_may_start_at_once_on_a_cold_cache(own_cache: Path) -> None:
    command = [sys.executable, "-m", "selector", "recommend", "--set", "workload_type=io", "--format", "json"]

    def run(_: int) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stderr, done.stdout

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(3)))
    assert {result[:2] for result in results} == {(0, "")}
    assert len({result[2] for result in results}) == 1
    assert [file.suffix for file in own_cache.iterdir() if file.name.startswith(".")] == []
    assert len(cache_files(own_cache)) == 1


def test_what_was_kept_for_another_version_is_not_used(
    own_cache: Path, reads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_knowledge()
    monkeypatch.setattr("selector.__version__", "99.0")
    load_knowledge()
    assert len(reads) == 2


def package(folder: Path) -> Path:
    """Code in a folder, some of it in a folder below."""
    room = folder / "package" / "room"
    room.mkdir(parents=True)
    for file in (room.parent / "__init__.py", room / "one.py", room / "two.py"):
        file.write_text("x = 1\n", "utf-8")
    return room.parent


def stamp(folder: Path) -> int:
    """The stamp of the code in a folder as a new process would find it."""
    knowledge_cache.code_stamp.cache_clear()
    return knowledge_cache.code_stamp(folder)


def test_any_change_of_the_code_is_seen_wherever_it_is(tmp_path: Path) -> None:
    code = package(tmp_path)
    found = [stamp(code)]
    assert stamp(code) == found[0]
    (code / "room" / "one.py").write_text("x = 2 \n", "utf-8")
    found.append(stamp(code))
    (code / "room" / "two.py").rename(code / "room" / "three.py")
    found.append(stamp(code))
    (code / "new room").mkdir()
    assert stamp(code) == found[-1]  # nothing in it yet
    (code / "new room" / "four.py").write_text("", "utf-8")
    found.append(stamp(code))
    (code / "room" / "one.py").unlink()
    found.append(stamp(code))
    os.utime(code / "__init__.py", ns=(0, 0))
    found.append(stamp(code))
    assert len(set(found)) == len(found)


def test_what_python_compiles_or_an_editor_leaves_is_no_change_of_the_code(tmp_path: Path) -> None:
    code = package(tmp_path)
    before = stamp(code)
    (code / "room" / "__pycache__").mkdir()
    (code / "room" / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"x")
    (code / "notes.txt").write_text("x", "utf-8")
    if sys.platform != "win32":
        (code / ".#one.py").symlink_to("nobody@nowhere.1")
        (code / "round").symlink_to(code)
    assert stamp(code) == before


def test_code_without_sources_has_a_stamp_too(tmp_path: Path) -> None:
    code = package(tmp_path)
    for file in code.rglob("*.py"):
        file.rename(file.with_suffix(".pyc"))
    compiled = stamp(code)
    (code / "room" / "one.pyc").write_bytes(b"other code")
    assert stamp(code) != compiled
    assert stamp(tmp_path / "archive.zip" / "selector") == stamp(tmp_path / "no such folder")


@pytest.mark.slow
def test_an_installation_without_sources_answers_the_same_and_keeps_its_rules(tmp_path: Path, own_cache: Path) -> None:
    ours = Path(pipeline.__file__).parent
    place = tmp_path / "site"
    shutil.copytree(ours, place / "selector", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(RULES, place / "selector" / "_data" / "rules")
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", str(place)], check=True, timeout=120)
    for file in (place / "selector").rglob("*.py"):
        file.unlink()
    command = [sys.executable, "-m", "selector", "recommend", "--set", "workload_type=io", "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    answers = [
        subprocess.run(command, capture_output=True, timeout=120, check=True, cwd=tmp_path, env=environment).stdout
        for _ in range(2)
    ]
    with_sources = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout
    assert answers == [with_sources] * 2
    assert len(cache_files(own_cache)) == 2  # its rules, and ours


def test_the_pipeline_takes_what_is_recalled(own_cache: Path, folder: Path) -> None:
    fresh = Selector(folder, FIXED_HOST)
    again = Selector(folder, FIXED_HOST)
    profiles = [profile for _, profile in pipeline.example_profiles()]
    for profile in profiles:
        assert fresh.recommend(profile, changes="none") == again.recommend(profile, changes="none")
    assert fresh.explain(profiles[0]) == again.explain(profiles[0])
