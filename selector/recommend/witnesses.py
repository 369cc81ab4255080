"""Workloads for what is found out about the tables of the chain: a profile that one can pass to `recommend`.

A finding is about facts. Most facts of a profile are its fields; from others the fields are worked out backwards, and what
is left is tried. Whatever is found is checked forwards: the facts of the profile must lie in the region of the finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

from selector.decision.cells import Cell, Scalar, matches
from selector.decision.parser import region_cell
from selector.decision.proofs.diff import TableChange
from selector.decision.proofs.examine import prove
from selector.decision.proofs.findings import Finding, Verification
from selector.decision.proofs.limits import Steps
from selector.decision.proofs.verify import verify_tables
from selector.decision.table import DecisionTable
from selector.errors import SelectorError
from selector.recommend.chain import Situation
from selector.recommend.derive import approach_facts
from selector.recommend.facts import FACTS, HostFacts
from selector.recommend.knowledge import CHAIN, Knowledge, check_fits, load_knowledge
from selector.workload.fields import field_kind
from selector.workload.profile import APPROACHES, SKILLS, WorkloadProfile
from selector.workload.reading import profile_from_mapping

Facts = Mapping[str, Any]

_DERIVED_COUNTS = ("in_flight", "workers", "process_workers_that_fit")
#: Facts that are whole numbers: the counts of a profile, and those derived from them.
WHOLE: frozenset[str] = frozenset(
    [*_DERIVED_COUNTS, *(n for n in FACTS if n in WorkloadProfile.model_fields and field_kind(n).kind == "count")]
)
#: The machine on which profiles are looked for, so that the same are found anywhere.
PLAIN_HOST = HostFacts("linux", 4, (("3.13", "python3.13"), ("3.14", "python3.14")))

_TRIES = 400
_MOST_FOUND = 5  # of which the shortest is taken
_STEPS = 1_000_000
_MOST_SOUGHT = 20  # findings for which a workload is looked for
_OF_THE_HOST = ("cpu_cores", "platform", "interpreters")  # said even where they are as on the plain host
_READY = {"ready": True, "ruled_out": False}
_STARTS = {"fork": ("linux", ["3.13"]), "forkserver": ("linux", ["3.14"]), "spawn": ("macos", ["3.14"])}
#: Fields from which a fact of that value may follow.
_BACKWARDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "cpu_load": lambda load: {
        "throughput_requirement_per_s": load,  # of a batch and of a service
        "cpu_ms_per_task": 1000,
        "cpu_cores": 1,
    },
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
_AMOUNTS = (0, 0.005, 0.1, 1, 5, 20, 50, 100, 300, 1000, 5000, 100_000)
_COUNTS = (1, 2, 3, 4, 8, 50, 200, 1000, 100_000)


class Workload(NamedTuple):
    """A profile, its fields that say something, if one was found; and whether it was looked for."""

    profile: dict[str, Any] | None
    sought: bool


_Found = TypeVar("_Found", Finding, TableChange)


def with_tables(tables: Iterable[DecisionTable], user: Path | None) -> Knowledge:
    """All that is known, with these tables in the place of those of the same name, as far as they fit there."""
    knowledge = load_knowledge(user)
    fitting = {}
    for table in tables:
        if table.name in CHAIN:
            with suppress(SelectorError):
                check_fits(table, table.name, CHAIN[table.name])
                fitting[table.name] = table
    return replace(knowledge, tables={**knowledge.tables, **fitting})


def verify_chain(
    tables: Sequence[DecisionTable], knowledge: Knowledge, seconds: float | None = None
) -> tuple[Verification, ...]:
    """The tables verified, together as a chain; what is wrong only for facts that cannot hold together is a note.

    `seconds` is the time for all of them; without it their steps are counted.
    """
    proofs = verify_tables(tables, whole=WHOLE, seconds=seconds)
    return tuple(
        replace(proof, findings=tuple(_as_note_if_impossible(finding, knowledge) for finding in proof.findings))
        for proof in proofs
    )


def _as_note_if_impossible(finding: Finding, knowledge: Knowledge) -> Finding:
    """A finding, as a note if no workload can have its facts. The last of too many gaps stands for others too."""
    about_a_region = finding.kind in ("gap", "conflict") and "there are more" not in finding.message
    if finding.severity == "note" or not about_a_region or is_possible(finding.table, finding.region, knowledge):
        return finding
    return replace(finding, severity="note", message=f"{finding.message} (these never hold together)")


def with_workloads(
    found: Sequence[_Found], table: str, knowledge: Knowledge, steps: Steps | None = None, *, notes: bool = True
) -> list[tuple[_Found, Workload]]:
    """What was found, perhaps without notes, each with a workload that has its facts.

    It is looked for in the first few, as long as `steps` has time.
    """
    chosen = [each for each in found if notes or not (isinstance(each, Finding) and each.severity == "note")]
    return [
        (each, _workload(each, table, knowledge, seek=number < _MOST_SOUGHT and not (steps and steps.is_over)))
        for number, each in enumerate(chosen)
    ]


def _workload(found: Finding | TableChange, table: str, knowledge: Knowledge, *, seek: bool) -> Workload:
    witness = found.witness if isinstance(found, Finding) else found.given
    if witness is None or table not in CHAIN or not seek:
        return Workload(None, sought=False)
    profile = profile_with(table, found.region, witness, knowledge)
    return Workload(None if profile is None else profile.given(), sought=True)


def changed_answers(
    profiles: Iterable[tuple[str, WorkloadProfile]], old: Knowledge, new: Knowledge
) -> dict[str, tuple[str, str]]:
    """The workloads, by name, that are recommended something else, each with both answers."""
    answers = [(name, *(_recommended(profile, knowledge) for knowledge in (old, new))) for name, profile in profiles]
    return {name: (was, now) for name, was, now in answers if was != now}


def _recommended(profile: WorkloadProfile, knowledge: Knowledge) -> str:
    """The approach and the engine in words, or why there is none."""
    try:
        return " with ".join(filter(None, Situation(profile, PLAIN_HOST, knowledge).answer))
    except SelectorError as error:
        return f"an error ({error.message})"


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
    tests = {name: region_cell(text) for name, text in region.items() if name in known[0]}
    return any(_holds(tests, facts) for facts in known)


def profile_with(
    table: str, region: Mapping[str, str], witness: Mapping[str, Scalar], knowledge: Knowledge
) -> WorkloadProfile | None:
    """A workload about which a table of the chain is asked facts in the region, as short as can be; None if none is found."""
    if table not in CHAIN or not is_possible(table, region, knowledge):
        return None
    fits = partial(_fits, table, {name: region_cell(text) for name, text in region.items()}, knowledge)
    starts = [*_classified_so(region, witness, knowledge), (region, witness)]
    rng = Random(0)  # noqa: S311  # the same profiles every time
    tried = (_fields(*starts[n % len(starts)], rng, guess=0.1 * (n % 10)) for n in range(_TRIES))
    found = [_shortest(fields, fits) for fields in islice(filter(fits, tried), _MOST_FOUND)]
    return profile_from_mapping(min(found, key=lambda fields: len(str(fields)))) if found else None


def _classified_so(region: Mapping[str, str], witness: Facts, knowledge: Knowledge) -> Iterator[tuple[Facts, Facts]]:
    """The same with what makes `classify` say the class in it: a region and a witness for each row that does."""
    if "workload_class" not in region:
        return
    classify = prove(knowledge.tables["classify"], whole=WHOLE, steps=Steps(_STEPS))
    for rule, fate in zip(classify.space.table.rules, classify.fates, strict=True):
        if fate.fires is not None and rule.outputs["workload_class"] == witness["workload_class"]:
            inputs = classify.space.witness(fate.fires)
            yield (
                {**classify.space.region(fate.fires), **region},
                {**inputs, **{name: witness[name] for name in region}},
            )


def _fits(table: str, tests: Mapping[str, Cell], knowledge: Knowledge, fields: dict[str, Any]) -> bool:
    """Whether these are fields of a workload about which the table is asked such facts."""
    try:
        situation = Situation(profile_from_mapping(fields), PLAIN_HOST, knowledge)
        return any(_holds(tests, facts) for facts in _facts_asked(table, situation))
    except SelectorError:  # no profile, or a table before this one has no answer for it
        return False


def _holds(tests: Mapping[str, Cell], facts: Facts) -> bool:
    return all(matches(test, facts.get(name)) for name, test in tests.items())


def _facts_asked(table: str, situation: Situation) -> Iterator[Facts]:
    """The facts that a table of the chain is asked about a workload, as far as the tables before it have answers."""
    match table:
        case "classify":
            yield situation.unclassified
        case "strategy" | "engine":
            yield situation.facts
        case "sizing" | "replicas":
            for approach in situation.named:
                yield approach_facts(situation.facts, approach, situation.traits(approach), None)
        case "eligibility":
            yield from (situation.candidate(approach).facts for approach in situation.named)
        case "speedup_bands":
            if (weighing := situation.choice.weighing) is not None:
                yield weighing.facts
        case "advice":
            yield situation.choice.chosen.facts
        case "wrong_turns":
            for approach in APPROACHES:
                yield approach_facts(situation.facts, approach, situation.traits(approach), None)


def _fields(region: Mapping[str, str], witness: Facts, rng: Random, *, guess: float) -> dict[str, Any]:
    """Fields of a profile: those that matter as the witness or, like the others, guessed with that probability."""
    fields = {name: _guessed(name, rng) for name in WorkloadProfile.model_fields if rng.random() < guess}
    fields.setdefault("workload_type", "cpu")
    for name, value in witness.items():
        if name in region and name in _BACKWARDS and value is not None and rng.random() >= guess / 2:
            fields |= _BACKWARDS[name](value)
    lacked = [skill for skill in SKILLS if witness.get(f"lacks_{skill}")]
    if lacked and any(f"lacks_{skill}" in region for skill in lacked):
        fields["team_knows"] = [skill for skill in SKILLS if skill not in lacked]
    for name in region:
        if name in WorkloadProfile.model_fields:
            guessed = fields.get(name)
            keep = rng.random() < guess and matches(region_cell(region[name]), guessed)
            fields[name] = guessed if keep else witness[name]
    return {name: value for name, value in fields.items() if value is not None}


def _guessed(field: str, rng: Random) -> Any:
    """A value, perhaps; which Pythons there are is not guessed, nor texts."""
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return rng.choice(kind.choices)
        case "flag":
            return rng.choice([True, False])
        case "count":
            return rng.choice(_COUNTS)
        case "number":
            return rng.choice([a for a in _AMOUNTS[kind.above_zero :] if a <= kind.largest])
    return None


def _shortest(fields: dict[str, Any], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The fields without those that are not needed; what the host would say stays."""
    for name in sorted(fields):
        without = {key: value for key, value in fields.items() if key != name}
        if name not in _OF_THE_HOST and fits(without):
            fields = without
    return fields
