"""Under which Pythons a function runs, and how it does there: other versions, free threads, subinterpreters. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selector.measure.children import Said
from selector.measure.findings import Calls, Findings, findings_from, words
from selector.measure.models import Evidence, Problem, Tried
from selector.measure.problems import problem_of
from selector.measure.python import SUBINTERPRETERS, ChosenPython, release_of
from selector.text import significant

_LEAST_GAIN = 1.4  # of a library's own threads over one: threads or processes with one each make more of the same CPUs


def tried_of(said: Said, home: Said | None) -> Tried:
    """What came of trying a function under another Python; where every call raises there, though not at `home`, it does not run."""
    gil = said.facts.get("gil_after_run", said.facts.get("gil_after_import", said.facts.get("gil")))
    problem = problem_of(said) or raises_there(said, home)
    return Tried(
        tag=said.python.tag,
        path=said.python.path,
        imports=problem is None,
        gil=gil if isinstance(gil, bool) else None,
        why=problem.text if problem is not None else "",
    )


def raises_there(said: Said, home: Said | None) -> Problem | None:
    """The problem of a function whose calls all raise under another Python: what they import may be missing there."""
    there, here = digests(said), digests(home)
    if not there or not all(map(_is_error, there)) or all(map(_is_error, here[: len(there)])):
        return None
    return Problem(kind="raises_always", text=f"every call raises {_first_error(said) or 'there'}")


def _is_error(digest: str) -> bool:
    return digest.startswith("error ")


def version_fields(python: ChosenPython, tried: Sequence[Tried]) -> dict[str, Evidence]:
    """`interpreters`: those that the function runs under, its own among them."""
    tags = {python.tag: python.path, **{each.tag: each.path for each in tried if each.imports}}
    failed = [each for each in tried if not each.imports and each.tag not in tags]
    how = f"imported and called under {', '.join(sorted(tags, key=_order))}"
    if failed:
        how += f"; not under {', '.join(sorted({each.tag for each in failed}, key=_order))}"
    return {"interpreters": Evidence(value=tuple(sorted(tags, key=_order)), basis="measured", how=how)}


def _order(tag: str) -> tuple[int, bool]:
    return int(tag[2:].rstrip("t")), tag.endswith("t")


def free_threaded_fields(said: Said | None, calls: Calls, problem: Problem | None) -> dict[str, Evidence]:
    """`free_threading_ready` and `free_threaded_ratio`, from the same function under a free-threaded build.

    What is not installed there says nothing of the function: then both are unknown.
    """
    if said is None:
        return {}
    there = findings_from(said.facts)
    if there.gil_on is True:
        who = f" by importing {there.gil_module}" if there.gil_module else ""
        how = f"under {said.python.tag} the GIL was switched on again{who}"
        return {"free_threading_ready": Evidence(value=False, basis="measured", how=how)}
    if problem is not None:
        if problem.kind in ("crashes", "killed"):
            how = f"under {said.python.tag} {problem.text}"
            return {"free_threading_ready": Evidence(value=False, basis="measured", how=how)}
        return {}
    how = f"under {said.python.tag} it ran, and the GIL stayed off"
    fields = {"free_threading_ready": Evidence(value=True, basis="measured", how=how)}
    if there.calls is not None and calls.cpu_ms > 0 and there.calls.cpu_ms > 0:
        ratio = there.calls.cpu_ms / calls.cpu_ms
        how = f"CPU time of a call under {said.python.tag} over that under its own Python"
        low, high = there.calls.cpu_low_ms / calls.cpu_high_ms, there.calls.cpu_high_ms / max(calls.cpu_low_ms, 1e-9)
        wide = high > 1.5 * low
        fields["free_threaded_ratio"] = Evidence(
            value=significant(ratio, 3),
            basis="measured",
            how=how,
            low=significant(low, 2) if wide else None,
            high=significant(high, 2) if wide else None,
        )
    return fields


def own_build_fields(found: Findings) -> dict[str, Evidence]:
    """`free_threading_ready` of a function that was measured under a free-threaded build in the first place."""
    if not found.free_threaded or found.gil_on is None:
        return {}
    how = (
        "the GIL stayed off"
        if not found.gil_on
        else f"the GIL was switched on again by {found.gil_module or 'an import'}"
    )
    return {
        "free_threading_ready": Evidence(value=not found.gil_on, basis="measured", how=f"under its own Python {how}")
    }


def subinterpreter_fields(said: Said | None, home: Said | None) -> dict[str, Evidence]:
    """`subinterpreter_ready`, by having tried in two, one after the other: it is where no call raises that does not at `home`."""
    if said is None or not isinstance(said.facts.get("subinterpreter"), bool):
        return {}
    raised = [_is_error(there) > _is_error(here) for there, here in zip(digests(said), digests(home), strict=False)]
    where = f"two subinterpreters of {said.python.tag}, as a pool has them"
    if not said.facts["subinterpreter"]:
        how = f"it was tried in {where}: {words(said.facts.get('why') or 'it failed there')}"
    elif any(raised):
        how = f"it was called in {where}, and calls raised in the second: {_first_error(said)}"
    else:
        how = f"it was called in {where}"
    ready = said.facts["subinterpreter"] and not any(raised)
    return {"subinterpreter_ready": Evidence(value=ready, basis="measured", how=how)}


def without_subinterpreters(
    python: ChosenPython, tried: Sequence[Tried], said: Said | None, *, coroutine: bool
) -> list[str]:
    """Why nothing is known of it in subinterpreters; that there was no time for them is told elsewhere."""
    if release_of(python.tag) < SUBINTERPRETERS:
        why = f"they need Python {'.'.join(map(str, SUBINTERPRETERS))} or later, and this is {python.tag}"
        path = next((each.path for each in tried if each.imports and release_of(each.tag) >= SUBINTERPRETERS), None)
        how = f"--python {path}, where it runs, tries them" if path else "--python names one that has what it imports"
        return [f"Subinterpreters were not tried: {why}. {how}."]
    if coroutine:
        return ["Subinterpreters were not tried: only plain functions are tried there, and this is a coroutine."]
    if said is None:
        return []
    problem = problem_of(said)
    why = problem.text if problem is not None else words(said.facts.get("why") or "it said nothing")
    return [f"Whether it works in a subinterpreter is not known: {why}."]


def _first_error(said: Said) -> str:
    """The first kind of what calls raised, with its text."""
    errors = findings_from(said.facts).errors
    return "; ".join(f"{kind}: {text}" for kind, (_, text) in list(errors.items())[:1])


def order_of(forward: Said | None, reverse: Said | None, again: Said | None) -> str | None:
    """Whether results depend on the order of calls: `none`, `order`, `chance`, or None where it was not tried."""
    first, second = digests(forward), digests(reverse)
    if not first or not second or len(first) < 2:
        return None
    if first == second:
        return "none"
    third = digests(again)
    return None if not third else "order" if third == first else "chance"


def digests(said: Said | None) -> tuple[str, ...]:
    """What the results of a child come to; empty where it said nothing."""
    found = said.facts.get("digests") if said is not None else None
    return tuple(map(str, found)) if isinstance(found, list) else ()


def other_results(home: Said | None, others: Mapping[str, Said], order: str | None) -> list[str]:
    """A note for each Python that gives other results, where the function gives the same each time."""
    ours = digests(home)
    if order != "none":
        return []
    return [
        f"Under {tag} some results differ from those of its own Python: another version of a library may be behind it."
        for tag, said in others.items()
        if digests(said) and digests(said) != ours[: len(digests(said))] and raises_there(said, home) is None
    ]


def one_thread_will_do(found: Findings, pinned: Findings) -> bool:
    """Whether as many threads as the library takes by itself gain too little over one for the CPUs they take.

    Lack of a CPU is taken off. Threads that compute all the same are not the library's: no variable keeps the function from starting them.
    """
    if found.calls is None or pinned.calls is None or pinned.calls.helper_ms > 0.5 * found.calls.helper_ms:
        return False
    many, one = (max(1e-6, c.wall_ms - c.delay_ms) for c in (found.calls, pinned.calls))
    return one < _LEAST_GAIN * many
