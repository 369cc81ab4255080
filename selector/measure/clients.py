"""Which asynchronous client does what a blocking library does: the table rules/async_clients.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from selector.decision.source import load_yaml
from selector.errors import SelectorError
from selector.files import find_rules
from selector.text import quoted

FILE = "async_clients.yaml"
_KEYS = {"kind", "client", "source"}


class Client(NamedTuple):
    """What a library waits for, and what does the same in a coroutine (None: nothing that is known)."""

    library: str
    kind: str
    instead: str | None
    source: str


Clients = dict[str, Client]


def load_clients(folders: tuple[Path, ...]) -> Clients:
    """The table by names of modules; SelectorError for an entry that is none."""
    file = find_rules(folders, FILE)
    data = load_yaml(file)
    if not isinstance(data, dict):
        raise SelectorError(f"{file}: this is no mapping", "keep the form of ours: module: {kind, client, source}")
    return {library: _client(library, entry, file) for library, entry in data.items()}


def _client(library: str, entry: Any, file: Path) -> Client:
    fits = isinstance(entry, dict) and set(entry) == _KEYS and entry["kind"] in ("network", "database")
    if not fits or not all(entry[key] is None or isinstance(entry[key], str) for key in ("client", "source")):
        raise SelectorError(
            f"{file}: {library} is {quoted(entry)}",
            "kind (network or database), client (text, or null where there is none) and source",
        )
    return Client(library, entry["kind"], entry["client"], entry["source"] or "")
