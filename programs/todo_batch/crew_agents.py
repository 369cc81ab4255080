"""Processors as agents: coroutines on one event loop, which compute nothing and wait for a service that does.

All todos of a batch are with the service at the same time. A call that hangs is cancelled, which no thread can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

from crew import GRACE_SECONDS, Message
from crew_asyncio import Asyncio, Coroutine
from journal import frozen
from service import HOST, LONGEST_LINE, hang_up, request, settings_line
from tasks import Batch, Malformed, Outcome, ProcessingResult, Settings


class _Service:
    """The service as a process of this run: it ends with us, however we end."""

    def __init__(self, settings: Settings) -> None:
        """OSError if it does not start."""
        file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "service.py")
        self._process = subprocess.Popen([sys.executable, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.refuses = False
        try:
            self._process.stdin.write(settings_line(settings))
            self._process.stdin.flush()
            self.port = int(self._process.stdout.readline())
        except (OSError, ValueError):
            self.end()
            raise OSError("the service of the agents does not start") from None

    @property
    def is_there(self) -> bool:
        """Whether it has not ended; one that was killed refuses connections before its end is to be seen."""
        return not self.refuses and self._process.poll() is None

    def end(self) -> None:
        """Hang up, and kill it if it does not take that for an answer."""
        with self._process:  # closes the other pipe
            with contextlib.suppress(OSError):  # what it did not read, it will not
                self._process.stdin.close()  # type: ignore[union-attr]
            try:
                self._process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()


class Agents(Asyncio):
    """Coroutines that each have a connection to the service. If that ends, what they asked is lost, and a new one starts."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._service: _Service | None = None

    def hire(self, processor: int) -> None:
        """Start a coroutine, and the service if it is not there."""
        if self._service is None or not self._service.is_there:
            if self._service is not None:
                self._service.end()
            self._service = _Service(self._settings)
        super().hire(processor)

    async def _run(self, processor: int, me: Coroutine) -> None:
        service, began = self._service, False
        assert service is not None
        try:
            reader, writer = await asyncio.open_connection(HOST, service.port, limit=LONGEST_LINE)
            began = True
            try:
                while (batch := await me.inbox.get()) is not None:
                    result = await self._asked(reader, writer, batch)
                    self._messages.put(Message(processor, result, "", me.generation))
            finally:
                await hang_up(writer)
        except (OSError, ValueError) as error:
            service.refuses = service.refuses or (not began and isinstance(error, ConnectionError))
            self._messages.put(Message(processor, None, f"the service is gone ({error})", me.generation, began))

    async def _asked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, batch: Batch
    ) -> ProcessingResult:
        """Ask for all tasks of a batch, and wait for all answers; ConnectionError if the service ends meanwhile."""
        began, cpu_seconds = time.perf_counter(), 0.0
        found = {
            task.number: Outcome(task.number, "failed", None, task.fault)
            for task in batch.tasks
            if isinstance(task, Malformed)
        }
        for task in batch.tasks:
            if writer.is_closing():
                raise ConnectionError("it has hung up")
            if task.number not in found:
                writer.write(request(task, batch.kind or self._settings.kind, batch.attempt))
        await writer.drain()
        while len(found) < len(batch.tasks):
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError("it has hung up")
            number, status, value, error, cpu = json.loads(line)
            found[number] = Outcome(number, status, frozen(value), error)
            cpu_seconds += cpu
        outcomes = [found[task.number] for task in batch.tasks]
        return ProcessingResult(batch.number, batch.attempt, outcomes, began, time.perf_counter(), cpu_seconds)

    def discharge(self, processor: int) -> None:
        """Cancel it, whatever it waits for."""
        gone = self._coroutines[processor]
        super().discharge(processor)
        gone.cancel()

    def close(self) -> None:
        """Cancel all, and end the service."""
        super().close()
        if self._service is not None:
            self._service.end()
