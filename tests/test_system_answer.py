"""The answer to a system: what flows, what is shared out, how parts are placed and joined, the whole, and how it is drawn."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import call
from printed import text_of
from strategies import FIXED_HOST, random_profile

from selector import HostFacts, Selector
from selector.decision.load import load_table
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.pipeline import example_systems
from selector.report.markdown import render_markdown
from selector.report.system import system_document
from selector.system.answer import answer_of, plan_system, recommend_system
from selector.system.diagram import cut_line, drawing, mermaid
from selector.system.flow import flow_of
from selector.system.models import JointKind, SystemRecommendation
from selector.system.sharing import MemoryNeed, Need, share_cpus, share_memory
from selector.system.skeleton import skeleton_script
from selector.system.whole import Stage, limit_of
from selector.workload.system import system_from_mapping

pytestmark = pytest.mark.one_python

EXPECTED: dict[str, dict[str, Any]] = {
    name: entry
    for name, entry in yaml.safe_load((Path(__file__).parent / "examples_expected.yaml").read_text("utf-8")).items()
    if "parts" in entry
}
WAITS = {
    "workload_type": "io",
    "cpu_ms_per_task": 1,
    "io_wait_ms_per_task": 50,
    "async_library": True,
    "event_loop": True,
}
COMPUTES = {"workload_type": "cpu", "cpu_ms_per_task": 50, "free_threading_ready": False}


def answer(*parts: dict[str, Any], host: HostFacts = FIXED_HOST, **whole: Any) -> SystemRecommendation:
    return recommend_system(Selector(host=host), system_from_mapping({**whole, "parts": list(parts)}))


# The examples ---------------------------------------------------------------------------------------------------------


def test_every_system_that_ships_has_its_expectation() -> None:
    assert {name for name, _ in example_systems()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_tables_give_each_part_what_the_expert_expects(name: str) -> None:
    expected = EXPECTED[name]
    found = recommend_system(Selector(host=FIXED_HOST), dict(example_systems())[name])
    assert {part.name: part.approach for part in found.parts} == {
        part: said["approach"] for part, said in expected["parts"].items()
    }, expected["why"]
    assert found.bottleneck == expected["bottleneck"]
    assert found.fits.memory and found.fits.throughput
    assert found.unknown == ()


# What flows -----------------------------------------------------------------------------------------------------------


def test_a_part_gets_what_those_before_it_have_done() -> None:
    parts = [
        {"name": "a", **WAITS, "requests_per_second": 40, "feeds": ["b", "c"]},
        {"name": "b", **COMPUTES, "requests_per_second": 10, "feeds": ["c"]},
        {"name": "c", **WAITS},
    ]
    flow = flow_of(system_from_mapping({"parts": parts}))
    assert flow.volumes == {"a": 40, "b": 10, "c": 50}
    assert flow.passes == {("a", "b"): 0.25, ("a", "c"): 1, ("b", "c"): 1}


def test_without_amounts_volumes_are_relative_and_with_some_the_others_are_unknown() -> None:
    parts = [{"name": "a", **WAITS, "feeds": ["c"]}, {"name": "b", **WAITS, "feeds": ["c"]}, {"name": "c", **COMPUTES}]
    flow = flow_of(system_from_mapping({"parts": parts}))
    assert (flow.volumes, flow.amounts) == ({"a": 1, "b": 1, "c": 2}, False)
    flow = flow_of(system_from_mapping({"parts": [{**parts[0], "tasks": 10}, *parts[1:]]}))
    assert flow.volumes == {"a": 10, "b": None, "c": None}
    assert answer({**parts[0], "tasks": 10}, *parts[1:]).unknown == ("b.tasks",)


# Sharing out ----------------------------------------------------------------------------------------------------------


def cores(*needs: Need, whole: int) -> dict[str, int]:
    return {name: share.cores for name, share in share_cpus(needs, whole).items()}


def test_cpus_go_by_what_each_part_computes() -> None:
    assert cores(Need("a", 30, True), Need("b", 10, True), whole=8) == {"a": 6, "b": 2}
    assert cores(Need("a", 99, True), Need("b", 1, False), whole=8) == {"a": 8, "b": 1}
    assert cores(Need("a", 6, True), Need("b", 0.5, False), Need("c", 0.5, False), whole=4) == {"a": 4, "b": 1, "c": 1}
    light = [Need(name, 0.8, False) for name in "bcde"]  # together more than one CPU
    assert cores(Need("a", 12, True), *light, whole=8) == {"a": 7, **dict.fromkeys("bcde", 1)}
    assert cores(Need("a", 50, True), Need("b", 50, True), Need("c", 50, True), whole=2) == {"a": 1, "b": 1, "c": 1}


def test_a_part_keeps_the_cpus_that_it_was_given() -> None:
    assert cores(Need("a", 1, True, 3), Need("b", 9, True), Need("c", 9, True), whole=7) == {"a": 3, "b": 2, "c": 2}


def test_where_the_time_of_a_part_is_unknown_those_that_compute_share_evenly() -> None:
    needs = Need("a", None, True), Need("b", 5, True), Need("c", 0, False), Need("d", 0, False)
    assert cores(*needs, whole=4) == {"a": 2, "b": 1, "c": 1, "d": 1}
    shares = share_cpus(needs, 4)
    assert "not known" in shares["a"].why
    assert shares["c"].why == "It mostly waits: it shares a CPU with d."


def test_shares_never_come_to_more_than_the_whole_but_for_one_each() -> None:
    for whole in range(1, 9):
        for times in ((1, 1, 1), (5, 3, 2), (90, 5, 5), (7, 1, 0), (1, 2, 40)):
            shares = share_cpus([Need(str(n), time, True) for n, time in enumerate(times)], whole)
            of_their_own = [share.cores for share in shares.values() if not share.is_light]
            assert sum(of_their_own) <= max(whole, len(of_their_own)), (whole, times)
            assert all(share.why.endswith(".") for share in shares.values())


def test_memory_goes_by_what_each_part_is_predicted_to_take() -> None:
    needs = [MemoryNeed("a", 30, None), MemoryNeed("b", 10, None), MemoryNeed("c", 500, 100.0)]
    assert share_memory(needs, 500.0) == {"a": 300.0, "b": 100.0, "c": 100.0}
    assert share_memory(needs, None) == {"a": None, "b": None, "c": 100.0}


def test_a_part_with_less_memory_has_fewer_workers() -> None:
    part = {"name": "p", **COMPUTES, "mode": "service", "requests_per_second": 40, "task_memory_mb": 100}
    assert answer(part).part("p").workers == 4
    found = answer(part, memory_budget_mb=320)
    assert found.part("p").workers == 2
    assert found.part("p").share.memory_mb == 320


# Places and joints ----------------------------------------------------------------------------------------------------


def kinds(*parts: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(joint.from_part, joint.to): joint.kind for joint in answer(*parts).joints}


def test_joints_go_by_the_traits_of_both_sides() -> None:
    loop = {**WAITS, "requests_per_second": 30}
    pool = {**COMPUTES, "requests_per_second": 30}
    blocking = {"workload_type": "io", "io_wait_ms_per_task": 20, "cpu_ms_per_task": 1, "async_library": False}
    found = kinds(
        {"name": "a", **loop, "feeds": ["b", "c", "d"]},
        {"name": "b", **loop, "feeds": ["e"]},
        {"name": "c", **pool, "feeds": ["d", "e"]},
        {"name": "d", **blocking, "requests_per_second": 30, "feeds": ["c2"]},
        {"name": "e", **pool, "durable": True},
        {"name": "c2", **pool},
    )
    assert found["a", "b"] == "asyncio_queue"
    assert found["a", "c"] == "run_in_executor"
    assert found["c", "d"] == "queue"
    assert found["b", "e"] == found["c", "e"] == "broker"


def test_from_threads_into_a_loop_and_into_a_process_of_its_own() -> None:
    parts = dict(example_systems())["api-with-pipeline"].given()["parts"]
    found = kinds(*parts)
    assert found["clean", "store"] == "run_coroutine_threadsafe"
    two = answer(
        {"name": "a", **COMPUTES, "cpu_cores": 1, "tasks": 10, "feeds": ["b"]},
        {"name": "b", **COMPUTES, "cpu_cores": 1},
    )
    assert [part.own_process for part in two.parts] == [True, True]
    assert two.joints[0].kind == "process_queue"


def test_only_a_part_that_holds_up_the_others_has_a_process_of_its_own() -> None:
    loop = {**WAITS, "requests_per_second": 10}
    one = {**COMPUTES, "cpu_cores": 1}  # one CPU: plain code

    def own(*parts: dict[str, Any]) -> list[bool]:
        return [part.own_process for part in answer(*parts, cpu_cores=4).parts]

    assert own({"name": "a", **loop, "feeds": ["b"]}, {"name": "b", **one, "requests_per_second": 5}) == [False, False]
    assert own({"name": "a", **loop, "feeds": ["b"]}, {"name": "b", **one, "requests_per_second": 15}) == [False, True]
    held = {**WAITS, "cpu_ms_per_task": 60, "cpu_cores": 1, "requests_per_second": 1}
    assert own({"name": "a", **loop, "feeds": ["b"]}, {"name": "b", **held}) == [False, True]
    assert own({"name": "b", **held}) == [False]
    some = [{"name": str(n), **one, "requests_per_second": 6 + (n == 2)} for n in range(4)]  # 0.3 CPUs and more each
    assert own(*some) == [True, False, True, False]


def test_a_part_that_rules_free_threading_out_is_another_program() -> None:
    shared = {"workload_type": "cpu", "cpu_ms_per_task": 300, "shared_state": "read_only", "startup_memory_mb": 900,
              "has_expensive_startup": True, "startup_ms": 3000, "free_threading_ready": True, "mode": "service"}  # fmt: skip
    found = answer(
        {"name": "a", **shared, "requests_per_second": 8, "feeds": ["b"]},
        {"name": "b", **WAITS, "free_threading_ready": False},
        cpu_cores=4,
        memory_budget_mb=2000,
    )
    assert (found.part("a").runs_on, found.part("b").runs_on) == ("3.14t", "3.14")
    assert found.joints[0].kind == "pipe"


def test_parts_of_one_process_share_its_loop() -> None:
    found = recommend_system(Selector(host=FIXED_HOST), dict(example_systems())["api-with-pipeline"])
    (process,) = found.processes
    assert process.parts == ("api", "clean", "thumbnail", "store")
    assert process.on_one_loop == ("api", "store")
    text = text_of(system_document(found, None, form="text", whole=False))
    assert "Processes:  api, clean, thumbnail and store on Python 3.14; api and store share one loop" in " ".join(
        text.split()
    ).replace("Processes: ", "Processes:  ")


def test_a_joint_says_how_many_wait_and_why() -> None:
    (joint, *_) = answer(
        {"name": "a", **WAITS, "requests_per_second": 30, "feeds": ["c"]}, {"name": "c", **COMPUTES}
    ).joints
    assert (joint.bound, joint.items_each) == (8, 1)
    assert joint.bound_why == "At most 8 wait, 2 for each that c works on at a time; then a does."
    assert joint.why.startswith("The loop must not wait")


def test_the_table_answers_only_kinds_that_are_known() -> None:
    table = load_table(resource_dir("rules") / "joints.yaml")
    assert {rule.outputs["kind"] for rule in table.rules} == set(JointKind.__args__)  # type: ignore[attr-defined]


def test_a_table_of_the_users_is_asked_and_what_it_cannot_ask_is_refused(tmp_path: Path) -> None:
    text = (resource_dir("rules") / "joints.yaml").read_text("utf-8")
    parts = [{"name": "a", **WAITS, "requests_per_second": 30, "feeds": ["c"]}, {"name": "c", **COMPUTES}]
    file = tmp_path / "joints.yaml"
    file.write_text(text.replace("kind: run_in_executor, waiting: 2", "kind: run_in_executor, waiting: 1"))
    system = system_from_mapping({"parts": parts})
    assert recommend_system(Selector(tmp_path, FIXED_HOST), system).joints[0].bound == 4
    file.write_text(text.replace("run_in_executor", "telepathy"))
    with pytest.raises(SelectorError, match='kind "telepathy", waiting 2 is no joint'):
        recommend_system(Selector(tmp_path, FIXED_HOST), system)
    file.write_text(text.replace("one_python", "moon"))
    with pytest.raises(SelectorError, match="moon is not known of a joint"):
        recommend_system(Selector(tmp_path, FIXED_HOST), system)


# The whole ------------------------------------------------------------------------------------------------------------


def test_the_part_with_the_least_room_is_the_bottleneck() -> None:
    stages = [Stage("a", 10, 100, 1.0, 0.0), Stage("b", 20, 100, 1.0, 0.0)]
    limit = limit_of(stages, cores=4)
    assert limit is not None and (limit.bottleneck, limit.scale) == ("b", 5.0)
    assert limit_of([Stage("a", 10, None, None, 0.0)], cores=4) is None


def test_cpus_and_what_computes_in_turns_limit_all_parts_together() -> None:
    stages = [Stage("a", 1, 1e6, 10.0, 10.0), Stage("b", 1, 1e6, 90.0, 0.0)]
    limit = limit_of(stages, cores=2)
    assert limit is not None and (limit.bottleneck, limit.scale) == ("b", 20.0)
    assert "the CPUs" in limit.why
    limit = limit_of([Stage("a", 1, 1e6, 60.0, 60.0), Stage("b", 1, 1e6, 40.0, 40.0)], cores=4)
    assert limit is not None and (limit.bottleneck, limit.scale) == ("a", 10.0)


def test_a_service_says_whether_it_keeps_up_and_a_batch_how_long_it_takes() -> None:
    parts = [{"name": "a", **WAITS, "feeds": ["c"]}, {"name": "c", **COMPUTES}]
    found = answer({**parts[0], "requests_per_second": 20}, parts[1])
    assert found.fits.throughput and found.expected.throughput_per_s == 20
    assert found.expected.utilisation == pytest.approx(20 / (found.expected.saturation_per_s or 0), rel=0.02)
    batch = answer({**parts[0], "tasks": 1000}, parts[1])
    assert batch.expected.utilisation is None
    assert batch.expected.seconds == pytest.approx(1000 / (batch.expected.saturation_per_s or 0), rel=0.02)
    assert {part.name: part.throughput_per_s for part in batch.parts}.keys() == {"a", "c"}


def test_what_is_not_known_is_named_and_nothing_is_made_up() -> None:
    found = answer({"name": "a", "workload_type": "io", "feeds": ["b"]}, {"name": "b", "workload_type": "cpu"})
    assert (found.bottleneck, found.expected.saturation_per_s) == (None, None)
    assert set(found.unknown) == {"a.io_wait_ms_per_task", "b.cpu_ms_per_task"}


def test_one_interpreter_is_counted_once_for_parts_of_one_process() -> None:
    plan = plan_system(Selector(host=FIXED_HOST), dict(example_systems())["api-with-pipeline"])
    alone = sum(situation.choice.chosen.predicted.whole_mb for situation in plan.situations.values())
    found = recommend_system(Selector(host=FIXED_HOST), plan.system)
    assert found.expected.memory_mb is not None
    assert found.expected.memory_mb < alone - 20


# Shown ----------------------------------------------------------------------------------------------------------------

NASTY = 'x"]; click p1 "http://evil" <b>`#|\x1b[31m'


def test_names_are_data_in_every_picture() -> None:
    found = answer({"name": NASTY, **WAITS, "requests_per_second": 5, "feeds": ["c\nd"]}, {"name": "c\nd", **COMPUTES})
    for line in found.diagram.splitlines():
        assert line.isprintable()
        assert line.count('"') in (0, 2)
        inside = line.split('"')[1] if '"' in line else ""
        assert not set(inside.replace("<br>", "")) & set("<>`|[]{}()")
    drawn = drawing(found.parts, found.joints, found.bottleneck)
    assert all(line.isprintable() and len(line) <= 78 for line in drawn.splitlines())
    assert mermaid(found.parts, found.joints, None).startswith("flowchart LR")
    assert len(cut_line("x" * 200)) <= 78


@pytest.mark.parametrize("name", EXPECTED)
def test_the_report_fits_a_terminal_and_says_all(name: str) -> None:
    found = recommend_system(Selector(host=FIXED_HOST), dict(example_systems())[name])
    text = text_of(system_document(found, "concurrency-selector validate x", form="text", whole=False))
    assert max(map(len, text.splitlines())) <= 80
    for word in ("<- bottleneck", "Throughput", "=== Joints ===", *(part.name for part in found.parts)):
        assert word in text
    whole = render_markdown(system_document(found, None, form="markdown", whole=True))
    assert f"```mermaid\n{found.diagram}\n```" in whole
    assert f"## {found.parts[0].name}: Recommendation" in whole


def test_the_command_prints_text_and_json_and_takes_settings() -> None:
    file = json.dumps(dict(example_systems())["ten-agents"].given()).encode()
    found = call(
        "recommend", "-", "--format", "json", "--set", "cpu_cores=4", "--set", "infer.workload_type=cpu", stdin=file
    )
    assert found.code == 0
    assert (found.json["schema"], found.json["cpu_cores"], found.json["bottleneck"]) == (1, 4, "infer")
    assert found.json["joints"][0].keys() >= {"from", "to", "kind", "bound", "why"}
    assert found.json["parts"][0]["approach"] == "asyncio"
    for option in ("--explain", "--with"):
        words = [option] if option == "--explain" else [option, "/dev/null"]
        assert call("recommend", "-", *words, stdin=file).code == 2


def test_the_list_of_examples_has_the_systems() -> None:
    found = call("examples", "--json").json
    assert EXPECTED.keys() <= found.keys()
    assert [part["name"] for part in found["ten-agents"]["parts"]] == ["fetch", "infer"]


# Any system -----------------------------------------------------------------------------------------------------------


def random_system(rng: random.Random) -> dict[str, Any]:
    """Parts with any fields, that feed any that come after them."""
    names = [f"p{number}" for number in range(rng.randint(1, 5))]
    mode, apart = rng.choice((("batch", "requests_per_second"), ("service", "finish_within_s")))
    parts = []
    for place, name in enumerate(names):
        fields = {
            **random_profile(rng),
            "mode": mode,
            "name": name,
            "cpu_cores": None,
            "memory_budget_mb": None,
            apart: None,
        }
        parts.append({**fields, "feeds": [other for other in names[place + 1 :] if rng.random() < 0.5]})
    whole = {"cpu_cores": rng.choice((None, 1, 2, 3, 8, 64)), "memory_budget_mb": rng.choice((None, 10, 1000, 10**6))}
    return {**whole, "parts": parts}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_system_has_an_answer_that_can_be_shown_saved_and_run(seed: int) -> None:
    rng, selector = random.Random(seed), Selector(host=FIXED_HOST)
    for _ in range(60):
        plan = plan_system(selector, system_from_mapping(random_system(rng)))
        found = answer_of(plan, selector)
        assert json.loads(found.model_dump_json())["schema"] == 1
        compile(skeleton_script(plan, found), "system.py", "exec")
        text = text_of(system_document(found, "x", form="text", whole=False))
        assert max(map(len, text.splitlines())) <= 80
        if found.bottleneck is not None:
            for part in found.parts:
                assert part.most_per_s is not None and part.throughput_per_s is not None
                assert part.throughput_per_s <= part.most_per_s * 1.01
