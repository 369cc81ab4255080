"""A helper process that outlives us by a moment. It answers waits, and clears away what we left."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from meter import read_proc
from processes import _MARK, _end_group, _environment, _is_alive, _kill, _more_files

_SERVING = "the keeper serves on port "


class _Keeper:
    """A helper process that outlives us by a moment: it answers waits, and clears away what we left when we are gone."""

    def __init__(self, script: str, folder: str) -> None:
        import subprocess

        self.port = 0
        self.process = subprocess.Popen(
            [sys.executable, script, "--keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(folder),
            start_new_session=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # the user's part may print, too
            _, found, port = line.partition(_SERVING)
            if found:
                self.port = int(port)
                break

    def tell(self, line: str) -> None:
        """`+GROUP` to guard a process group, `-GROUP` when it has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except OSError:  # it was killed: we go on without it
            pass

    def close(self) -> None:
        """End it, by what would also happen if we died: its input ends."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.close()
            self.process.wait(3)
        except Exception:  # noqa: BLE001  # whatever it is: it must not live on
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _keep(protocol: Callable[[], Any]) -> NoReturn:
    """The keeper's own life: serve on a loopback port; when standard input ends, clear away and go."""
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _more_files()
    threading.Thread(target=_serve, args=(protocol,), daemon=True).start()
    guarded: set[int] = set()
    try:
        for line in sys.stdin:
            if line.endswith("\n"):  # it is whole
                (guarded.add if line[0] == "+" else guarded.discard)(int(line[1:]))
    finally:
        _clear_away(guarded, os.environ.get(_MARK, ""))
        os._exit(0)


def _serve(protocol: Callable[[], Any]) -> None:
    import asyncio

    async def serve() -> None:
        try:
            server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=4096)
            port = server.sockets[0].getsockname()[1]
        except OSError:  # no network at all: work that does not wait can still be measured
            port = 0
        print(f"{_SERVING}{port}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _wait_protocol() -> Any:
    """A server that answers each line, a number of milliseconds, after that time."""
    import asyncio

    class WaitProtocol(asyncio.Protocol):
        """One connection."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.rest = b""

        def data_received(self, data: bytes) -> None:
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                asyncio.get_running_loop().call_later(float(line) / 1000, self.transport.write, b"ok\n")

    return WaitProtocol()


def _clear_away(groups: set[int], folder: str) -> None:
    """End what is still there of a run, and remove its folder. In the usual case there is nothing left."""
    import shutil

    begun = time.monotonic()
    for group in groups:
        _end_group(group, gently=True)
    while any(map(_is_alive, groups)) or _marked(folder):
        passed = time.monotonic() - begun
        if passed > 1:
            break
        if passed > 0.3:
            for group in groups:
                _end_group(group)
            for pid in _marked(folder):
                _kill(pid)
        time.sleep(0.01)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _marked(folder: str) -> list[int]:
    """Everybody else who has the mark of this run, wherever they have gone (Linux)."""
    mark = os.fsencode(f"{_MARK}={folder}").decode("ascii", "replace")
    known = folder and sys.platform == "linux" and os.path.isdir("/proc")
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()] if known else []
    return [pid for pid in pids if pid != os.getpid() and mark in read_proc(f"/proc/{pid}/environ").split("\0")]
