"""The task that every engine runs: the user's function on one item, its result kept by key. Values as text."""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib
import json
import os
import pickle
import sys
import sysconfig
import time
from typing import Any

from engine_jobs.keeping import Begin, Keeping, keeping_at
from engine_jobs.plan import VARIABLE, Plan, Record, planned

_PLAIN = {str, int, float, bool, type(None)}
_LONGEST_ERROR = 500
MOST_BEGINS = 3  # of one task; whoever runs it dies, so it is given up


def encoded(value: Any) -> str:
    """A value as ASCII text without line breaks: JSON where that keeps it as it is, else a pickle.

    Raises what pickle raises for a value that cannot be sent.
    """
    try:
        if _is_plain(value):
            return f"j{json.dumps(value)}"
    except (ValueError, RecursionError):  # an integer too long for text, or lists too deep
        pass
    return f"p{base64.b64encode(pickle.dumps(value)).decode()}"


def decoded(text: str) -> Any:
    """The value that `encoded` made text of. It may be a pickle: whoever can write to the broker can run code."""
    return json.loads(text[1:]) if text[0] == "j" else pickle.loads(base64.b64decode(text[1:]))  # noqa: S301


def _is_plain(value: Any) -> bool:
    """Whether JSON gives back the same: no tuple, no key that is no text, no class derived from these."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is list:
        return all(map(_is_plain, value))
    return kind is dict and all(type(key) is str and _is_plain(each) for key, each in value.items())


def do(key: str, payload: str) -> Record | None:
    """Run a task and keep what came of it; whoever has no place to keep it (on another machine) gets it returned.

    A task that has a result is not run again with safe settings, and one whose workers died three times is given up.
    """
    here = _here()
    if here.kept is None:
        return called(key, payload)

    def is_at_it(owner: str, since: float) -> bool:
        """Whether another one still does it, as the desk sees it, which puts it out again if not."""
        return not is_gone(owner) and time.time() - since <= here.plan.visibility_seconds

    match here.kept.begin(key, here.owner, once=here.plan.safe, most=MOST_BEGINS, taken=is_at_it):
        case Begin.DONE:
            return None
        case Begin.GIVEN_UP:
            here.kept.put(given_up(key))
            return None
    try:
        here.kept.put(called(key, payload))
    except BaseException:
        here.kept.drop(key, here.owner)
        raise
    return None


def given_up(key: str) -> Record:
    """What comes of a task whose workers died."""
    return Record(key, False, f"its worker ended while it ran it, {MOST_BEGINS} times", time.time())


@functools.cache
def users_part() -> Any:
    """`yours.py` beside this file, or the one that the plan names, which finds first what lies beside it."""
    file = planned().yours if VARIABLE in os.environ else ""
    if not file:
        return importlib.import_module("engine_jobs.yours")
    folder, name = os.path.split(file)
    sys.path.insert(0, folder)
    return importlib.import_module(name.removesuffix(".py"))


def prepare() -> None:
    """The user's costly start, once in a process; what is forked from it has it, too."""
    yours = users_part()
    if not _Here.prepared:
        if yours.setup is not None:
            yours.setup()
        _Here.prepared = True


def prepare_early() -> None:
    """The same as a worker starts; what it raises, every task will say."""
    with contextlib.suppress(Exception, SystemExit):
        prepare()


def called(key: str, payload: str) -> Record:
    """The user's function on one item; all that it raises but KeyboardInterrupt is a result."""
    try:
        prepare()
        value = users_part().function(decoded(payload))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's function may raise anything
        return Record(key, False, told(error), time.time())
    try:
        return Record(key, True, encoded(value), time.time())
    except Exception as error:  # noqa: BLE001  # pickle raises what it likes
        return Record(key, False, clean(f"its result cannot be sent: {type(error).__name__}: {error}"), time.time())


def told(error: BaseException) -> str:
    """What was raised, with the last line of the user's code that it came through, in one line of printable text."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_OTHERS) or os.path.basename(code.co_filename) == "yours.py":
            place = f" ({os.path.basename(code.co_filename)}:{trace.tb_lineno}, in {code.co_name})"
        trace = trace.tb_next
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  # its own __str__ may be wrong
        said = "it cannot be shown"
    return clean(f"{type(error).__name__}: {said}"[: _LONGEST_ERROR - len(place)] + place)


def clean(text: str) -> str:
    """A line of printable text."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[:_LONGEST_ERROR]


#: Code that is not the user's: ours, the standard library and what is installed.
_OTHERS = (
    os.path.dirname(os.path.abspath(__file__)),
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<frozen",
)


class _Here:
    """This process: its plan, where it keeps results, and its name. A fork has its own."""

    prepared = False
    pid = 0
    current: _Here | None = None

    def __init__(self) -> None:
        self.plan: Plan = planned()
        self.kept: Keeping | None = keeping_at(self.plan) if self.plan.keeping else None
        self.owner = owner_name(os.getpid())
        _Here.pid, _Here.current = os.getpid(), self


def _here() -> _Here:
    if _Here.current is None or _Here.pid != os.getpid():
        return _Here()
    return _Here.current


# Who runs a task ------------------------------------------------------------------------------------------------------


def owner_name(pid: int) -> str:
    """A process by its machine, number and start, so that another one that gets the number is not taken for it."""
    return f"{os.uname().nodename if hasattr(os, 'uname') else ''}/{pid}/{_started(pid)}"


def is_gone(owner: str) -> bool:
    """Whether that process is known to have ended; of another machine nothing is known."""
    machine, pid, started = owner.rsplit("/", 2)
    if machine != owner_name(0).rsplit("/", 2)[0]:
        return False
    if sys.platform == "linux":
        return _started(int(pid)) != started
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> str:
    """When it started, in ticks since the machine did; 0 where that cannot be told, or for a process that is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return "0"
    return "0" if fields[0] in (b"Z", b"X") else fields[19].decode()
