"""Import and look: every package in a child of each Python that has it, and again only where something has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from selector.files import resource_dir
from selector.host import usable_cpus
from selector.measure.children import Job, Laboratory, Said
from selector.measure.python import release_of
from selector.readiness.environments import Distribution, Environment
from selector.readiness.kept import Kept

IDLE_SECONDS = 10.0  # without computing: an import hangs then
IMPORT_SECONDS = (
    60.0  # for one package in any case; what computes for too long ends itself before (probes/function/imports.py)
)
_MORE_AT_ONCE, _MOST_AT_ONCE = 2, 8
_MANY = 20  # packages
_SUBINTERPRETERS = (3, 14)  # whose standard library has them
_OLDEST_SUBINTERPRETERS = (3, 12)  # that have a GIL of their own


class Looks(NamedTuple):
    """What came of importing a package: plainly, and in subinterpreters (None: not tried)."""

    imports: Said
    isolated: Said | None = None


#: By the tag of the build and the name of the package.
Found = dict[tuple[str, str], Looks]


class Wanted(NamedTuple):
    """A look that is to be taken: at a package of an environment, in a mode."""

    environment: Environment
    package: Distribution
    mode: str
    key: str


def at_once() -> int:
    """How many children at a time: more than there are CPUs, as what hangs uses none, and keeps nobody waiting then."""
    return min(_MOST_AT_ONCE, usable_cpus().count + _MORE_AT_ONCE)


def look_at(
    environments: Sequence[Environment],
    names: Sequence[str],
    laboratory: Laboratory,
    kept: Kept,
    tell: Callable[[str], None],
) -> Found:
    """Import every package under each Python that has it; what is kept is not looked at again."""
    apart = {(there.tag, name) for name in names if (there := with_subinterpreters(environments, name)) is not None}
    wanted = [
        Wanted(environment, environment.packages[name], mode, key_of(environment, name, mode))
        for environment in environments
        for name in names
        if name in environment.packages
        for mode in ("imports", "isolated")
        if mode == "imports" or (environment.tag, name) in apart
    ]
    said = {want.key: found for want in wanted if (found := kept.said(want.key, want.environment.python)) is not None}
    for mode in ("imports", "isolated"):
        jobs = [want for want in wanted if want.key not in said and want.mode == mode and _is_worth_it(want, said)]
        if jobs:
            tell(f"importing {len(jobs)} packages" if mode == "imports" else f"{len(jobs)} of them in subinterpreters")
            found_by = laboratory.run_all(
                [_job(want, said) for want in jobs], at_once(), _teller(len(jobs), tell), IDLE_SECONDS
            )
            for want, each in zip(jobs, found_by, strict=True):
                said[want.key] = each
                kept.keep(want.key, each)
    return {
        (want.environment.tag, want.package.name): Looks(
            said[want.key], said.get(key_of(want.environment, want.package.name, "isolated"))
        )
        for want in wanted
        if want.mode == "imports"
    }


def _teller(count: int, tell: Callable[[str], None]) -> Callable[[int], None]:
    """Says how far it is, in quarters, where that takes a while."""

    def told(done: int) -> None:
        if count >= _MANY and done < count and done * 4 // count > (done - 1) * 4 // count:
            tell(f"{done} of {count}")

    return told


def _is_worth_it(want: Wanted, said: Mapping[str, Said]) -> bool:
    """Whether a package is to be tried in subinterpreters: not one whose import crashes or hangs as it is."""
    if want.mode == "imports":
        return True
    plain = said.get(key_of(want.environment, want.package.name, "imports"))
    return plain is not None and "failed" in plain.facts


def _job(want: Wanted, said: Mapping[str, Said]) -> Job:
    options = {"modules": modules_of(want, said), "late": want.package.late}
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    return Job(want.mode, want.environment.python, IMPORT_SECONDS, options, environment, most_seconds=IMPORT_SECONDS)


def modules_of(want: Wanted, said: Mapping[str, Said]) -> tuple[str, ...]:
    """The modules to import: in subinterpreters not those that lack another plainly, unless all do."""
    plain = said.get(key_of(want.environment, want.package.name, "imports"))
    failed = plain.facts.get("failed") if plain is not None and want.mode == "isolated" else None
    lacking = (
        {m for m, e in failed.items() if isinstance(e, dict) and e.get("lacks")} if isinstance(failed, dict) else ()
    )
    return tuple(module for module in want.package.modules if module not in lacking) or want.package.modules


def with_subinterpreters(environments: Sequence[Environment], name: str) -> Environment | None:
    """Where a package is tried in subinterpreters, of those that have it (None: none can).

    That is the first with a GIL from 3.14 on, whose standard library has them; without one the newest that can.
    """
    having = [e for e in environments if name in e.packages and release_of(e.tag) >= _OLDEST_SUBINTERPRETERS]
    order = sorted(having, key=lambda e: (e.python.interpreter.free_threaded, -release_of(e.tag)[1]))
    known = [e for e in having if release_of(e.tag) >= _SUBINTERPRETERS and not e.python.interpreter.free_threaded]
    return next(iter([*known, *order]), None)


def key_of(environment: Environment, name: str, mode: str) -> str:
    """What a look depends on: the Python, the files of the package, and those of all that it may need."""
    python = environment.python
    parts = [mode, _probe(), os.path.abspath(python.path), python.interpreter.version]
    try:
        status = os.stat(os.path.realpath(python.path))  # a link of an environment is one
        parts += [str(status.st_size), str(status.st_mtime_ns)]
    except OSError:
        pass
    parts += [environment.packages[each].stamp for each in _family(environment, name)]
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


@cache
def _probe() -> str:
    """What the probe is that looks: another one may see more."""
    files = sorted((resource_dir("probes") / "function").glob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _family(environment: Environment, name: str) -> list[str]:
    """A package and all that is installed of what it may need, with any extra."""
    found, ahead = {name}, [name]
    while ahead:
        needs: list[Any] = list(environment.packages[ahead.pop()].requires)
        new = {canonicalize_name(need.name) for need in needs} & set(environment.packages) - found
        found |= new
        ahead += new
    return [name, *sorted(found - {name})]
