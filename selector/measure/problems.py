"""Why a child did not do what it was to do, in a sentence that says what to do next. Pure."""

from __future__ import annotations

import re
import signal

from selector.measure.children import Said
from selector.measure.findings import Facts, Findings, words
from selector.measure.models import Problem
from selector.text import counted, duration

_WHERE = {
    "start": "before it was imported",
    "import": "while its module was imported",
    "items": "while its items were made",
    "setup": "in the set-up",
    "pickle": "while it was pickled",
    "first call": "in its first call",
    "two threads": "while two threads called it",
}
_OPTIONS = {"items": "--items: ", "setup": "--setup: "}  # else it is the function that something is said of
_STARTS = ("import", "items", "setup", "first call")  # what they take is not known yet
_TIMEOUT = re.compile(r"Timeout \((\d+):(\d+):([\d.]+)\)!")  # what faulthandler writes before the stack
_FRAME = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
_STANDARD = re.compile(
    r"[/\\][Ll]ib[/\\](?:python3\.\d+t?[/\\])?(?!site-packages|dist-packages|.*[/\\](?:site|dist)-packages)"
)
_OURS = ("_function_probe", "probes/function", "probes\\function")
_OUT_OF_MEMORY = " (the system does that where memory runs out: take smaller items)"


def problem_of(said: Said) -> Problem | None:
    """What went wrong with a child; None for one that came to its end."""
    if said.done:
        return None
    told = said.facts.get("problem")
    if isinstance(told, dict) and told.get("text"):
        item = told.get("item")
        kind = words(told.get("kind") or "fails")
        item = item if isinstance(item, int) else None
        traceback = said.errors if kind == "probe_fails" else None
        option = _OPTIONS.get(said.phase, "") if kind not in ("probe_fails", "setup_fails") else ""
        return Problem(kind=kind, text=option + words_of(told["text"]), item=item, traceback=traceback)
    where = _WHERE.get(said.phase, "in one of its calls")
    at = _line_of(said.errors)
    if limit := _TIMEOUT.search(said.errors):
        hours, minutes, seconds = map(float, limit.groups())
        passed = duration(3600 * hours + 60 * minutes + seconds, 2)
        if said.phase in _STARTS:
            why = "it hangs, or takes long to start"
            text = f"it did not come to an end {where}{at} in {passed}: {why}; give it less to do, or a larger --budget"
        else:
            text = f"it hangs {where}{at}: nothing happened for {passed}; give it smaller items, or a larger --budget"
        return Problem(kind="hangs", text=text)
    if said.overdue:
        return Problem(kind="too_slow", text=f"it did not end in its time {where}; give it a larger --budget{at}")
    if said.code is not None and said.code < 0:
        return _killed(-said.code, where, at)
    if said.code:
        text = (
            f"it ends its process (exit code {said.code}) {where}{at}: a worker would be lost; let it return or raise"
        )
        return Problem(kind="exits", text=text)
    if said.code == 0:
        text = f"it ends its process {where}{at}: a worker would be lost; let it return or raise"
        return Problem(kind="exits", text=text)
    return Problem(kind="cannot_run", text=f"{said.python.path}: {words(said.fault or 'it said nothing')}")


def _killed(number: int, where: str, at: str) -> Problem:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    crash = name in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")
    why = ": a crash in native code" if crash else _OUT_OF_MEMORY if name == "SIGKILL" else ""
    return Problem(
        kind="crashes" if crash else "killed",
        text=f"its process was ended by {name} {where}{at}{why}; it cannot be measured",
    )


def words_of(text: object) -> str:
    """A sentence of the probe: longer than a user's words, and as harmless."""
    return words(text, 600)


def _line_of(stack: str) -> str:
    """The line of the user's code that a stack of faulthandler ends in."""
    for file, line, name in _FRAME.findall(stack):
        if not any(part in file for part in _OURS) and not file.startswith("<") and not _STANDARD.search(file):
            return f" ({words(file)}, line {line}, in {words(name)})"
    return ""


def problems_in(found: Findings, facts: Facts) -> list[Problem]:
    """What is wrong with a function that could be measured all the same."""
    problems = []
    errors = facts.get("errors")
    for kind, (count, text) in found.errors.items():
        item = errors[kind].get("item") if isinstance(errors, dict) and isinstance(errors.get(kind), dict) else None
        attempts = max(count, found.calls.attempts if found.calls else count)
        told = f"{count} of {counted(attempts, 'call')} raised {kind}: {text}; an answer needs a plan for such items"
        problems.append(Problem(kind="raises", text=told, item=item if isinstance(item, int) else None))
    if found.crossing is not None:
        for part, why in found.crossing.errors.items():
            told = f"the {part} does not pickle ({why}): processes and subinterpreters need that"
            problems.append(Problem(kind="not_picklable", text=told))
    return problems
