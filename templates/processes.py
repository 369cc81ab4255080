"""Told to stop by signals, watched while they live, gone when they should be."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from meter import _MB, MemoryMeter, process_tree
from outcome import _cut

if TYPE_CHECKING:
    import subprocess

_MARK = "CONCURRENCY_BENCHMARK"  # in the environment of every process of a run: its folder


def _script() -> str:
    return os.path.abspath(__file__ if __name__ == "__main__" else sys.argv[0])


def _environment(folder: str) -> dict[str, str]:
    """For all that we start: modules beside the script, a mark to find it by, our folder for its temporary files."""
    beside = [os.path.dirname(_script()), os.environ.get("PYTHONPATH", "")]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP", _MARK), folder)
    return {**os.environ, **places, "PYTHONPATH": os.pathsep.join(filter(None, beside))}


def _more_files() -> None:
    """Thousands of connections need as many file descriptors as are allowed."""
    try:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ImportError, OSError, ValueError):  # Windows; and macOS says "unlimited", but does not take it
        pass


_told: list[int] = []  # the signals that told us to stop


def _listen_to_signals() -> None:
    """Being told to stop is the same as Ctrl-C: stop what runs, say what was measured.

    A signal is only noted, and obeyed at the next `_obey`: no process can slip away between its start and the entry in
    our books. Told three times, we leave at once, and the rest to the keeper.
    """
    import signal

    def note(number: int, _: object) -> None:
        _told.append(number)
        if len(_told) > 2:
            os._exit(130)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and (name != "SIGHUP" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN):
            signal.signal(getattr(signal, name), note)  # under nohup, hanging up is no reason to stop


def _obey(parent: int | None) -> None:
    """Stop if a signal said so, or if whoever wanted to know is gone."""
    if _told or (parent is not None and os.getppid() != parent):
        raise KeyboardInterrupt


def _adopt_orphans() -> None:
    """On Linux, descendants whose parent has died become ours (PR_SET_CHILD_SUBREAPER), so that we can wait for them."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def _kill(pid: int) -> None:
    """Only where there is /proc: elsewhere nobody knows of processes outside the group."""
    try:
        import signal

        os.kill(pid, signal.SIGKILL)
    except OSError:  # gone already
        pass


def _end_group(group: int, *, gently: bool = False) -> None:
    """Kill a process group; gently, its members may still tidy up."""
    import signal

    try:
        if hasattr(os, "killpg"):
            os.killpg(group, signal.SIGTERM if gently else signal.SIGKILL)
        else:  # Windows
            os.system(f"taskkill /F /T /PID {group}")
    except OSError:  # gone already
        pass


def _is_alive(group: int) -> bool:
    if not hasattr(os, "killpg"):  # Windows, where ending it has waited for that
        return False
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


