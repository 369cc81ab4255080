"""Workloads for what is found out about the tables of the chain: a profile that one can pass to `recommend`.

A finding is about facts. Most facts of a profile are its fields; from others the fields are worked out backwards, and what
is left is tried. Whatever is found is checked forwards: the facts of the profile must lie in the region of the finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any

from selector.catalogue import Traits
from selector.decision.cells import Cell, Scalar, matches, parse_cell
from selector.errors import SelectorError
from selector.profile import APPROACHES, WorkloadProfile, field_kind, profile_from_mapping
from selector.recommend.choose import choose, consider
from selector.recommend.facts import FACTS, HostFacts, add_cost_facts, build_facts, quantities
from selector.recommend.knowledge import CHAIN, Knowledge

Facts = Mapping[str, Any]

_DERIVED_COUNTS = ("in_flight", "workers", "process_workers_that_fit")
#: Facts that are whole numbers: the counts of a profile, and those derived from them.
WHOLE: frozenset[str] = frozenset(
    [*_DERIVED_COUNTS, *(n for n in FACTS if n in WorkloadProfile.model_fields and field_kind(n).kind == "count")]
)
#: The machine on which profiles are looked for, so that the same are found anywhere.
PLAIN_HOST = HostFacts("linux", 4, (("3.13", "python3.13"), ("3.14", "python3.14")))

_TRIES = 400
_OF_THE_HOST = ("cpu_cores", "platform", "interpreters")  # said even where they are as on the plain host
_READY = {"ready": True, "ruled_out": False}
_STARTS = {"fork": ("linux", ["3.13"]), "forkserver": ("linux", ["3.14"]), "spawn": ("macos", ["3.14"])}
#: Fields from which a fact of that value may follow.
_BACKWARDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "in_flight": lambda count: {"concurrency": count},
    "total_cpu_ms": lambda ms: {"tasks": 1, "cpu_ms_per_task": ms},
    "total_work_ms": lambda ms: {"tasks": 1, "cpu_ms_per_task": ms / 2, "io_wait_ms_per_task": ms / 2},
    "cpu_share": lambda share: {"cpu_ms_per_task": 100 * share, "io_wait_ms_per_task": 100 * (1 - share)},
    "cpu_over_latency": lambda ratio: {"cpu_ms_per_task": 10 * ratio, "latency_requirement_ms": 10},
    "free_threading": lambda word: {"free_threading_ready": _READY.get(word)},
    "subinterpreters": lambda word: {"subinterpreter_ready": _READY.get(word)},
    "gil_build": lambda allowed: {"interpreters": None if allowed else ["3.14t"]},
    "start_method": lambda word: dict(zip(("platform", "interpreters"), _STARTS[word], strict=True)),
}
_AMOUNTS = (0, 0.005, 0.1, 1, 5, 20, 100, 1000, 100_000)
_COUNTS = (1, 2, 4, 50, 200, 1000, 100_000)


def is_possible(table: str, region: Mapping[str, str], knowledge: Knowledge) -> bool:
    """Whether inputs of a table of ours can hold together: traits must be those of an approach, `same` must be true.

    False is certain; true only says that nothing is known against it.
    """
    if table in CHAIN:
        known: list[Facts] = [{**knowledge.approaches[a].traits.__dict__, "approach": a} for a in APPROACHES]
    elif table == "migration_effort":
        known = [{"from": a, "to": b, "same": a == b} for a in APPROACHES for b in APPROACHES]
    else:
        return True
    tests = {name: parse_cell(text) for name, text in region.items() if name in known[0]}
    return any(_holds(tests, facts) for facts in known)


def profile_with(
    table: str, region: Mapping[str, str], witness: Mapping[str, Scalar], knowledge: Knowledge
) -> WorkloadProfile | None:
    """A workload about which a table of the chain is asked facts in the region, as short as can be; None if none is found."""
    if table not in CHAIN or not is_possible(table, region, knowledge):
        return None
    tests = {name: parse_cell(text) for name, text in region.items()}
    rng = Random(0)  # noqa: S311  # the same profiles every time
    for attempt in range(_TRIES):
        fields = _fields(region, witness, rng, guess=0.1 * (attempt % 10))
        if _fits(table, tests, knowledge, fields):
            return profile_from_mapping(_shortest(fields, partial(_fits, table, tests, knowledge)))
    return None


def _fits(table: str, tests: Mapping[str, Cell], knowledge: Knowledge, fields: dict[str, Any]) -> bool:
    """Whether these are fields of a workload about which the table is asked such facts."""
    try:
        profile = profile_from_mapping(fields)
        return any(_holds(tests, facts) for facts in _asked(table, profile, knowledge))
    except SelectorError:  # no profile, or a table before this one has no answer for it
        return False


def _holds(tests: Mapping[str, Cell], facts: Facts) -> bool:
    return all(matches(test, facts.get(name)) for name, test in tests.items())


def _asked(table: str, profile: WorkloadProfile, knowledge: Knowledge) -> Iterator[Facts]:
    """The facts that a table of the chain is asked about a workload, as far as the tables before it have answers."""
    facts = build_facts(profile, PLAIN_HOST)
    work = quantities(profile, facts, PLAIN_HOST)
    add_cost_facts(facts, work, knowledge.approaches["multiprocessing"].traits, knowledge.builds)
    if table in ("classify", "engine"):
        yield facts
        return
    classified = knowledge.tables["classify"].decide_among(facts)
    facts["workload_class"] = classified.output["workload_class"] if classified.output else None
    if table == "strategy":
        yield facts
        return
    if table in ("speedup_bands", "advice"):
        choice = choose(profile, PLAIN_HOST, knowledge)
        if table == "advice":
            yield choice.chosen.facts
        elif choice.compared is not None:
            yield choice.compared.facts
        return
    for row in knowledge.tables["strategy"].decide_among(facts).rules:
        approach: Any = row.outputs["approach"]
        if table == "sizing":
            yield {**facts, **knowledge.approaches[approach].traits.__dict__, "approach": approach}
        else:
            yield consider(approach, row, facts, work, knowledge).facts


def _fields(region: Mapping[str, str], witness: Facts, rng: Random, *, guess: float) -> dict[str, Any]:
    """Fields of a profile: those that matter as the witness has them, others guessed with that probability."""
    fields = {name: _guessed(name, rng) for name in WorkloadProfile.model_fields if rng.random() < guess}
    fields.setdefault("workload_type", "cpu")
    for name in region:
        if name in _BACKWARDS and witness[name] is not None and rng.random() >= guess / 2:
            fields |= _BACKWARDS[name](witness[name])
    fields |= {name: witness[name] for name in region if name in WorkloadProfile.model_fields}
    return {name: value for name, value in fields.items() if value is not None}


def _guessed(field: str, rng: Random) -> Any:
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return rng.choice(kind.choices)
        case "flag":
            return rng.choice([True, False])
        case "count":
            return rng.choice(_COUNTS)
        case "number":
            return rng.choice(_AMOUNTS[kind.above_zero :])
    return None


def _shortest(fields: dict[str, Any], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The fields without those that are not needed; what the host would say stays."""
    for name in sorted(fields):
        without = {key: value for key, value in fields.items() if key != name}
        if name not in _OF_THE_HOST and fits(without):
            fields = without
    return fields
