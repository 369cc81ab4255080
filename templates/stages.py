"""The parts of a system at work. Each has a queue of limited size before it; whoever hands over to a full one waits."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple

from standing_in import Steps


class Part(NamedTuple):
    """One part as the parameters describe it; `steps` make its computing as long as it should be."""

    name: str
    feeds: tuple[tuple[str, float], ...]
    approach: str
    loop: bool
    pool: str
    own_process: bool
    workers: int
    at_once: int
    bound: int
    cpu_ms: float
    gil_share: float
    io_wait_ms: float
    blocks: bool
    payload_kb: float
    per_second: float | None
    items: int | None
    steps: Steps = (0, 0)


class Work(NamedTuple):
    """What the parts do: functions of the script."""

    start: Callable[[Part], None]
    first_item: Callable[[Part, int], Any]
    wait: Callable[[Part, Any], None]
    wait_async: Callable[[Part, Any], Awaitable[None]]
    compute: Callable[[Part, Any], Any]


class Count(NamedTuple):
    """What a part has done so far: items, those that failed, and the seconds that its workers were busy, all together."""

    done: int = 0
    errors: int = 0
    busy: float = 0.0


class Outcome(NamedTuple):
    """What came of an item: the result, or why there is none; and how long it took."""

    result: Any
    error: str
    seconds: float


_END: Any = object()  # after the last item of a queue: one for each worker


def do_all(work: Work, part: Part, item: Any) -> Any:
    """An item from its begin to its end, blocking."""
    work.wait(part, item)
    return work.compute(part, item)


def tried(do: Callable[..., Any], *arguments: Any) -> Outcome:
    """What came of it, with its time."""
    begun = time.perf_counter()
    try:
        result, error = do(*arguments), ""
    except Exception as failed:  # noqa: BLE001  # one item is no reason to stop the others
        result, error = None, f"{type(failed).__name__}: {failed}"
    return Outcome(result, error, time.perf_counter() - begun)


async def do_all_async(work: Work, part: Part, item: Any, pool: Executor | None) -> Outcome:
    """The same on a loop, which computes itself, or hands that to a pool."""
    begun, loop = time.perf_counter(), asyncio.get_running_loop()
    try:
        if part.blocks and pool is not None:
            result = await loop.run_in_executor(pool, do_all, work, part, item)
        else:
            await work.wait_async(part, item)
            in_pool = pool is not None and part.cpu_ms > 0
            result = await loop.run_in_executor(pool, work.compute, part, item) if in_pool else work.compute(part, item)
        return Outcome(result, "", time.perf_counter() - begun)
    except Exception as failed:  # noqa: BLE001  # as above
        return Outcome(None, f"{type(failed).__name__}: {failed}", time.perf_counter() - begun)


class Stage:
    """A part at work: where items are put, what it has done, and the stages that get the results.

    From a thread `put` hands an item over, on the loop `put_async` does. Both wait while the queue is full.
    """

    def __init__(self, part: Part, work: Work) -> None:
        self.part, self.work = part, work
        self.out: list[tuple[Stage, float]] = []  # and how many items for each
        self.count, self.last_error = Count(), ""
        self._owed: list[float] = []  # parts of an item that each of them is still to get
        self._lock = threading.Lock()
        self.pool: Executor | None = None
        self.skipping = False  # what is in its queue is not done any more

    def put(self, item: Any) -> None:
        """Hand an item over from a thread."""
        raise NotImplementedError

    async def put_async(self, item: Any) -> None:
        """Hand an item over on the loop."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start its workers; they are warm then."""
        raise NotImplementedError

    async def finish(self) -> None:
        """Let what is in its queue be done, and its workers end; nothing may be put any more."""
        raise NotImplementedError

    def counted(self, outcome: Outcome) -> Iterator[Stage]:
        """Count an item; gives each stage that gets the result, as many times as it does."""
        with self._lock:
            done, errors, busy = self.count
            failed = bool(outcome.error)
            self.count = Count(done + (not failed), errors + failed, busy + outcome.seconds)
            if failed:
                self.last_error = outcome.error
                return
            self._owed = self._owed or [0.0] * len(self.out)
            for place, (_, each) in enumerate(self.out):
                self._owed[place] += each
            now = [int(owed + 1e-9) for owed in self._owed]
            self._owed = [owed - whole for owed, whole in zip(self._owed, now, strict=True)]
        for (stage, _), times in zip(self.out, now, strict=True):
            for _ in range(times):
                yield stage

    def pass_on(self, outcome: Outcome) -> None:
        """Count an item and hand its result on, from a thread."""
        for stage in self.counted(outcome):
            stage.put(outcome.result)

    async def pass_on_async(self, outcome: Outcome) -> None:
        """The same on the loop."""
        for stage in self.counted(outcome):
            await stage.put_async(outcome.result)

    def make_pool(self) -> None:
        """The pool that its part computes in, if it has one, with all of its workers started."""
        part, start = self.part, (self.work.start, self.part)
        if part.pool == "processes":
            self.pool = ProcessPoolExecutor(part.workers, _context(), _start_worker, start)
        elif part.pool == "interpreters":
            self.pool = _interpreters(part.workers, *start)
        else:
            self.work.start(part)
            self.pool = ThreadPoolExecutor(part.workers) if part.pool == "threads" else None
        if self.pool is not None:
            list(self.pool.map(time.sleep, [0.05] * part.workers))


