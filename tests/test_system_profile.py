"""Files that describe a system of several parts: what is read, what is refused and how that is said, settings, the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command import call
from jsonschema import Draft202012Validator

from selector.errors import SelectorError
from selector.pipeline import example_files, example_systems
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping, read_workload
from selector.workload.schema import system_schema
from selector.workload.system import SystemProfile, system_from_mapping, with_system_settings

A = {"name": "a", "workload_type": "io"}
B = {"name": "b", "workload_type": "cpu"}


def system(*parts: dict[str, Any], **whole: Any) -> SystemProfile:
    return system_from_mapping({**whole, "parts": list(parts)}, "file")


def test_parts_are_profiles_with_a_name_and_whom_they_feed() -> None:
    found = system({**A, "feeds": ["b"], "tasks": 5}, B, cpu_cores=2, name="S")
    assert [part.name for part in found.parts] == ["a", "b"]
    assert found.parts[0].profile == WorkloadProfile(workload_type="io", name="a", tasks=5)
    assert [(one.name, other.name) for one, other in found.joints()] == [("a", "b")]
    assert found.mode == "batch"


@pytest.mark.parametrize(("name", "found"), example_systems())
def test_what_is_given_is_read_back(name: str, found: SystemProfile) -> None:
    assert system_from_mapping(json.loads(json.dumps(found.given())), name) == found
    assert json.loads(example_files()[name].read_bytes()).keys() == found.given().keys()


REFUSED: dict[str, tuple[Any, str]] = {
    "no object": ([], "a system is a JSON object, not a list"),
    "no parts": ({"parts": []}, "parts is an empty list"),
    "parts that are text": ({"parts": "a"}, "parts is text"),
    "a part that is text": ({"parts": ["a"]}, "part 1: a part is a JSON object, not text"),
    "no name": ({"parts": [{"workload_type": "io"}]}, "part 1: name is missing"),
    "a blank name": ({"parts": [{**A, "name": " "}]}, 'part 1: name is " "'),
    "feeds that is text": ({"parts": [{**A, "feeds": "b"}, B]}, 'feeds is "b": expected a list of names'),
    "two of one name": ({"parts": [A, A]}, 'two parts are named "a"'),
    "an unknown part": ({"parts": [{**A, "feeds": ["bb"]}, B]}, 'feeds "bb", which is no part'),
    "itself": ({"parts": [{**A, "feeds": ["a"]}]}, 'in a circle: "a" -> "a"'),
    "a circle": ({"parts": [{**A, "feeds": ["b"]}, {**B, "feeds": ["a"]}]}, 'in a circle: "a" -> "b" -> "a"'),
    "a field of a part": ({"parts": [{**A, "taks": 3}]}, 'part "a": unknown field "taks" (did you mean "tasks"?)'),
    "a value of a part": ({"parts": [{**A, "tasks": "many"}]}, 'part "a": tasks is "many"'),
    "a field of the whole": ({"cores": 2, "parts": [A]}, 'unknown field "cores" of a system'),
    "a value of the whole": ({"cpu_cores": 0, "parts": [A]}, "cpu_cores is 0: expected a whole number from 1"),
    "more CPUs": ({"cpu_cores": 2, "parts": [{**A, "cpu_cores": 4}]}, '"a" 4 are more than the 2 CPUs'),
    "more memory": ({"memory_budget_mb": 9, "parts": [{**A, "memory_budget_mb": 10}]}, '"a" 10 are more than the 9 MB'),
    "a batch in a service": (
        {"parts": [{**A, "requests_per_second": 3}, {**B, "mode": "batch"}]},
        'part "b" is a batch, and other parts are a service',
    ),
    "many": ({"parts": [{**A, "name": str(n)} for n in range(60)]}, "60 parts: a system has at most 50"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_names_the_place(what: str) -> None:
    data, said = REFUSED[what]
    with pytest.raises(SelectorError) as refused:
        system_from_mapping(data, "file")
    assert said in refused.value.message
    assert refused.value.message.startswith("file: ")
    assert refused.value.hint


def test_the_order_puts_each_part_after_those_that_feed_it() -> None:
    parts = [{**A, "name": "c"}, {**A, "name": "b", "feeds": ["c"]}, {**A, "name": "a", "feeds": ["b", "c"]}]
    assert [part.name for part in system(*parts).in_order()] == ["a", "b", "c"]


def test_settings_are_of_the_whole_or_of_a_part() -> None:
    data = {"parts": [A, {**B, "name": "b.c"}]}
    found = system_from_mapping(with_system_settings(data, ("cpu_cores=3", "b.c.tasks=7", "a.name=z")))
    assert (found.cpu_cores, found.part("b.c").profile.tasks, found.parts[0].name) == (3, 7, "z")
    assert data["parts"][0]["name"] == "a"
    with pytest.raises(SelectorError, match='no part "x"'):
        with_system_settings(data, ("x.tasks=3",))
    with pytest.raises(SelectorError, match="write KEY=VALUE"):
        with_system_settings(data, ("cpu_cores",))


def test_where_one_workload_is_needed_a_system_is_refused_with_what_takes_it() -> None:
    with pytest.raises(SelectorError, match="a system of several parts") as refused:
        profile_from_mapping({"parts": [A]}, "line 3")
    assert "`recommend`, `generate` and `validate`" in refused.value.hint


def test_a_file_is_read_as_what_it_is(tmp_path: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"parts": [A]}))
    (tmp_path / "p.json").write_text(json.dumps({"workload_type": "io"}))
    assert isinstance(read_workload(str(tmp_path / "s.json"), ("a.tasks=2",)), SystemProfile)
    assert isinstance(read_workload(str(tmp_path / "p.json"), ()), WorkloadProfile)


def test_the_schema_takes_what_the_reader_takes() -> None:
    check = Draft202012Validator(system_schema())
    for _, found in example_systems():
        assert list(check.iter_errors(found.given())) == []
    fine = {"name": None, "platform": "linux", "interpreters": ["3.14t"], "parts": [{**A, "feeds": None}]}
    assert list(check.iter_errors(fine)) == []
    for bad in (
        {"parts": []},
        {"parts": [{"name": "a"}]},
        {"parts": [A], "cores": 1},
        {"parts": [{**A, "feeds": "b"}]},
    ):
        assert list(check.iter_errors(bad))
    assert call("schema", "system").json["title"] == "A system of concurrency-selector"
