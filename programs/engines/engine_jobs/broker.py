"""What tasks wait in: a redis-server of this run, the engine's own process, a file, or what was there before us."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from typing import Any

from engine_jobs.crew import LONGEST_START_SECONDS, CannotGoOnError, Main
from engine_jobs.keeper import Keeper
from engine_jobs.plan import Plan

_REDIS = """\
port 0
unixsocket "{folder}/redis.sock"
unixsocketperm 600
dir "{folder}"
daemonize no
loglevel warning
logfile ""
save ""
appendonly {append}
appendfsync everysec
maxmemory-policy noeviction
"""


def location(plan: Plan, module: Any) -> str:
    """Where the broker of a run on this machine will be."""
    if plan.foreign:
        return plan.broker
    if module.BROKER == "redis":
        return f"unix://{plan.folder}/redis.sock"
    return os.path.join(plan.folder, "queue.db" if module.BROKER == "file" else "broker")


class Broker:
    """The broker of a run: `main` is its process, None where there is none that is ours."""

    def __init__(self, plan: Plan, module: Any, keeper: Keeper) -> None:
        self._plan, self._socket = plan, ""
        self.main: Main | None = None
        if plan.foreign or module.BROKER == "file" or (module.BROKER == "own" and not hasattr(module, "serve_broker")):
            return
        command = [sys.executable, "-m", "engine_jobs.worker", "broker"]
        if module.BROKER == "redis":
            self._socket = f"{plan.folder}/redis.sock"
            command = [_redis_server(), self._configured()]
        self.main = Main("broker", command, plan, keeper, expected=0 if self._socket else 1)

    def start(self) -> None:
        """Start it, and wait until it answers; CannotGoOnError where it does not."""
        if self.main is None:
            return
        self.main.start()
        until = time.monotonic() + LONGEST_START_SECONDS
        while not self._answers():
            if self.main.has_ended:
                raise CannotGoOnError(f"the broker ended as it started: {self.main.last_words()}")
            if time.monotonic() > until:
                raise CannotGoOnError(f"the broker does not answer after {LONGEST_START_SECONDS:g} s")
            time.sleep(0.005)

    def tend(self) -> bool:
        """Start it again if it has ended, with what it kept; whether it had."""
        if self.main is None or not self.main.has_ended:
            return False
        self.start()
        return True

    @property
    def pid(self) -> int | None:
        """Its process, where it is ours."""
        return self.main.process.pid if self.main is not None and self.main.process is not None else None

    def close(self) -> None:
        """End it; what it holds goes with the folder."""
        if self.main is not None:
            self.main.end()

    def _answers(self) -> bool:
        if not self._socket:
            assert self.main is not None
            return self.main.is_ready
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                line.connect(self._socket)
                line.sendall(b"PING\r\n")
                return line.recv(10).startswith(b"+PONG")  # an error while it loads what it kept
        except OSError:
            return False

    def _configured(self) -> str:
        """The path of what redis-server is to be like. Only with safe settings it keeps on disk what it is given."""
        path = os.path.join(self._plan.folder, "redis.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(_REDIS.format(folder=self._plan.folder, append="yes" if self._plan.safe else "no"))
        return path


def _redis_server() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise CannotGoOnError(
            "there is no redis-server here: install it (Debian: apt-get install redis-server), or give --broker URL"
        )
    return found