def _interpreters(workers: int, start: Callable[[Part], None], part: Part) -> Executor:
    """A pool of subinterpreters, each with a GIL of its own."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers, initializer=start, initargs=(part,))
    raise SystemExit(f"{part.name!r} runs in subinterpreters, which need Python 3.14")


def _context() -> Any:
    """How processes are started: not by fork, as there are threads in this one."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


class LoopStage(Stage):
    """A part on the event loop: an asyncio.Queue, and as many tasks as it works on items at a time."""

    async def start(self) -> None:
        """Start its tasks."""
        self.make_pool()
        self.loop = asyncio.get_running_loop()
        self.inbox: asyncio.Queue[Any] = asyncio.Queue(self.part.bound)
        self.tasks = [asyncio.create_task(self._serve()) for _ in range(self.part.at_once)]

    def put(self, item: Any) -> None:
        """Hand an item over from a thread: nothing of a loop may be touched from there but in this way."""
        asyncio.run_coroutine_threadsafe(self.inbox.put(item), self.loop).result()

    async def put_async(self, item: Any) -> None:
        """Hand an item over on the loop."""
        await self.inbox.put(item)

    async def _serve(self) -> None:
        while (item := await self.inbox.get()) is not _END:
            if not self.skipping:
                await self.pass_on_async(await do_all_async(self.work, self.part, item, self.pool))

    async def finish(self) -> None:
        """Let its tasks end."""
        for _ in self.tasks:
            await self.inbox.put(_END)
        await asyncio.gather(*self.tasks)
        if self.pool is not None:
            self.pool.shutdown()


class ThreadStage(Stage):
    """A part in threads of its own: a queue.Queue, and a thread for each item that it works on at a time.

    Where it computes in processes or subinterpreters, a thread waits for each of them: the pool itself would take
    whatever is submitted, without end.
    """

    async def start(self) -> None:
        """Start its threads."""
        self.make_pool()
        self.inbox: queue.Queue[Any] = queue.Queue(self.part.bound)
        self.door = ThreadPoolExecutor(1)  # what is put from the loop goes through here
        self.threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(self.part.at_once)]
        for thread in self.threads:
            thread.start()

    def put(self, item: Any) -> None:
        """Hand an item over from a thread."""
        self.inbox.put(item)

    async def put_async(self, item: Any) -> None:
        """Hand an item over on the loop, which must not wait for room itself."""
        await asyncio.get_running_loop().run_in_executor(self.door, self.inbox.put, item)

    def _serve(self) -> None:
        while (item := self.inbox.get()) is not _END:
            if not self.skipping:
                self.pass_on(tried(self._do, item))

    def _do(self, item: Any) -> Any:
        if self.pool is None:
            return do_all(self.work, self.part, item)
        return self.pool.submit(do_all, self.work, self.part, item).result()

    async def finish(self) -> None:
        """Let its threads end."""
        for _ in self.threads:
            await self.put_async(_END)
        await asyncio.get_running_loop().run_in_executor(self.door, self._end)
        self.door.shutdown()

    def _end(self) -> None:
        for thread in self.threads:
            thread.join()
        if self.pool is not None:
            self.pool.shutdown()


