"""The catalogues beside the decision tables: what each approach is, and what concurrency costs where nothing is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from selector.decision.source import load_yaml
from selector.errors import SelectorError
from selector.profile import APPROACHES, ApproachId
from selector.text import quoted


class Traits(BaseModel):
    """What rules can say about an approach; the words are explained at the head of approaches.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs_in: Literal["own", "workers", "cluster"]
    python_parallel: bool
    native_parallel: bool
    overlaps_waits: Literal["none", "pool", "all"]
    runs_loop: bool
    blocks_loop: bool
    needs: Literal["any", "free_threaded", "subinterpreters"]
    pickles: bool
    convoy: bool
    pool: Literal["none", "cores", "waits"]


class Approach(BaseModel):
    """One approach: its title, its traits, and what one gains and pays with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ApproachId
    title: str
    traits: Traits
    tradeoffs: tuple[str, ...] = Field(min_length=1)


def load_approaches(path: Path) -> dict[ApproachId, Approach]:
    """The catalogue of approaches, simplest first; SelectorError unless it describes each approach exactly once."""
    data = load_yaml(path)
    if not isinstance(data, dict) or set(data) != set(APPROACHES):
        found = set(data) if isinstance(data, dict) else set()
        odd = ", ".join(sorted(set(APPROACHES) ^ found))
        raise SelectorError(f"{path}: missing or unknown approaches: {odd}", f"describe each of {', '.join(APPROACHES)}")
    return {key: _approach(key, data[key], f"{path}: {key}") for key in APPROACHES}


def load_costs(path: Path) -> dict[str, float]:
    """The documented costs by name, in the units of their names; every one must state its source."""
    data = load_yaml(path)
    if not isinstance(data, dict):
        raise SelectorError(f"{path}: costs are a mapping of names to values with their sources")
    for name, entry in data.items():
        right = isinstance(entry, dict) and set(entry) == {"value", "source"} and type(entry["value"]) in (int, float)
        if not right or entry["value"] <= 0:
            raise SelectorError(f"{path}: {name} is {quoted(entry)}", 'write {value: 12.5, source: "where it is from"}')
    return {name: float(entry["value"]) for name, entry in data.items()}


def _approach(key: str, entry: Any, where: str) -> Approach:
    try:
        return Approach.model_validate({**entry, "id": key} if isinstance(entry, dict) else entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SelectorError(f"{where}: {field}: {first['msg']} (got {quoted(first['input'])})") from None
