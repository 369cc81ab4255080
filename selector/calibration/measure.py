"""Measures what concurrency costs on this machine, by a script that runs under each Python.

The script (probes/calibration) has the measurements, their clock and the judgement which figures are good; this
side starts it in a session of its own, tells how far it is, and keeps what it found. Whether it ends, hangs or is
interrupted, or we are killed, no process and no file of it is left behind: it sees our end of its input close.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from selector.calibration.kept import Machine, Stamp, keep_entry, kept_entries, stamp_of, this_machine
from selector.calibration.models import Calibration, InterpreterCosts
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.host import Interpreter, usable_cpus
from selector.processes import Child, NotStartedError, signals_handled
from selector.text import printable

BUDGET_SECONDS = 8.5  # for one Python
OLDEST = (3, 10)  # that the script runs on
SLOWEST_SECONDS = 150.0  # beyond the budget: every part of the first round may hang until it is given up
_MOST_NAMES = 8  # in a sentence
GRACE_SECONDS = 3.0  # to stop, once asked to

# What decides how long a Python takes to start, and so belongs to the conditions; other variables for Python are left
# out, because they are for another one (PYTHONHOME), switch the GIL, or make it slow on purpose (PYTHONDEVMODE).
_KEPT_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE", "PYTHONNOUSERSITE")


class CalibrationStep(NamedTuple):
    """What is being measured, and how far that is: `done` from 0 to 1 under this Python."""

    interpreter: Interpreter
    part: str
    done: float


class _Failed(Exception):  # noqa: N818  # it ends in a sentence of `problems`
    """Why a Python could not be measured."""


def calibrate(
    interpreters: Sequence[Interpreter],
    *,
    force: bool = False,
    on_step: Callable[[CalibrationStep], None] | None = None,
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
            now, said = _measured_anew(interpreter, before, machine, budget_seconds, on_step or (lambda _: None))
            problems += said
        if now is not None:
            found[path] = now
            kept += [now.tag] if now is before else []
    if not found:
        raise SelectorError("\n".join(problems or ["no Python to measure"]), "see: concurrency-selector host", 1)
    return Calibration(
        **machine._asdict(), interpreters=tuple(found.values()), kept=tuple(kept), problems=tuple(problems)
    )


def _measured_anew(
    interpreter: Interpreter,
    before: InterpreterCosts | None,
    machine: Machine,
    budget_seconds: float,
    tell: Callable[[CalibrationStep], None],
) -> tuple[InterpreterCosts | None, list[str]]:
    """What holds from now on, with what went wrong: what was known before, where measuring failed."""
    try:
        now = _measure(interpreter, machine, budget_seconds, tell)
    except (_Failed, OSError) as failure:
        name = printable(interpreter.path)
        return before, [f"Python {interpreter.tag} ({name}) could not be measured: {printable(str(failure))}"]
    now = _completed(now, before)
    try:
        keep_entry(machine, from_json(now.model_dump_json()))
    except OSError as error:
        return now, [f"what was measured cannot be kept: {printable(str(error))}"]
    return now, []


def _completed(now: InterpreterCosts, before: InterpreterCosts | None) -> InterpreterCosts:
    """What was measured now, with what is not: costs of engines, which take an option, and what was measured well before only."""
    known = before.costs if before is not None else {}
    other = {name: cost for name, cost in known.items() if name not in now.costs}
    better = {name: known[name] for name in now.noisy if name in known and known[name].quality == "usable"}
    now = now.model_copy(update={"costs": now.costs | other | better})
    stays = (f"too noisy now, so that what was measured before stays: {_named(list(better))}",) if better else ()
    return now.model_copy(update={"warnings": (*now.warnings, *stays, *_too_noisy(list(now.noisy)))})


def _known(machine: Machine) -> dict[str, InterpreterCosts]:
    """What earlier calibrations found, by path."""
    known = {}
    for path, entry in kept_entries(machine).items():
        with contextlib.suppress(ValueError):
            known[path] = InterpreterCosts.model_validate_json(to_json(entry))
    return known


def _measure(
    interpreter: Interpreter, machine: Machine, budget_seconds: float, tell: Callable[[CalibrationStep], None]
) -> InterpreterCosts:
    """Run the script under one Python; raises _Failed with the reason."""
    if _release(interpreter) < OLDEST:
        raise _Failed(f"that takes Python {OLDEST[0]}.{OLDEST[1]} or later")
    stamp = stamp_of(interpreter.path)
    command = [interpreter.path, "-B", str(_script()), "-", "--while-open"]  # -B: nothing is written beside the script
    command += ["--budget", repr(budget_seconds), "--cpus", str(machine.cpus)]
    result = _run(command, budget_seconds + SLOWEST_SECONDS, interpreter, tell)
    try:
        return _understood(result, interpreter, stamp)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Failed("it left no figures that can be read") from None


def _run(
    command: list[str], deadline_seconds: float, interpreter: Interpreter, tell: Callable[[CalibrationStep], None]
) -> Any:
    """Run the script to its end and say how far it is; returns what it left, and raises _Failed with its last words.

    What ends us (`kill`, a terminal that is closed) interrupts it as Ctrl-C does, so that all is cleared up; and its
    input ends when we do.
    """
    result = None
    try:
        with (
            signals_handled(("SIGTERM", "SIGHUP"), signal.default_int_handler),
            Child(
                command,
                deadline_seconds=deadline_seconds,
                grace_seconds=GRACE_SECONDS,
                stdin=subprocess.PIPE,
                cwd=_script().parent,
                env=_environ(),
            ) as script,
        ):
            for line in script:
                said = _said(line)
                result = said.get("result", result)
                if step := _step(said, interpreter):
                    tell(step)
    except NotStartedError as error:
        raise _Failed(f"it {error}") from None
    if script.fault:
        raise _Failed(": ".join([script.fault, *printable(script.errors).strip().splitlines()[-1:]]))
    return result


def _said(line: bytes | None) -> dict[str, Any]:
    """A line of the script's output; nothing where it is none of its objects."""
    with contextlib.suppress(ValueError):
        fields = from_json(line or b"")
        return fields if isinstance(fields, dict) else {}
    return {}