class _Group:
    """A process and all that it starts, in a process group of their own, so that they can be ended together.

    The keeper guards it: `tell` tells that. `spared` are our other children, whoever joins them later included. One that
    is `conversing` gets orders on its standard input. `variables` are for its environment.
    """

    def __init__(
        self,
        command: list[str],
        folder: str,
        tell: Callable[[str], None],
        spared: set[int],
        *,
        conversing: bool = False,
        errors: str = "errors.txt",
        variables: dict[str, str] | None = None,
    ) -> None:
        import subprocess

        self.tell, self.spared = tell, spared
        self.errors = os.path.join(folder, errors)
        if os.path.exists(self.errors):
            os.unlink(self.errors)
        with open(self.errors, "ab") as stream:  # appending: it may be cut while they write
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE if conversing else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env={**_environment(folder), **(variables or {})},
                start_new_session=True,
            )
        tell(f"+{self.process.pid}")
        self.code: int | None = None  # of the main process, negative for a signal
        self.peak_mb: float | None = None
        self.metric: str | None = None
        self.orphans_cpu_seconds = 0.0
        self.cpu_seconds = 0.0  # of all that have ended

    def watch(self, limit_seconds: float, limit_mb: float, parent: int | None) -> tuple[str, str] | None:
        """Wait until it has ended, or end it; returns (status, reason) if we did."""
        try:
            return self.attend(limit_seconds, limit_mb, parent, lambda: False)
        finally:
            self.end()

    def attend(
        self, limit_seconds: float, limit_mb: float, parent: int | None, answered: Callable[[], bool]
    ) -> tuple[str, str] | None:
        """Wait until it has answered or ended; (status, reason) where it is to be stopped instead."""
        begun = time.monotonic()
        meter = MemoryMeter(self.process.pid)
        while not answered():
            self._reap()
            if self.code is not None:
                break
            passed = time.monotonic() - begun
            self.peak_mb, self.metric = max(meter.sample(passed) or 0.0, self.peak_mb or 0.0) or None, meter.metric
            _obey(parent)
            self._cut_errors()
            if passed > limit_seconds:
                return "timeout", f"stopped after {passed:.1f} s"
            if (self.peak_mb or 0) > limit_mb:
                return "out_of_memory", f"stopped at {self.peak_mb:.0f} MB (limit {limit_mb:.0f} MB)"
            time.sleep(min(0.02, max(0.001, passed / 20)))
        return None

    def end(self) -> None:
        """Leave nothing of it; what has ended by itself gets a moment for what it has started."""
        self._end(grace_seconds=0.0 if self.code is None else 1.0)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def ended(self) -> bool:
        """Whether its main process has; `obituary` tells how."""
        self._reap()
        return self.code is not None

    def _reap(self) -> None:
        """Take note of every member of the group that has ended."""
        if not hasattr(os, "wait4"):  # Windows
            self.code = self.process.poll()
            return
        while self._reap_one(-self.process.pid):
            pass

    def _reap_one(self, which: int) -> bool:
        """Whether there was one to take note of: a child, or of a group for a number below zero."""
        try:
            pid, status, usage = os.wait4(which, os.WNOHANG)
        except ChildProcessError:
            if self.code is None and which == -self.process.pid:  # somebody else has taken it
                self.code = self.process.returncode = -9
            return False
        if pid:
            self.cpu_seconds += usage.ru_utime + usage.ru_stime
        if pid == self.process.pid:
            self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
        elif pid:  # such as the fork server, whose children's time nobody else has counted
            self.orphans_cpu_seconds += usage.ru_utime + usage.ru_stime
        return pid != 0

    def _cut_errors(self) -> None:
        """Standard error must not fill the disk; what matters is its end."""
        try:
            if os.path.getsize(self.errors) > 16 * _MB:
                os.truncate(self.errors, 0)
        except OSError:  # removed by somebody
            pass

    def _end(self, grace_seconds: float) -> None:
        """Let what is left end by itself for a moment (a fork server does), then kill it, and wait until it is gone.

        Before that, a gentle signal: the tracker of multiprocessing lives on to remove the semaphores of the others.
        """
        self._wait_for_end(grace_seconds)
        if self._alive():
            _end_group(self.process.pid, gently=True)
            self._wait_for_end(0.3)
        deadline = time.monotonic() + 5  # what cannot be killed is left to the kernel
        while (self._alive() or self._strays()) and time.monotonic() < deadline:
            _end_group(self.process.pid)
            for pid in self._strays():
                _kill(pid)
                self._reap_one(pid)
            time.sleep(0.002)
        self.tell(f"-{self.process.pid}")

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.002)

    def _alive(self) -> bool:
        self._reap()
        return _is_alive(self.process.pid) if hasattr(os, "killpg") else self.code is None

    def _strays(self) -> list[int]:
        """What has left the group, and is ours since its parent has ended (Linux)."""
        return [pid for pid in process_tree(os.getpid(), self.spared) if pid not in self.spared]

    def obituary(self) -> tuple[str, str]:
        """What a process that left no result died of."""
        if self.code is not None and self.code < 0:
            return "crash", f"killed by signal {-self.code}"
        last = self._last_line()
        return "crash", f"ended with code {self.code}: {last}" if last else f"ended with code {self.code} and no result"

    def last_words(self) -> dict[str, str]:
        """What a crash really was, if standard error tells."""
        _, failed_start, said = self._said().partition("Exception in initializer:\n")  # of a pool, which is just broken
        causes = [line for line in said.splitlines() if not line.startswith((" ", "Traceback"))]
        cause = _cut(causes[0], 300) if causes else self._last_line()
        if cause.startswith(("ModuleNotFoundError", "ImportError")):
            return {"status": "missing_dependency", "reason": cause}
        if cause.startswith("MemoryError"):
            return {"status": "out_of_memory", "reason": cause}
        return {"status": "error", "reason": f"a worker did not start ({cause})"} if failed_start else {}

    def _last_line(self) -> str:
        return next((_cut(line, 300) for line in reversed(self._said().splitlines()) if line.strip()), "")

    def _said(self) -> str:
        """The end of standard error."""
        try:
            with open(self.errors, encoding="utf-8", errors="backslashreplace") as stream:
                return stream.read()[-20_000:]
        except OSError:  # removed by somebody
            return ""
