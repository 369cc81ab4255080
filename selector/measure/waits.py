"""What a function waits for, and whether an event loop could wait for it as it is. Pure."""

from __future__ import annotations

from typing import Literal, get_args

from selector.measure.clients import Client, Clients
from selector.measure.findings import Findings
from selector.measure.models import Evidence
from selector.text import listed, significant

IoKind = Literal["network", "disk", "database", "subprocess"]
#: A library that is built upon others stands before them: what the function calls is what must be replaced.
_BELOW = {"requests": ("urllib3", "http.client", "urllib.request", "socket"), "urllib3": ("http.client", "socket")}
_GENERAL = ("socket", "http.client", "urllib.request", "urllib3", "botocore")  # loaded by many that do not use them


def wait_evidence(found: Findings, *, waits: bool, clients: Clients, twin: bool) -> dict[str, Evidence]:
    """`io_kind` and `async_library` of a function that waits; nothing for one that does not.

    `twin` says that an asynchronous twin was named.
    """
    fields: dict[str, Evidence] = {}
    if not waits:
        return fields
    kinds = [kind for kind in get_args(IoKind) if kind in found.seen]
    if kinds:
        kind = kinds[0] if len(kinds) == 1 else "mixed"
        fields["io_kind"] = Evidence(value=kind, basis="inferred", how=f"what its calls touch: {_touched(found)}")
    if found.coroutine:
        fields["async_library"] = Evidence(value=True, basis="measured", how=_overlap(found))
    elif twin:
        how = "an asynchronous twin was named (--async-function)"
        fields["async_library"] = Evidence(value=True, basis="given", how=how)
    else:
        instead = [client.instead for client in used(found, clients) if client.instead]
        how = "it is no coroutine, so that a loop cannot overlap its waits as it is"
        how += f"; rewritten with {listed(instead, 'or')} it could" if instead else ""
        fields["async_library"] = Evidence(value=False, basis="inferred", how=how)
    return fields


def used(found: Findings, clients: Clients) -> list[Client]:
    """The libraries that a function seems to use, those that others are built upon left out."""
    kinds = {client.kind for client in clients.values()} & found.seen
    loaded = [name for name in found.clients if name in clients and clients[name].kind in kinds]
    special = [name for name in loaded if name not in _GENERAL]
    general = [name for name in loaded if name in _GENERAL and not any(name in _BELOW.get(n, ()) for n in loaded)]
    return [clients[name] for name in special or general[:1]]


def _touched(found: Findings) -> str:
    """The events that were seen, the most frequent first."""
    most = sorted(found.touches.items(), key=lambda event: -event[1])[:3]
    return ", ".join(f"{name} ({significant(count, 2):g} a call)" for name, count in most) or "no event was seen"


def _overlap(found: Findings) -> str:
    steps = found.steps
    if steps is None or steps.gather_ratio is None:
        return "it is a coroutine"
    together = f"{steps.gather_of} at once took {significant(steps.gather_ratio, 2):g} of the time one after the other"
    return f"it is a coroutine; {together}"
