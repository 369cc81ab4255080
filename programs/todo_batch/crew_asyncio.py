"""Processors as coroutines on one event loop, which compute in turn."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from crew import GRACE_SECONDS, Crew, Message
from tasks import Batch, Settings, process_batch

_generations = itertools.count(1)


class _Loop:
    """An event loop in a thread of its own. Told to stop, it cancels what is on it and is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.loop.close()

    def stop(self) -> None:
        """As soon as nobody computes on it."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)


class Coroutine:
    """What belongs to a coroutine: its inbox, and the batches whose results nobody has taken yet."""

    def __init__(self) -> None:
        self.generation = next(_generations)
        self.inbox: asyncio.Queue[Batch | None] = asyncio.Queue()
        self.unanswered: deque[Batch] = deque()
        self.cancel: Callable[[], object] = lambda: None  # wherever it waits


class Asyncio(Crew):
    """Coroutines on one loop, which runs in a thread of its own. Computing holds the loop: they take turns by batches.

    A batch that hangs holds them all. When it is discharged, the others go on with what they have on a new loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._coroutines: dict[int, Coroutine] = {}
        self._loop = _Loop()

    def hire(self, processor: int) -> None:
        """Start a coroutine."""
        hired = self._coroutines[processor] = Coroutine()
        hired.cancel = asyncio.run_coroutine_threadsafe(self._run(processor, hired), self._loop.loop).cancel

    async def _run(self, processor: int, me: Coroutine) -> None:
        def stopped() -> bool:
            return self._coroutines.get(processor) is not me

        while True:
            batch = await me.inbox.get()
            if batch is None or stopped():
                return
            self.turn = processor, time.monotonic()
            result = process_batch(self._settings, batch, stopped)
            self._messages.put(Message(processor, result, "", me.generation))
            await asyncio.sleep(0)  # the others have their turn

    def give(self, processor: int, batch: Batch) -> None:
        """Into its inbox."""
        self._coroutines[processor].unanswered.append(batch)
        self._put(self._coroutines[processor], batch)

    def _put(self, to: Coroutine, batch: Batch | None) -> None:
        self._loop.loop.call_soon_threadsafe(to.inbox.put_nowait, batch)

    def next_message(self, timeout: float | None) -> Message | None:
        """The next message of a coroutine that is still ours."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                message = self._messages.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            sender = self._coroutines.get(message.processor)
            if sender is not None and sender.generation == message.generation:
                if message.result is None:
                    self.discharge(message.processor)
                else:
                    sender.unanswered.popleft()
                return message

    def discharge(self, processor: int) -> None:
        """Tell it to stop: it does before its next task, and is not heard. If it holds the loop, the others leave it."""
        gone = self._coroutines.pop(processor)
        self._put(gone, None)
        if not gone.unanswered or self.turn is None or self.turn[0] != processor:
            return
        left = self._dismissed()
        self._loop = _Loop()
        for other, old in left.items():
            self.hire(other)
            for batch in old.unanswered:
                self.give(other, batch)

    def _dismissed(self) -> dict[int, Coroutine]:
        """All of them, who come to an end as soon as nobody holds the loop, and it with them."""
        gone, self._coroutines = self._coroutines, {}
        for coroutine in gone.values():
            self._put(coroutine, None)
        self._loop.stop()
        return gone

    def close(self) -> None:
        """Stop the loop; its thread is a daemon, in case something on it hangs."""
        self._dismissed()
        self._loop.thread.join(GRACE_SECONDS)
