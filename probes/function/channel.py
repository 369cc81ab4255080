"""What a child says, and how it makes sure of being heard: messages, beats, the stack of a call that hangs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from typing import IO, Any, NoReturn

from .clocks import processes_below

BEAT_SECONDS = 0.5
MOST_TO_START = 60.0  # seconds; more is a clock that is not that of whoever started it


def first_line(text: object, most: int = 200) -> str:
    """The first line of a text; where it is longer, so many characters and `...`."""
    line = str(text).strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[:most]}..."


class ProblemError(Exception):
    """Why the function cannot be measured: a kind, a sentence, and the number of the item."""

    def __init__(self, kind: str, text: str, item: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.text, self.item = kind, text, item


class Channel:
    """The way to whoever started this child, over the standard output that it was given.

    `stacks` is where Python writes the stack of a call that takes longer than `call_seconds`; the child ends then.
    `begun` is when it was started, by the clock of all processes (time.monotonic()); default: now.
    """

    def __init__(self, out: int, stacks: IO[str] | None, call_seconds: float, begun: float | None = None) -> None:
        self.out, self._stacks, self.call_seconds = out, stacks, call_seconds
        self.now = "start"  # the phase
        self.input: int | None = None  # that is open for as long as whoever started this child wants it
        self._begun = self._beaten = time.monotonic()
        if begun is not None and 0 < self._begun - begun < MOST_TO_START:
            self._begun = begun
        self.guard()

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def say(self, **what: Any) -> None:
        """Send one message."""
        data = (json.dumps(what, default=repr, ensure_ascii=True) + "\n").encode()
        while data:
            data = data[os.write(self.out, data) :]

    def phase(self, name: str) -> None:
        """Say what comes now; it has the whole time of a call."""
        self.now = name
        self.say(phase=name)
        self.guard()

    def guard(self, seconds: float | None = None) -> None:
        """From now on, what takes longer than so many seconds, else than a call may take, hangs."""
        self._beaten = time.monotonic()
        if self._stacks is not None:
            import faulthandler  # subinterpreters cannot load it

            faulthandler.dump_traceback_later(seconds or self.call_seconds, exit=True, file=self._stacks)

    def unguarded(self) -> None:
        """Nothing hangs from now on."""
        if self._stacks is not None:
            import faulthandler

            faulthandler.cancel_dump_traceback_later()

    def limit_cpu(self, seconds: float) -> None:
        """End where the process has computed for so long, with its stack written; the system sees to that (POSIX)."""
        with contextlib.suppress(ImportError, ValueError, OSError, AttributeError):
            import faulthandler
            import resource

            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))
            faulthandler.register(signal.SIGXCPU, file=self._stacks or sys.stderr, chain=True)

    def die_with_input(self) -> None:
        """From now on, let the system end this process where whoever started it is gone (Linux).

        Native code that hangs may keep the GIL, so that no thread of ours runs.
        """
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            if self.input is not None:
                fcntl.fcntl(self.input, fcntl.F_SETOWN, os.getpid())
                fcntl.fcntl(self.input, fcntl.F_SETSIG, signal.SIGKILL)
                fcntl.fcntl(self.input, fcntl.F_SETFL, fcntl.fcntl(self.input, fcntl.F_GETFL) | os.O_ASYNC)

    def beat(self) -> None:
        """Say now and then that calls go on; cheap enough to do before each."""
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self.say(beat=round(self.passed, 2))
            self.guard()

    def write_stack(self, text: str) -> None:
        """Leave a text where the stacks go."""
        if self._stacks is not None:
            self._stacks.write(text)
            self._stacks.flush()

    def end(self, code: int = 0) -> NoReturn:
        """End this process now, whatever threads, handlers and processes the user's code has left: these end, too."""
        self.unguarded()
        for process in processes_below(os.getpid()):  # also those in a session of their own
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def take_over(log: str | None, call_seconds: float, begun: float | None, *, while_open: bool) -> Channel:
    """Keep the standard streams for us: the user's code prints to a file, and reads nothing."""
    import faulthandler

    out, errors = os.dup(1), os.dup(2)  # not inherited by what the user's code starts
    stream = os.dup(0) if while_open else None
    if stream is not None:
        threading.Thread(target=_end_with_input, args=(stream,), daemon=True).start()
    empty = os.open(os.devnull, os.O_RDWR)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else empty
    for number, place in ((0, empty), (1, written), (2, written)):
        os.dup2(place, number)
    stacks = os.fdopen(errors, "w")
    faulthandler.enable(stacks)
    channel = Channel(out, stacks, call_seconds, begun)
    channel.input = stream
    return channel


def _end_with_input(stream: int) -> None:
    """End where whoever holds the other end of our input is gone, with all that was started here."""
    with contextlib.suppress(OSError):
        while os.read(stream, 4096):
            pass
    for process in processes_below(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    os._exit(1)
