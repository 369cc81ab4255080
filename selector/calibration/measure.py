"""Measures what concurrency costs on this machine, by a script that runs under each Python.

The script (probes/calibration.py) has the measurements, their clock and the judgement which figures are good; this
side starts it in a session of its own, tells how far it is, and keeps what it found. Whether it ends, hangs or is
interrupted, or we are killed, no process and no file of it is left behind: it sees our end of its input close.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, Field
from pydantic_core import from_json, to_json

from selector.calibration.kept import Machine, Stamp, keep_entry, kept_entries, stamp_of, this_machine
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.host import Interpreter, usable_cpus
from selector.models import Saved
from selector.processes import descendants, kill_each, kill_tree
from selector.text import printable

BUDGET_SECONDS = 8.5  # for one Python
OLDEST = (3, 10)  # that the script runs on
_SLOWEST_SECONDS = 150.0  # beyond the budget: every part of the first round may hang until it is given up
_MOST_NAMES = 8  # in a sentence
_GRACE_SECONDS = 3.0  # to stop, once asked to
_MAX_LINE_BYTES = 100_000  # of the result, usual are 8,000

# What decides how long a Python takes to start, and so belongs to the conditions; other variables for Python are left
# out, because they are for another one (PYTHONHOME), switch the GIL, or make it slow on purpose (PYTHONDEVMODE).
_KEPT_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE", "PYTHONNOUSERSITE")

_Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cost(Saved):
    """One figure, in the unit that its name ends in; probes/calibration.py says what each means.

    `low` and `high` are the range in which it was met, and `samples` how often it was measured undisturbed. What is
    noisy is shown, and not used: `note` says why. Of a usable one it says what corrected it, if anything did.
    """

    value: _Figure
    low: _Figure
    high: _Figure
    samples: int = Field(ge=0)
    quality: Literal["usable", "noisy"] = "usable"
    note: str = ""


class InterpreterCosts(Saved):
    """What concurrency costs under one Python. A cost that could not be measured is not among `costs`."""

    tag: str
    version: str
    path: str = Field(description="its real file")
    stamp: Stamp = Field(description="of that file: its modification time in ns, and its size")
    free_threaded: bool
    gil_enabled: bool
    start_method: str = Field(description="of multiprocessing, where none is asked for")
    costs: dict[str, Cost] = Field(min_length=1)
    noise: _Figure = Field(description="the part of the measurements that other programs disturbed")
    rounds: int = Field(ge=1)
    seconds: _Figure = Field(description="that measuring took")
    warnings: tuple[str, ...] = Field((), description="what could not be measured, and why")
    measured_at: AwareDatetime

    @property
    def noisy(self) -> tuple[str, ...]:
        """The costs that are too noisy to be used: the documented ones take their place."""
        return tuple(name for name, cost in self.costs.items() if cost.quality == "noisy")


class Calibration(Saved):
    """The costs of some Pythons on one machine, of which `cpus` may be used; `problems` tells what went wrong.

    `kept` are the tags of those that had been measured before, and were not measured now.
    """

    schema_version: Literal[2] = Field(2, alias="schema")
    cpu_model: str | None
    cpus: int
    system: str
    memory_mb: int | None
    interpreters: tuple[InterpreterCosts, ...]
    kept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    answers: Answers | None = Field(None, description="what that changes; null where nothing was measured")


class ChangedAnswer(Saved):
    """An example that ships, with the approach that was recommended for it and the one that is now."""

    example: str
    before: str
    now: str


class Answers(Saved):
    """What new costs change: of how many examples that ship, which get another answer."""

    examples: int
    changed: tuple[ChangedAnswer, ...]


class Progress(NamedTuple):
    """How far the measurement is: `done` from 0 to 1 under this Python, and what is being measured."""

    interpreter: Interpreter
    part: str
    done: float


class _Failed(Exception):  # noqa: N818  # it ends in a sentence of `problems`
    """Why a Python could not be measured."""


def calibrate(
    interpreters: Sequence[Interpreter],
    *,
    force: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> Calibration:
    """Measure under each Python that is not known yet (with `force`: under each), and keep what was found.

    The result has the interpreters asked for, in their order. Each is kept as soon as it is measured, so that Ctrl-C
    loses one at most. What goes wrong with one is said in `problems`; SelectorError (exit code 1) where nothing is
    known at the end.
    """
    machine = this_machine(usable_cpus().count)
    known = _known(machine)
    found: dict[str, InterpreterCosts] = {}
    kept: list[str] = []
    problems: list[str] = []
    for path, interpreter in {os.path.realpath(each.path): each for each in interpreters}.items():
        before = now = known.get(path)
        if before is None or force:
            now, said = _measured_anew(interpreter, before, machine, budget_seconds, on_progress or (lambda _: None))
            problems += said
        if now is not None:
            found[path] = now
            kept += [now.tag] if now is before else []
    if not found:
        raise SelectorError("\n".join(problems or ["no Python to measure"]), "see: concurrency-selector host", 1)
    return Calibration(
        **machine._asdict(), interpreters=tuple(found.values()), kept=tuple(kept), problems=tuple(problems)
    )


def answers_changed(before: dict[str, str], now: dict[str, str]) -> Answers:
    """What there is to say of the examples, by the approaches before and now."""
    changed = tuple(
        ChangedAnswer(example=name, before=before[name], now=approach)
        for name, approach in now.items()
        if before.get(name, approach) != approach
    )
    return Answers(examples=len(now), changed=changed)


def _measured_anew(
    interpreter: Interpreter,
    before: InterpreterCosts | None,
    machine: Machine,
    budget_seconds: float,
    tell: Callable[[Progress], None],
) -> tuple[InterpreterCosts | None, list[str]]:
    """What holds from now on, with what went wrong: what was known before, where measuring failed or came to less."""
    try:
        now = _measure(interpreter, machine, budget_seconds, tell)
    except (_Failed, OSError) as failure:
        name = printable(interpreter.path)
        return before, [f"Python {interpreter.tag} ({name}) could not be measured: {printable(str(failure))}"]
    if before is not None and _usable(before) > _usable(now):
        return before, [_worse(before, now)]
    try:
        keep_entry(machine, from_json(now.model_dump_json()))
    except OSError as error:
        return now, [f"what was measured cannot be kept: {printable(str(error))}"]
    return now, []


def _usable(costs: InterpreterCosts) -> int:
    """How many costs are good enough to be used."""
    return len(costs.costs) - len(costs.noisy)


def _worse(before: InterpreterCosts, now: InterpreterCosts) -> str:
    """Why what was measured now is not kept."""
    return (
        f"Python {now.tag}: only {_usable(now)} of {len(now.costs)} costs could be measured well now, and"
        f" {_usable(before)} on {before.measured_at:%Y-%m-%d}: those stay"
    )


def _known(machine: Machine) -> dict[str, InterpreterCosts]:
    """What earlier calibrations found, by path."""
    known = {}
    for path, entry in kept_entries(machine).items():
        with contextlib.suppress(ValueError):
            known[path] = InterpreterCosts.model_validate_json(to_json(entry))
    return known


def _measure(
    interpreter: Interpreter, machine: Machine, budget_seconds: float, tell: Callable[[Progress], None]
) -> InterpreterCosts:
    """Run the script under one Python; raises _Failed with the reason."""
    if _release(interpreter) < OLDEST:
        raise _Failed(f"that takes Python {OLDEST[0]}.{OLDEST[1]} or later")
    stamp = stamp_of(interpreter.path)
    command = [interpreter.path, str(_script()), "-", "--while-open"]
    command += ["--budget", repr(budget_seconds), "--cpus", str(machine.cpus)]
    with tempfile.TemporaryFile() as errors, _ended_by_signals():
        reason, result = _run(command, errors, budget_seconds + _SLOWEST_SECONDS, interpreter, tell)
        if reason:
            raise _Failed(": ".join([reason, *_last_line(errors)]))
    try:
        return _understood(result, interpreter, stamp)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Failed("it left no figures that can be read") from None


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """What ends us (`kill`, a terminal that is closed) interrupts the measuring as Ctrl-C does, so that it clears up.

    Whoever ignores one, or has a handler of their own, keeps that.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
        before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(
    command: list[str],
    errors: IO[bytes],
    deadline_seconds: float,
    interpreter: Interpreter,
    tell: Callable[[Progress], None],
) -> tuple[str, Any]:
    """Run the script to its end and say how far it is; returns what went wrong, or nothing, and what it left."""
    overdue = threading.Event()
    result = None
    try:
        script = _start(command, errors)
    except (OSError, ValueError) as error:
        return f"it cannot be run: {getattr(error, 'strerror', None) or error}", None

    def give_up() -> None:
        overdue.set()
        _end(script)

    watch = threading.Timer(deadline_seconds, give_up)
    try:
        watch.start()
        for line in _lines(script):
            said = _said(line)
            result = said.get("result", result)
            if progress := _progress(said, interpreter):
                tell(progress)
        code = script.wait()
    finally:
        watch.cancel()
        _stop(script)
    if overdue.is_set():
        return f"it did not end within {deadline_seconds:.3g} s", None
    if code:
        return f"it ended with exit code {code}" if code > 0 else f"it was ended by signal {-code}", None
    return "", result


