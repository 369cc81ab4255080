"""What the looks at a package come to: ready or not under a build, and in subinterpreters; the guilty module named. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from selector.measure.children import Said
from selector.readiness.environments import Distribution, Environment
from selector.readiness.kept import hangs
from selector.readiness.looking import IDLE_SECONDS, IMPORT_SECONDS, Looks
from selector.readiness.models import BuildReadiness, SubinterpreterReadiness
from selector.text import counted, measured_duration, one_line, printable, some

_CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS")
_FRAME = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
_THREAD = re.compile(r"(?:Current thread|Thread) 0x")
_PACKAGES = ("site-packages", "dist-packages")
_MOST_NAMED = 3

#: The packages whose modules have a name: any that is known, here or elsewhere.
Provides = Callable[[str], str | None]


class End(NamedTuple):
    """How a child ended that did not come to its end: in words, whether it crashed or hangs, and the module of that moment."""

    words: str
    fatal: bool
    module: str | None


def end_of(said: Said) -> End | None:
    """What is wrong with a child; None for one that did all."""
    if said.done:
        return None
    module = _name(said.facts.get("loading")) or _name(said.facts.get("importing"))
    at = _line_of(said.errors)
    if hangs(said):
        return End(f"hangs: {_how_long(said)}{at}", True, module)
    if said.code is not None and said.code < 0:
        name = _signal_name(-said.code)
        kind = "crashes in native code" if name in _CRASHES else "is ended"
        return End(f"{kind} ({name}){at}", True, module)
    told = said.facts.get("problem")
    if isinstance(told, dict) and told.get("text"):
        return End(_text(told["text"]), False, module)
    if said.code is not None and said.phase != "start":
        return End(f"ends the process (exit code {said.code}){at}", True, module)
    return End(f"cannot be run: {_text(said.fault or said.errors or 'it said nothing')}", False, module)


def build_readiness(package: Distribution, environment: Environment, said: Said, provides: Provides) -> BuildReadiness:
    """A package under a build that it is installed for."""
    seen = _Seen(package, environment, said)
    end = end_of(said)
    if end is not None and "failed" not in said.facts:
        return seen.as_(
            "fails" if end.fatal else "unknown",
            f"importing {end.module or package.name} {end.words}",
            end.module,
        )
    if (broken := _failed(package, environment, said, provides)) is not None:
        status, module, reason = broken
        return seen.as_(status, reason, module)
    if not environment.python.interpreter.free_threaded:
        return seen.as_("ready", f"{seen.imported}; such a build has a GIL all the time")
    if said.facts.get("gil") is True:
        return seen.as_("unknown", "the GIL was on before anything was imported")
    if said.facts.get("gil_after_import") is True:
        return seen.as_("gil", _switched(seen, environment), seen.gil_module)
    if late := _name(said.facts.get("gil_late")):
        module = seen.gil_module or late
        told = f"the GIL stays off until {late} is imported, which its own import leaves for later: that switches it on"
        return seen.as_("gil", told + _tag_of(package), module)
    if end is not None:
        return seen.as_(
            "unknown", f"{seen.imported} and the GIL stayed off, but its module {end.module} {end.words}", end.module
        )
    more = f", also with {counted(n, 'module')} that it imports later" if (n := seen.count("late")) else ""
    left = "; there was no time for all of its later modules" if said.facts.get("late_left_out") is True else ""
    return seen.as_("ready", f"{seen.imported}, and the GIL stayed off{more}{left}")


def _how_long(said: Said) -> str:
    """How it was seen that something hangs."""
    if "Timeout (" in said.errors:
        return f"it did not come to an end in {IMPORT_SECONDS:g} s"
    return f"nothing happened for {IDLE_SECONDS:g} s" if said.overdue else "it computes without end"


class _Seen:
    """What was seen of a package, as the parts of a verdict."""

    def __init__(self, package: Distribution, environment: Environment, said: Said) -> None:
        self.package, self.environment, self.said = package, environment, said
        self.milliseconds = _figure(said.facts.get("import_ms"))
        before, after = (_figure(said.facts.get(f"rss_{name}_mb")) for name in ("start", "import"))
        self.megabytes = None if before is None or after is None else round(max(0.0, after - before), 1)
        self.gil_module = _name(said.facts.get("gil_module"))

    @property
    def imported(self) -> str:
        """`imported in 12 ms`."""
        if not self.package.modules:
            return "it has no module to import"
        if self.milliseconds is None:
            return "imported"
        return f"imported in {measured_duration(self.milliseconds / 1000)}"

    def count(self, key: str) -> int:
        """A count that the child said; 0 where it said none."""
        found = self.said.facts.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else 0

    def as_(self, status: Any, reason: str, module: str | None = None) -> BuildReadiness:
        """The verdict."""
        owner = self.environment.owner(module) if module is not None else None
        return BuildReadiness(
            status=status,
            module=module,
            package=owner or (self.package.name if module is not None else None),
            reason=reason,
            installed=self.package.version,
            import_ms=self.milliseconds,
            memory_mb=self.megabytes,
            unpicklable=_names(self.said.facts.get("unpicklable")),
        )


def _switched(seen: _Seen, environment: Environment) -> str:
    """Who switched the GIL on, and by which imports that came about."""
    module = seen.gil_module
    if module is None:
        return "after its import the GIL is on; which module did that is not known"
    owner = environment.owner(module)
    told = f"{module} switches the GIL on: it does not declare that it does without"
    if owner is not None and owner != seen.package.name:
        own = counted(len(seen.package.late), "extension module")
        more = f"; what its own {own} declare cannot be seen before that is mended" if seen.package.native else ""
        return f"importing it imports {module} of {owner}, which switches the GIL on{more}"
    return told + _tag_of(seen.package)


def _tag_of(package: Distribution) -> str:
    """What the tag of a wheel says that was built for free threads, where that is not true."""
    tags = [tag for tag in package.tags if re.search(r"-(?:cp3\d+t|abi3t)-", tag)]
    return f", though its wheel is tagged for free-threaded builds ({tags[0]})" if tags else ""


def _failed(
    package: Distribution, environment: Environment, said: Said, provides: Provides
) -> tuple[str, str, str] | None:
    """Whether importing its modules raised: the status, the module and a sentence; None where what raised is optional."""
    told = said.facts.get("failed")
    failed = {str(k): v for k, v in told.items() if isinstance(v, dict)} if isinstance(told, dict) else {}
    for module, error in failed.items():
        lacks = _name(error.get("lacks"))
        text = _text(error.get("error"))
        missing = _not_installed(lacks, package, environment, provides) if lacks else None
        if missing is None:
            return "fails", module, f"importing {module} raises {text}"
        if len(failed) == len(package.modules):  # else one of its modules is for those who have that as well
            return "unknown", module, f"it needs {missing}, which is not installed for {environment.tag}"
    return None


def _not_installed(lacks: str, package: Distribution, environment: Environment, provides: Provides) -> str | None:
    """The package that a missing module belongs to, where it is merely not installed; None: the module is nowhere to be had."""
    top = lacks.partition(".")[0]
    if environment.owner(top) is not None:
        return None  # it is there, and a part of it is not
    if (owner := provides(top)) is not None and owner != package.name:
        return owner
    needs = {canonicalize_name(need.name) for need in package.requires}
    wanted = canonicalize_name(top)
    return wanted if wanted in needs and wanted not in environment.packages else None


# Subinterpreters ------------------------------------------------------------------------------------------------------


def subinterpreter_readiness(
    package: Distribution, environment: Environment, looks: Looks, provides: Provides
) -> SubinterpreterReadiness:
    """A package in subinterpreters of a Python that it is installed for."""
    tag = environment.tag
    plain = build_readiness(package, environment, looks.imports, provides)
    if plain.status in ("fails", "unknown") and "failed" not in looks.imports.facts:
        status = plain.status if plain.status == "fails" else "unknown"
        return _apart(status, f"not even outside of one: {plain.reason}", tag, plain.module, plain.package)
    said = looks.isolated
    if said is None:
        return _apart("unknown", "it was not tried", tag)
    if plain.status == "unknown" and plain.module is not None and said.facts.get("subinterpreter") is not True:
        return _apart("unknown", plain.reason, tag)
    end = end_of(said)
    told = said.facts.get("subinterpreter")
    if told is False:
        module = _name(said.facts.get("module"))
        owner = (environment.owner(module) if module else None) or package.name
        return _apart("fails", _text(said.facts.get("why")), tag, module, owner)
    if end is not None:
        module = end.module
        where = "when the subinterpreter is ended, it" if said.phase == "closing" else f"importing {module} in one"
        return _apart("fails" if end.fatal else "unknown", f"{where} {end.words}", tag, module, package.name)
    if told is True and plain.status == "fails":
        return _apart("fails", f"not even outside of one: {plain.reason}", tag, plain.module, plain.package)
    if told is True:
        return _with_refused(package, looks, tag)
    return _apart("unknown", _text(said.facts.get("why") or "nothing was said"), tag)


def _with_refused(package: Distribution, looks: Looks, tag: str) -> SubinterpreterReadiness:
    """A package that can be imported there, perhaps without some of its modules: then it matters whether it has a way around."""
    told = looks.isolated.facts.get("refused") if looks.isolated is not None else None
    refused = {str(name): _text(why) for name, why in told.items()} if isinstance(told, dict) else {}
    loaded, may_lack = (
        (looks.imports.facts.get("loaded"), looks.isolated.facts.get("may_lack")) if looks.isolated else (0, 0)
    )
    spared = [*(loaded if isinstance(loaded, list) else []), *(may_lack if isinstance(may_lack, list) else [])]
    around = [name for name in refused if name in spared]
    for name, why in refused.items():
        if name not in around:
            return _apart(
                "fails", f"it is imported, but {name}, which it imports later, is not: {why}", tag, name, package.name
            )
    done = f"imported in two subinterpreters of {tag}"
    if around:
        done += f"; {named(around)} cannot be loaded there, and it does without, which may be slower"
    return _apart("ready", done, tag)


def _apart(
    status: Any, reason: str, build: str, module: str | None = None, package: str | None = None
) -> SubinterpreterReadiness:
    return SubinterpreterReadiness(
        status=status,
        module=module if status == "fails" else None,
        package=package if status == "fails" and module is not None else None,
        reason=reason,
        build=build,
    )


# Words ----------------------------------------------------------------------------------------------------------------


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _line_of(stack: str) -> str:
    """The innermost line of a package's own code in the stack that faulthandler wrote of the thread that matters."""
    threads = _THREAD.split(stack)
    if len(threads) < 2:
        return ""
    current = stack.partition("Current thread")[2].partition("\n\n")[0]
    frames = _FRAME.findall(current or threads[-1])
    own = [(file, line) for file, line, _ in frames if any(part in file for part in _PACKAGES)]
    return f", at {_text(own[0][0])}:{own[0][1]}" if own else ""


def _name(value: object) -> str | None:
    return _text(value) if isinstance(value, str) and value else None


def _names(value: object) -> tuple[str, ...] | None:
    return tuple(map(_text, value)) if isinstance(value, list) else None


def _text(value: object) -> str:
    return printable(one_line(str(value), 300)).rstrip(".")


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def named(names: list[str]) -> str:
    """`a, b, c and 4 more`."""
    return some(names, _MOST_NAMED)
