"""Whatever `--json` prints is of the schema that `schema` publishes for it, and a schema refuses what is misspelt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from command import call, run
from example_answers import PROFILES, selector
from fake_script import HERE, TINY, script_that_says_it
from jsonschema import Draft202012Validator
from strategies import FIXED_HOST
from three_reports import REPORTS

from selector import Selector, WorkloadProfile
from selector.cli import cli
from selector.cli.schema import FILES, OUTPUTS, published
from selector.files import resource_dir
from selector.measure.models import Evidence, MeasureReport, Problem, Tried
from selector.models import Schema
from selector.pipeline import example_systems
from selector.system.answer import recommend_system
from selector.system.verdict import Row, TrialEvent, judge_system
from selector.workload.schema import profile_schema

RULES = resource_dir("rules")
FEE = str(RULES / "speedup_bands.yaml")
ASYNC = ["--set", "workload_type=io", "--set", "tasks=50", "--set", "io_wait_ms_per_task=20"]


@cache
def schema_of(name: str) -> Schema:
    return json.loads(call("schema", name).out)


def complaints(name: str, data: object) -> list[str]:
    found = Draft202012Validator(schema_of(name)).iter_errors(data)
    return [f"{error.json_path}: {error.message}"[:300] for error in found]


# The schemas themselves -----------------------------------------------------------------------------------------------


def json_commands(group: click.Group, *before: str) -> Iterator[str]:
    """The commands that print JSON if they are asked to, as their schemas are called."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from json_commands(command, *before, name)
        elif any("--json" in param.opts for param in command.params):
            yield "-".join([*before, name])


def test_every_command_that_prints_json_has_a_schema() -> None:
    assert {*json_commands(cli)} - {"schema"} == set(OUTPUTS)
    assert set(OUTPUTS).isdisjoint(FILES)


@pytest.mark.parametrize("name", OUTPUTS)
def test_it_is_a_schema_and_says_what_it_is_of(name: str) -> None:
    schema = published(name)
    Draft202012Validator.check_schema(schema)
    assert list(schema)[:2] == ["$schema", "title"] and list(schema)[-1] == "$defs"
    assert name.replace("-", " ") in schema["title"] and len(schema["description"]) > 15
    for part, definition in schema["$defs"].items():
        assert len(definition.get("description", "words")) > 4, part


def objects_in(schema: Any) -> Iterator[Schema]:
    """Every part of a schema that is about an object."""
    if isinstance(schema, dict):
        if "properties" in schema or schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects_in(part)


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_object_takes_whatever_comes(name: str) -> None:
    for part in objects_in({**published(name), "$defs": _of_outputs(published(name)["$defs"])}):
        if "properties" in part:
            assert part["additionalProperties"] is False, part.get("title")
        else:  # by names that are not known beforehand; or empty
            assert part.get("additionalProperties") or part.get("maxProperties") == 0, part


def _of_outputs(definitions: Schema) -> Schema:
    """Without those of a table's file, whose columns are of its own."""
    return {name: part for name, part in definitions.items() if name[0].isupper()}


# What commands print --------------------------------------------------------------------------------------------------


def measured() -> Iterator[str]:
    """A function that was measured, and one that could not be."""
    profile = PROFILES["web-scraper"]
    found = MeasureReport(
        target="shop.py:price", items="100", python="3.14", profile=profile,
        evidence={"cpu_ms_per_task": Evidence(value=5.0, basis="measured", how="the median of 40 calls", low=4.8, high=5.3)},
        unknown=("memory_budget_mb",), problems=(Problem(kind="raises", text="It raised on item 3.", item=3),), notes=("A note.",),
        tried=(Tried(tag="3.14t", path="/x", imports=True, gil=False, why=""),), complete=True, calls=42, seconds=8.1,
        recommendation=selector().recommend(profile),
    )  # fmt: skip
    yield found.model_dump_json()
    nothing = {"profile": None, "evidence": {}, "recommendation": None, "complete": False, "tried": ()}
    yield found.model_copy(update=nothing).model_dump_json()


def validated() -> Iterator[str]:
    """Runs of each verdict, and of a system."""
    yield from (made().model_dump_json() for made in REPORTS.values())
    answer = recommend_system(Selector(host=FIXED_HOST), dict(example_systems())["api-with-pipeline"])
    rows = tuple(
        Row(name=part.name, done=9, errors=0, per_second=9.0, busy=0.5, last_error="") for part in answer.parts
    )
    kinds: tuple[Any, ...] = ("alone", "together")
    events = [TrialEvent(event=kind, seconds=1.0, parts=rows) for kind in kinds]
    yield judge_system(answer, events, "3.14").model_dump_json()


def compared(folder: Path) -> Iterator[str]:
    file = folder / "results.json"
    file.write_text(REPORTS["confirmed-cpu"]().model_dump_json(), "utf-8")
    yield call("compare", str(file), str(file), "--json").out


