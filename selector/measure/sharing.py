"""What calls share: global names that they write, objects that all read, results that hang on the order. Pure."""

from __future__ import annotations

from selector.measure.findings import Findings, Two, Writes, words
from selector.measure.models import Evidence
from selector.text import listed

CONTENDED = 1.5  # CPU of a call with a second thread on the same item, over that on items of its own: reference counts
SLOWED = 0.8  # of the speed of two threads on items of their own
_LEAST_CPU_MS = 0.01  # of less, the calling reads the item as much as the call
_MOST_NAMES = 4


def sharing_evidence(found: Findings, order: str | None, same: Two | None, own: Two | None) -> dict[str, Evidence]:
    """`shared_state` and `parallelizable`. `order` is `none`, `order`, `chance` or None (not tried).

    `own` and `same` are two threads on a free-threaded build, on items of their own and on one and the same.
    """
    fields = {}
    calls = found.calls
    if calls is None or calls.cached or calls.cpu_ms < max(_LEAST_CPU_MS, calls.wait_ms, calls.children_ms):
        own = same = None  # the same item is found in the cache, or too little computes to hinder others
    if found.writes.looked:
        value, how = _shared(found.writes, same, own)
        fields["shared_state"] = Evidence(value=value, basis="measured", how=how)
    if order == "order":
        how = "called in the reverse order, in a fresh process, the same items gave other results"
        fields["parallelizable"] = Evidence(value=False, basis="measured", how=how)
    elif order == "none":
        how = "called in the reverse order, in a fresh process, the same items gave the same results"
        fields["parallelizable"] = Evidence(value=True, basis="measured", how=how)
    return fields


def _shared(writes: Writes, same: Two | None, own: Two | None) -> tuple[str, str]:
    steady = [name for name in steadily(writes) if not _is_cache(writes, name)]
    if steady:
        hot = any(_is_hot(writes.later[name], writes.again[name]) for name in steady)
        return ("hot_writes" if hot else "disjoint_writes"), f"every call writes {named(steady)}"
    changed = sorted({*writes.later} | {*writes.again})
    if changed and not all(_is_cache(writes, name) for name in changed):
        return "disjoint_writes", f"some calls write {named(changed)}"
    if same and own and same.cpu_ratio and own.cpu_ratio and _contend(own, same):
        how = (
            f"two free threads on the same item took {same.cpu_ratio:.2g} times the CPU of one, on items of their own"
            f" {own.cpu_ratio:.2g} times: they count references of the same objects"
        )
        return "hot_reads", how
    seen = ""
    if same and own and same.cpu_ratio and own.cpu_ratio:
        seen = f"; two free threads on the same item took {same.cpu_ratio:.2g} times the CPU of one: no contention here"
    if changed or writes.first:
        filled = named(sorted({*writes.first} | {*changed}))
        return "read_only", f"the first calls fill {filled}, later ones leave it alone{seen}"
    return "none", f"no global name of the user's modules changed in three rounds of calls{seen}"


def _contend(own: Two, same: Two) -> bool:
    """Whether two threads hinder each other on one item: more CPU a call, and less speed where that is known."""
    more = (same.cpu_ratio or 0.0) > CONTENDED * (own.cpu_ratio or 1.0)
    return more and (own.speedup is None or same.speedup is None or same.speedup < SLOWED * own.speedup)


def steadily(writes: Writes) -> list[str]:
    """The names that every call seems to write."""
    return sorted({*writes.later} & {*writes.again})


def _is_hot(later: object, again: object) -> bool:
    """Whether each call writes the same place: a value, or one key of a dict again and again."""
    if isinstance(later, list) and isinstance(again, list):
        return bool({str(key) for key in later} & {str(key) for key in again})
    return True


def _is_cache(writes: Writes, name: str) -> bool:
    """Whether it is a cache of functools that grew."""
    return "cache" in (writes.later.get(name), writes.again.get(name))


def named(names: list[str]) -> str:
    """A few names of the user's in words."""
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return listed([*map(words, names[:_MOST_NAMES]), *more])
