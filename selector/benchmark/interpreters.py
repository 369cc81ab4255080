"""Which builds of Python are measured: those asked for, else the profile's, else one of each kind that is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from selector.errors import SelectorError
from selector.host import Interpreter
from selector.recommend.facts import newest, version_key
from selector.text import quoted
from selector.workload.profile import WorkloadProfile

_OLDEST_MINOR = 10  # the scripts are written for Python 3.10 and later


def interpreters_to_measure(
    profile: WorkloadProfile,
    available: Sequence[Interpreter],
    wanted: Sequence[str],
    own: Sequence[str | None],
    notes: list[str],
) -> list[Interpreter]:
    """The builds to measure with, the reference (newest build with a GIL) first.

    They are the ones asked for, else those of the profile that are here, else one of each kind found here: `own`, which
    are the recommendation's and the application's tag, before the newest.
    """
    here = by_tag(available)
    if wanted:
        chosen = asked_for(wanted, available)
    elif profile.interpreters:
        chosen = _listed(profile.interpreters, here, notes)
    else:
        chosen = one_of_each_kind(available, own)
    if not chosen:
        raise SelectorError("no Python that the benchmark can run on was found here", "uv python install 3.15", 1)
    chosen.sort(key=lambda i: (i.free_threaded, -version_key(i.tag)[1]))
    if chosen[0].free_threaded:
        notes.append(
            f"Only free-threaded builds are measured: the baseline runs on {chosen[0].tag}, "
            "and the times per task are those of that build."
        )
    return chosen


def by_tag(available: Iterable[Interpreter]) -> dict[str, Interpreter]:
    """The interpreters that can be measured, one a tag: the last one found, which is also the one HostFacts has."""
    return {i.tag: i for i in available if not _unfit(i)}


def _unfit(interpreter: Interpreter) -> str:
    """Why a benchmark does not run on this interpreter; empty if it does."""
    if interpreter.implementation != "CPython":
        return f"is {interpreter.implementation}: builds of CPython are compared"
    too_old = version_key(interpreter.tag)[1] < _OLDEST_MINOR
    return f"is Python {interpreter.tag}: the benchmark needs 3.{_OLDEST_MINOR} or later" if too_old else ""


def one_of_each_kind(available: Iterable[Interpreter], own: Iterable[str | None]) -> list[Interpreter]:
    """One with a GIL and a free-threaded one, as far as there are: the first of the user's `own` tags, else the newest."""
    here = by_tag(available)
    first = [tag for tag in own if tag in here]
    tags = (
        next((tag for tag in first if tag.endswith("t") == kind), None) or newest(tuple(here), free_threaded=kind)
        for kind in (False, True)
    )
    return [here[tag] for tag in tags if tag is not None]


def asked_for(wanted: Sequence[str], available: Sequence[Interpreter]) -> list[Interpreter]:
    """The interpreters that the user named, each once; SelectorError for one that is not here or cannot be measured."""
    chosen: dict[str, Interpreter] = {}
    for word in wanted:
        by_path = [i for i in available if i.path == word]
        of_tag = [i for i in available if i.tag == word.strip().casefold()]
        found = next(reversed(by_path or [i for i in of_tag if not _unfit(i)] or of_tag), None)
        if found is None:
            raise SelectorError(f"no interpreter {quoted(word)} on this machine", f"here are: {_listing(available)}")
        if problem := _unfit(found):
            raise SelectorError(f"interpreter {quoted(word)} {problem}", f"here are: {_listing(available)}")
        if chosen.setdefault(found.tag, found).path != found.path:
            paths = f"{chosen[found.tag].path} and {found.path}"
            raise SelectorError(f"two interpreters of one version, {found.tag}: {paths}", "give one of them")
    return list(chosen.values())


def _listed(tags: Sequence[str], here: Mapping[str, Interpreter], notes: list[str]) -> list[Interpreter]:
    """Those of the profile's interpreters that are here; SelectorError if none is."""
    missing = sorted((tag for tag in set(tags) if tag not in here), key=version_key)
    found = [here[tag] for tag in set(tags) if tag in here]
    if not found:
        newest_tag = missing[-1] if version_key(missing[-1])[1] >= _OLDEST_MINOR else "3.15"
        raise SelectorError(
            f"none of the profile's interpreters can be measured on this machine: {', '.join(missing)}",
            f"uv python install {newest_tag}, or --interpreter with one that is here: {_listing(here.values())}",
        )
    if missing:
        notes.append(f"In the profile, but not to be measured on this machine: Python {', '.join(missing)}.")
    return found


def _listing(available: Iterable[Interpreter]) -> str:
    """The interpreters a benchmark can run on, as a message lists them."""
    found = [f"{i.tag} ({i.path})" for i in by_tag(available).values()]
    return ", ".join(found) or "none that the benchmark can run on"