def _lines(script: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert script.stdout is not None
    while line := script.stdout.readline(_MAX_LINE_BYTES):
        yield line


def _start(command: list[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the script in a session of its own: Ctrl-C is for us, and we tell it. Its input ends when we do."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=_script().parent,
        env=_environ(),
        start_new_session=True,
    )


def _stop(script: subprocess.Popen[bytes]) -> None:
    """End a script that still runs, and what we have of it."""
    try:
        _end(script)
    finally:
        for stream in (script.stdin, script.stdout):
            if stream is not None:
                stream.close()


def _end(script: subprocess.Popen[bytes]) -> None:
    """Have a script that still runs clear away its processes and files, and do it ourselves if it does not."""
    if script.poll() is not None:
        return
    family = descendants(script.pid)
    try:
        if sys.platform != "win32":  # where it would be ended on the spot
            script.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                script.wait(_GRACE_SECONDS)
    finally:
        if script.poll() is None:
            kill_tree(script)
            script.wait()
        kill_each(family)  # those it left


def _said(line: bytes) -> dict[str, Any]:
    """A line of the script's output; nothing where it is none of its objects."""
    with contextlib.suppress(ValueError):
        fields = from_json(line)
        return fields if isinstance(fields, dict) else {}
    return {}


def _progress(fields: dict[str, Any], interpreter: Interpreter) -> Progress | None:
    """What the script says of how far it is; other lines are for people who run it alone."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return Progress(interpreter, printable(str(fields["part"]))[:40], min(1.0, max(0.0, float(fields["done"]))))
    return None


def _understood(result: dict[str, Any], interpreter: Interpreter, stamp: Stamp | None) -> InterpreterCosts:
    """The figures as a model; raises ValueError, KeyError, TypeError or AttributeError where they are none."""
    if result["schema"] != 2 or stamp is None:
        raise ValueError("not ours")
    python = result["python"]
    plain = {
        "tag": interpreter.tag,
        "version": python["version"],
        "path": os.path.realpath(interpreter.path),
        "stamp": stamp,
        "free_threaded": python["free_threaded"],
        "gil_enabled": python["gil_enabled"],
        "measured_at": datetime.now(UTC).replace(microsecond=0),
        "warnings": tuple(printable(str(warning))[:400] for warning in result["warnings"]),
    }
    noisy = [name for name, cost in result["costs"].items() if cost["quality"] == "noisy"]
    plain["warnings"] += _too_noisy(noisy)
    same = {name: result[name] for name in ("start_method", "noise", "rounds", "seconds")}
    costs = {
        name: {**cost, "note": printable(str(cost.get("note", "")))[:200]} for name, cost in result["costs"].items()
    }
    return InterpreterCosts.model_validate(plain | same | {"costs": costs})


def _too_noisy(names: list[str]) -> tuple[str, ...]:
    """The sentence about the costs that are not used, if there are any."""
    if not names:
        return ()
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    named = ", ".join(printable(name)[:60] for name in names[:_MOST_NAMES])
    return (f"too noisy to be used, so that what is documented counts instead: {named}{more}",)


def _last_line(errors: IO[bytes]) -> list[str]:
    """The last thing that the script complained of."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4000))
    lines = printable(errors.read().decode("utf-8", "replace")).strip().splitlines()
    return lines[-1:]


def _release(interpreter: Interpreter) -> tuple[int, int]:
    return 3, int(interpreter.tag[2:].rstrip("t"))


def _script() -> Path:
    return resource_dir("probes") / "calibration.py"


def _environ() -> dict[str, str]:
    """The environment without what is meant for another Python."""
    left_out = {k for k in os.environ if k.startswith("PYTHON") and k not in _KEPT_VARIABLES} | {"__PYVENV_LAUNCHER__"}
    return {k: v for k, v in os.environ.items() if k not in left_out}