class ProcessStage(Stage):
    """A part in a process of its own: a multiprocessing.Queue to it, and one back, which a thread here reads."""

    async def start(self) -> None:
        """Start its process."""
        context = _context()
        self.inbox, self.outbox = context.Queue(self.part.bound), context.Queue(self.part.bound)
        self.door = ThreadPoolExecutor(1)
        arguments = (self.part, self.work, self.inbox, self.outbox)
        self.process = context.Process(target=_own_process, args=arguments, daemon=True)
        self.process.start()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def put(self, item: Any) -> None:
        """Hand an item over from a thread."""
        self.inbox.put((item,))

    async def put_async(self, item: Any) -> None:
        """Hand an item over on the loop, which must not wait for room itself."""
        await asyncio.get_running_loop().run_in_executor(self.door, self.put, item)

    def _read(self) -> None:
        while True:
            try:
                outcome = self.outbox.get(timeout=1.0)
            except queue.Empty:
                if self.process.is_alive():
                    continue
                print(f"the process of {self.part.name!r} has ended by itself", file=sys.stderr)
                _leave(1)
            if outcome is None:
                return
            if not self.skipping:
                self.pass_on(outcome)

    async def finish(self) -> None:
        """Let its process end."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.door, self.inbox.put, None)
        await loop.run_in_executor(self.door, self.reader.join)
        await loop.run_in_executor(self.door, self.process.join)
        self.door.shutdown()


def _leave(code: int) -> None:
    """End without waiting for threads or processes; the processes are killed."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    os._exit(code)


def _leave_ctrl_c() -> None:
    """Ctrl-C goes to all processes of a terminal: the main one tells the others when to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start_worker(start: Callable[[Part], None], part: Part) -> None:
    """What a process of a pool does first."""
    _leave_ctrl_c()
    start(part)


def _own_process(part: Part, work: Work, inbox: Any, outbox: Any) -> None:
    """What the process of a part does."""
    _start_worker(work.start, part)
    if part.loop:
        asyncio.run(_own_loop(part, work, inbox, outbox))
    else:
        with ThreadPoolExecutor(part.at_once) as threads:
            for _ in threads.map(_serve_queue, *zip(*[(part, work, inbox, outbox)] * part.at_once, strict=True)):
                pass
    outbox.put(None)


def _serve_queue(part: Part, work: Work, inbox: Any, outbox: Any) -> None:
    while (message := inbox.get()) is not None:
        outbox.put(tried(do_all, work, part, message[0]))
    inbox.put(None)  # for the other threads


async def _own_loop(part: Part, work: Work, inbox: Any, outbox: Any) -> None:
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(part.at_once)
    under_way: set[asyncio.Task[None]] = set()

    async def one(item: Any) -> None:
        """One item; the loop goes on while its result waits for room."""
        outcome = await do_all_async(work, part, item, None)
        await loop.run_in_executor(None, outbox.put, outcome)
        gate.release()

    while True:
        await gate.acquire()
        message = await loop.run_in_executor(None, inbox.get)
        if message is None:
            break
        under_way.add(task := asyncio.create_task(one(message[0])))
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


def stage_for(part: Part, work: Work) -> Stage:
    """The stage that runs a part as its parameters say."""
    if part.own_process:
        return ProcessStage(part, work)
    return LoopStage(part, work) if part.loop else ThreadStage(part, work)
