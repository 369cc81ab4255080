"""The knowledge: a user's folder replaces ours by name, and what does not fit is refused by file."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from own_rules import RULES, change, engine_for, folder, own_cache, refusal
from strategies import FIXED_HOST

from selector import HostFacts, Selector, WorkloadProfile
from selector.benchmark.plan import plan_benchmark
from selector.errors import SelectorError
from selector.files import find_rules
from selector.host import Interpreter
from selector.recommend import knowledge
from selector.recommend.chain import Situation
from selector.recommend.knowledge import (
    CHAIN,
    all_tables,
    load_knowledge,
    rules_folders,
)
from selector.recommend.recommendation import build_recommendation
from selector.workload.profile import APPROACHES

__all__ = ["folder", "own_cache"]  # fixtures


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