def _step(fields: dict[str, Any], interpreter: Interpreter) -> CalibrationStep | None:
    """What the script says of how far it is; other lines are for people who run it alone."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return CalibrationStep(
            interpreter, printable(str(fields["part"]))[:40], min(1.0, max(0.0, float(fields["done"])))
        )
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
    same = {name: result[name] for name in ("start_method", "noise", "rounds", "seconds")}
    costs = {
        name: {**cost, "note": printable(str(cost.get("note", "")))[:200]} for name, cost in result["costs"].items()
    }
    return InterpreterCosts.model_validate(plain | same | {"costs": costs})


def _too_noisy(names: list[str]) -> tuple[str, ...]:
    """The sentence about the costs that are not used, if there are any."""
    if not names:
        return ()
    instead = "what was measured under another Python, or is documented, counts instead"
    return (f"too noisy to be used ({instead}): {_named(names)}",)


def _named(names: list[str]) -> str:
    """Some of the costs, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(printable(name)[:60] for name in names[:_MOST_NAMES]) + more


def _release(interpreter: Interpreter) -> tuple[int, int]:
    return 3, int(interpreter.tag[2:].rstrip("t"))


def _script() -> Path:
    return resource_dir("probes") / "calibration"


def _environ() -> dict[str, str]:
    """The environment without what is meant for another Python."""
    left_out = {k for k in os.environ if k.startswith("PYTHON") and k not in _KEPT_VARIABLES} | {"__PYVENV_LAUNCHER__"}
    return {k: v for k, v in os.environ.items() if k not in left_out}
