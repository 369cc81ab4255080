"""The catalogues beside the decision tables: what each approach is, what concurrency costs where nothing is measured, and
which servers run a service.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from selector.errors import SelectorError
from selector.text import quoted
from selector.workload.profile import APPROACHES, ApproachId

Engine = Literal["celery", "rq", "dask", "ray", "dramatiq", "huey"]
Effort = Literal["none", "low", "medium", "high"]


@dataclass(frozen=True, eq=False)
class Traits:
    """What rules can say about an approach; the words are explained at the head of approaches.yaml."""

    runs_in: Literal["own", "workers", "cluster"]
    parallel_python: bool
    parallel_native: bool
    overlaps_waits: Literal["none", "pool", "all"]
    runs_loop: bool
    blocks_loop: bool
    needs: Literal["any", "free_threaded", "subinterpreters"]
    pickles: bool
    convoy: bool
    pool: Literal["none", "cores", "waits"]
    skill: Literal["none", "asyncio", "threads", "processes", "queues"]
    debugging: Literal["easy", "moderate", "hard"]


@dataclass(frozen=True, eq=False)
class Approach:
    """One approach: its title, its traits, and what one gains and pays with it, a sentence each."""

    id: ApproachId
    title: str
    traits: Traits
    gain: str
    cost: str


def load_approaches(path: Path) -> dict[ApproachId, Approach]:
    """The catalogue of approaches, simplest first; SelectorError unless it describes each approach exactly once."""
    from selector.decision.source import load_yaml

    data = load_yaml(path)
    if not isinstance(data, dict) or set(data) != set(APPROACHES):
        found = set(data) if isinstance(data, dict) else set()
        odd = ", ".join(sorted(set(APPROACHES) ^ found))
        raise SelectorError(
            f"{path}: missing or unknown approaches: {odd}", f"describe each of {', '.join(APPROACHES)}"
        )
    return {key: _approach(key, data[key], f"{path}: {key}") for key in APPROACHES}


def load_costs(path: Path) -> dict[str, float]:
    """The documented costs by name, in the units of their names; every one must state its source."""
    from selector.decision.source import load_yaml

    data = load_yaml(path)
    if not isinstance(data, dict):
        raise SelectorError(f"{path}: costs are a mapping of names to values with their sources")
    for name, entry in data.items():
        if not _is_cost(entry):
            raise SelectorError(f"{path}: {name} is {quoted(entry)}", 'write {value: 12.5, source: "where it is from"}')
    return {name: float(entry["value"]) for name, entry in data.items()}


def _is_cost(entry: Any) -> bool:
    """Whether it is a value over 0 with a source that says something."""
    if not isinstance(entry, dict) or set(entry) != {"value", "source"}:
        return False
    value, source = entry["value"], entry["source"]
    return type(value) in (int, float) and value > 0 and isinstance(source, str) and bool(source.strip())


def _approach(key: ApproachId, entry: Any, where: str) -> Approach:
    if not isinstance(entry, dict) or set(entry) != {"title", "traits", "gain", "cost"}:
        raise SelectorError(f"{where} is {quoted(entry)}", "write title, traits, gain and cost")
    for name in ("title", "gain", "cost"):
        if not isinstance(entry[name], str):
            raise SelectorError(f"{where}: {name} is {quoted(entry[name])}", "write a sentence, in quotes")
    return Approach(key, entry["title"], _traits(entry["traits"], where), entry["gain"], entry["cost"])


def _traits(entry: Any, where: str) -> Traits:
    """Every trait, each with a value it can have."""
    choices = {name: get_args(hint) or (True, False) for name, hint in get_type_hints(Traits).items()}
    if not isinstance(entry, dict) or set(entry) != set(choices):
        raise SelectorError(f"{where}: traits are {quoted(entry)}", f"give each of {', '.join(choices)}")
    for name, value in entry.items():
        if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices[name]):
            raise SelectorError(f"{where}: {name} is {quoted(value)}", f"one of {', '.join(map(str, choices[name]))}")
    return Traits(**entry)


@dataclass(frozen=True, eq=False)
class ServerEntry:
    """A server that runs web services; what its fields mean stands at the head of servers.yaml."""

    name: str
    interface: Literal["asgi", "wsgi"]
    threads: bool
    free_threaded: bool
    windows: bool
    command: str
    worker_mb: float
    note: str
    checked: str
    source: str


def load_servers(path: Path) -> tuple[ServerEntry, ...]:
    """The servers in the order they are offered; SelectorError for an entry that has not exactly these fields."""
    from selector.decision.source import load_yaml

    data = load_yaml(path)
    if not isinstance(data, dict):
        raise SelectorError(f"{path}: servers are a mapping of names to entries")
    return tuple(_server(name, entry, f"{path}: {name}") for name, entry in data.items())


def _server(name: str, entry: Any, where: str) -> ServerEntry:
    """An entry with every field, each of its type."""
    hints = {field: hint for field, hint in get_type_hints(ServerEntry).items() if field != "name"}
    if not isinstance(entry, dict) or set(entry) != set(hints):
        raise SelectorError(f"{where} is {quoted(entry)}", f"give each of {', '.join(hints)}")
    for field, hint in hints.items():
        value, choices = entry[field], get_args(hint)
        kinds = (int, float) if hint is float else (hint,)
        if (value not in choices) if choices else type(value) not in kinds:
            takes = f"one of {', '.join(choices)}" if choices else _TAKES[hint]
            raise SelectorError(f"{where}: {field} is {quoted(value)}", f"write {takes}")
    if "{app}" not in entry["command"] or entry["worker_mb"] <= 0:
        raise SelectorError(f"{where} is {quoted(entry)}", "command needs {app} in it, worker_mb is over 0")
    return ServerEntry(name, **entry)


_TAKES = {bool: "true or false", float: "a number", str: "text, in quotes"}
