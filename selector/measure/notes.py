"""What somebody who makes a function concurrent should know, and no field of the profile can hold. Pure."""

from __future__ import annotations

from selector.measure.clients import Clients
from selector.measure.evidence import milliseconds
from selector.measure.findings import Findings
from selector.measure.sharing import named, steadily
from selector.measure.waits import used
from selector.text import percent

BLOCKS_MS = 5.0  # without an await: what else runs in the loop notices
_CUT = {"memory": "more would have taken too much memory", "time": "making them took too long"}
_BUSY = 0.1  # of the time that it wants a CPU
_SLOW_PICKLING = 0.2  # of its computing


def notes_on(found: Findings, order: str | None, clients: Clients) -> list[str]:
    """The sentences, the most important first."""
    notes = _loop_notes(found) + _busy_notes(found)
    if found.mutated:
        notes.append("It changes the item that it is given: a worker process or subinterpreter changes a copy of it.")
    notes += _write_notes(found)
    if found.calls is not None and found.calls.children_ms > 1.0:
        computed = milliseconds(found.calls.children_ms)
        notes.append(f"Child processes that it starts compute {computed} a call: they need CPUs as well.")
    if found.lazy:
        notes.append("It gives a generator, which was run to its end: return a list where workers are to do the work.")
    if found.items_why in _CUT:
        notes.append(f"Only the first {found.taken:,} items were taken: {_CUT[found.items_why]}.")
    if order == "order":
        notes.append("The results depend on the order of the calls: what runs at once gives other results.")
    elif order == "chance":
        notes.append(
            "The same calls gave other results in another process (chance, time, or what they have left behind)."
        )
    if (crossing := found.crossing) and found.calls and crossing.milliseconds is not None:
        share = crossing.milliseconds / max(found.calls.cpu_ms, 0.05)
        if crossing.milliseconds > 0.5 and share > _SLOW_PICKLING:
            notes.append(f"To pickle an item and its result takes {percent(share)} of what computing takes.")
    return notes + _client_notes(found, clients)


def _loop_notes(found: Findings) -> list[str]:
    steps = found.steps
    if steps is None or steps.longest_ms <= BLOCKS_MS:
        return []
    what = "waiting in a blocking call" if steps.blocking_ms > 0.5 * steps.longest_ms else "computing"
    note = f"It blocks the event loop for {milliseconds(steps.longest_ms)} at a time, {what}: hand that part to a"
    return [f"{note} thread (asyncio.to_thread) or a pool."]


def _busy_notes(found: Findings) -> list[str]:
    """Whether others took CPUs from it: its CPU time is then more than it is alone, as they share caches and a clock."""
    calls = found.calls
    if calls is None or not calls.delay_known or calls.cpu_ms <= 0:
        return []
    share = calls.delay_ms / (calls.cpu_ms + calls.delay_ms)
    if share <= _BUSY:
        return []
    waited = f"Other programs were busy: calls waited for a CPU for {percent(share)} of the time that they wanted one."
    return [f"{waited} CPU times are higher then, some by a half: measure again when the machine is quiet."]


def _write_notes(found: Findings) -> list[str]:
    """What it writes, by name; workers in other processes each write a copy of their own."""
    if steady := steadily(found.writes):
        return [
            f"Every call writes {named(steady)}: worker processes and subinterpreters write copies, which are lost."
        ]
    return []


def _client_notes(found: Findings, clients: Clients) -> list[str]:
    """Which asynchronous client there is for what it uses."""
    if found.coroutine:
        return []
    return [
        f"It uses {client.library}; in a coroutine: {client.instead} ({client.source})."
        for client in used(found, clients)
        if client.instead
    ]
