"""Workloads and hosts for property tests: anything the schema admits, dense where the rules make a difference.

Hypothesis strategies (`profiles`, `hosts`) shrink what fails; `random_profile` and `random_host` make many, fast.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import strategies as st

from selector.recommend.facts import HostFacts
from selector.workload.fields import FieldKind, field_kind
from selector.workload.profile import WorkloadProfile

#: The host of every test whose result depends on one: four CPUs, and builds of both kinds.
FIXED_HOST = HostFacts(
    "linux", 4, (("3.13", "/x/python3.13"), ("3.14", "/x/python3.14"), ("3.14t", "/x/python3.14t"))
)  # fmt: skip
FIELDS = tuple(WorkloadProfile.model_fields)
LARGEST = 10**12
TAGS = ("3.8", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15t")
# Numbers around which the shipped rules change their mind, and the ends of what the schema admits.
_AMOUNTS = (
    0.0, 5e-324, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 4.5, 5, 8, 10, 12, 20, 30, 40, 50, 100, 120, 256, 300, 1000,
    5000, 1e5, 1e6, 1e9, LARGEST,
)  # fmt: skip
_COUNTS = (1, 2, 3, 4, 8, 16, 24, 50, 100, 500, 1000, 1001, 5000, 20_000, 10**6, LARGEST)
_RARE = ("durable", "machines", "parallelizable", "gpu", "native_parallel", "isolation", "interpreters", "mode")


def slow_after(quick: int, values: Iterable[Any]) -> list[Any]:
    """Parameters of a test (tuples where it has several), all but the first few for `make test-all` alone."""
    several = [v if isinstance(v, tuple) else (v,) for v in values]
    return [pytest.param(*v, marks=[pytest.mark.slow] * (place >= quick)) for place, v in enumerate(several)]


def values_of(field: str) -> st.SearchStrategy[Any]:
    """Every value of a field, as JSON has it (without null)."""
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return st.sampled_from(kind.choices)
        case "flag":
            return st.booleans()
        case "count":
            return st.sampled_from(_COUNTS) | st.integers(1, LARGEST)
        case "text":
            return st.text(max_size=200)
        case "several":
            return st.lists(st.sampled_from(kind.choices), min_size=1, max_size=len(kind.choices), unique=True)
        case "versions":
            return st.lists(st.from_regex(r"\A3\.[0-9]{1,2}t?\Z") | st.sampled_from(TAGS), min_size=1, max_size=4)
    return st.sampled_from(_amounts_of(kind)) | st.floats(0, kind.largest, exclude_min=kind.above_zero)


def _amounts_of(kind: FieldKind) -> list[float]:
    """The numbers of those above that a field takes."""
    return [a for a in _AMOUNTS if (a > 0 or not kind.above_zero) and a <= kind.largest]


VALUES = {field: values_of(field) for field in FIELDS}
_MASKS = st.integers(0, 2 ** len(FIELDS) - 1)  # a bit for each field


@st.composite
def workloads(draw: st.DrawFn, **fixed: Any) -> dict[str, Any]:
    """A workload as decoded JSON: the type of work, any of the other fields, and `fixed` ones (values or strategies)."""
    free = [f for f in FIELDS if f not in fixed and f != "workload_type"]
    some, others = draw(_MASKS), draw(_MASKS)
    chosen = some & others if draw(st.booleans()) else some  # a quarter of the fields, or half of them
    strategies = {"workload_type": VALUES["workload_type"]}
    strategies |= {field: VALUES[field] for place, field in enumerate(free) if chosen >> place & 1}
    strategies |= {f: v if isinstance(v, st.SearchStrategy) else st.just(v) for f, v in fixed.items()}
    return {field: draw(strategy) for field, strategy in strategies.items()}


def profiles(**fixed: Any) -> st.SearchStrategy[WorkloadProfile]:
    """Any profile the schema admits, with some fields as given."""
    return workloads(**fixed).map(WorkloadProfile.model_validate)


def hosts(tags: tuple[str, ...] = TAGS) -> st.SearchStrategy[HostFacts]:
    """Machines of every platform, with any of these interpreters."""
    found = st.lists(st.sampled_from(tags), unique=True).map(lambda some: tuple((t, f"/x/python{t}") for t in some))
    return st.builds(HostFacts, st.sampled_from(["linux", "macos", "windows"]), st.sampled_from([1, 2, 4, 64]), found)


def random_value(rng: random.Random, field: str) -> Any:
    """A value of a field, drawn from the interesting ones."""
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return rng.choice(kind.choices)
        case "flag":
            return rng.random() < 0.5
        case "count":
            return rng.choice(_COUNTS)
        case "text":
            return rng.choice(("", "a name", "Ünï\n🙂"))
        case "several":
            return rng.sample(kind.choices, rng.randint(1, len(kind.choices)))
        case "versions":
            return rng.sample(TAGS, rng.randint(1, 3))
    return rng.choice(_amounts_of(kind))


def random_profile(rng: random.Random) -> dict[str, Any]:
    """A workload as decoded JSON; what overrides everything else is set less often, to reach what lies behind."""
    share = rng.choice((0.1, 0.3, 0.5, 0.8))
    data = {"workload_type": random_value(rng, "workload_type")}
    for field in FIELDS:
        if field not in data and rng.random() < share * (0.3 if field in _RARE else 1):
            data[field] = random_value(rng, field)
    return data


def random_host(rng: random.Random) -> HostFacts:
    """A machine with some of the interpreters."""
    tags = rng.sample(TAGS, rng.randint(0, len(TAGS)))
    return HostFacts(
        rng.choice(("linux", "macos", "windows")), rng.choice((1, 2, 4, 64)), tuple((t, f"/x/{t}") for t in tags)
    )