def recommended(folder: Path) -> Iterator[str]:
    """Answers of every kind of work, explained and with results, to a system, a line each, and of the wizard."""
    yield from (selector().recommend(profile).model_dump_json() for profile in PROFILES.values())
    (folder / "tiny.json").write_text(json.dumps(TINY), "utf-8")
    results = folder / "results"
    with script_that_says_it():
        done = call("validate", str(folder / "tiny.json"), "--json", "--save", str(results), *HERE)
    assert complaints("validate", done.json) == []
    yield call("recommend", "--with", str(results / "results.json"), "--explain", "--json").out
    yield call("recommend", "ten-agents", "--json").out
    yield call("--no-input", *ASYNC, "--json").out
    lines = (
        b'{"workload_type": "io"}\n{"workload_type": "cpu", "tasks": 5000000, "cpu_ms_per_task": 900, "machines": 3}\n'
    )
    yield from call("recommend", "--jsonl", "-", stdin=lines).out.splitlines()


def of_tables(*commands: tuple[str, ...]) -> Callable[[Path], Iterator[str]]:
    return lambda _: (call("rules", *words, "--json").out for words in commands)


PRINTED: dict[str, Callable[[Path], Iterator[str]]] = {
    "recommend": recommended,
    "measure": lambda _: measured(),
    "validate": lambda _: validated(),
    "compare": compared,
    "host": lambda _: iter([call("host", "--json").out]),
    "migrate": lambda _: (call("migrate", *ends, "--json").out for ends in (("threads", "distributed"), ("asyncio", "asyncio"))),
    "examples": lambda _: iter([call("examples", "--json").out]),
    "rules-list": of_tables(("list",)),
    "rules-show": of_tables(("show", "strategy"), ("show", "facts"), ("show", "classes"), ("show", "cpu_hot"), ("show", "gpu_work")),
    "rules-check": of_tables(("check", str(RULES / "engine.yaml"), FEE)),
    "rules-test": of_tables(("test", str(RULES / "engine.yaml"))),
    "rules-diff": of_tables(("diff", FEE, FEE), ("diff", FEE, str(RULES / "sizing.yaml"))),
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_is_of_the_schema(name: str, tmp_path: Path) -> None:
    texts = list(PRINTED[name](tmp_path))
    assert texts
    for text in texts:
        assert complaints(name, json.loads(text)) == []


@pytest.mark.slow
def test_what_is_measured_here_is_of_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text("def price(x):\n    return sum(range(20_000 + x))\n")
    (tmp_path / "requirements.txt").write_text("click\n")
    (tmp_path / "system.json").write_text(
        json.dumps({"parts": [{**TINY, "name": "a", "feeds": ["b"]}, {**TINY, "name": "b"}]})
    )
    own = ["--python", HERE[1]]
    for name, words in {
        "measure": ["measure", "shop.py:price", "--items", "40", "--budget", "5s", *own],
        "validate": ["validate", "--function", "shop.py:price", "--items", "40", "--budget", "8s", *own],
        "validate of a system": ["validate", "system.json", "--budget", "4s"],
        "deps": ["deps", ".", "--offline", *own],
        "calibrate": ["calibrate", *HERE],
    }.items():  # fmt: skip
        done = run(*words, "--json")
        assert (done.code, complaints(name.partition(" ")[0], done.json)) == (0, []), name


# A misspelt field is refused ------------------------------------------------------------------------------------------

#: Objects whose keys are names of something, not fields.
BY_NAME = ("evidence", "facts", "region", "given", "witness")


def misspelt(data: Any, place: str = "$", *, by_name: bool = False) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(Place, the data with that one field misspelt) of every field at any depth."""
    if isinstance(data, list):
        for number, each in enumerate(data[:2]):
            for where, changed in misspelt(each, f"{place}[{number}]"):
                yield where, lambda number=number, changed=changed: [*data[:number], changed(), *data[number + 1 :]]
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if not by_name:
            yield f"{place}.{key}", lambda key=key: {f"{k}x" if k == key else k: v for k, v in data.items()}
        for where, changed in misspelt(value, f"{place}.{key}", by_name=key in BY_NAME):
            yield where, lambda key=key, changed=changed: {**data, key: changed()}


@pytest.mark.parametrize(
    "name", ["recommend", "measure", "validate", "compare", "host", "migrate", "rules-check", "rules-diff"]
)
def test_a_misspelt_field_is_refused_wherever_it_is(name: str, tmp_path: Path) -> None:
    text = (
        max(PRINTED[name](tmp_path), key=len)
        if name in ("rules-check", "rules-diff")
        else next(PRINTED[name](tmp_path))
    )
    data, taken = json.loads(text), []
    validator = Draft202012Validator(schema_of(name))
    places = list(misspelt(data))
    for place, changed in places:
        if validator.is_valid(changed()):
            taken.append(place)
    assert taken == [] and len(places) > 8


def test_a_profile_in_an_answer_is_held_to_the_schema_of_a_profile() -> None:
    answer = selector().recommend(WorkloadProfile(workload_type="io")).model_dump(mode="json")
    assert complaints("recommend", {**answer, "profile": {**answer["profile"], "task": 5}})
    assert complaints("recommend", {**answer, "profile": {"tasks": 5}})
    inner = published("measure")["$defs"]["Recommendation"]["properties"]["profile"]
    assert inner["properties"] == profile_schema()["properties"]
