"""Each approach as a server, written the way one would by hand. A connection brings one request, a line with its number.

Imports stand inside the functions because every spawned worker imports this file again: what it does not use should cost
it nothing.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from concurrent.futures import Executor, Future

_BACKLOG = 4096  # connections that may wait to be accepted


class Serving(NamedTuple):
    """What a server does for each request. `start(settings)` prepares a worker."""

    item: Any
    work: Callable[[Any], Any]
    work_async: Callable[[Any], Awaitable[Any]]
    start: Callable[[dict[str, Any]], None]
    settings: dict[str, Any]
    workers: int
    processes: int = 1  # that accept from one socket, each with so many workers


_Ready = Callable[[], None]  # says that all workers are there
_Serve = Callable[[socket.socket, Serving, _Ready], None]


def one_by_one(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """One request after the other: the baseline. Those that wait are in the backlog of the listening socket."""
    serving.start(serving.settings)
    ready()
    while True:
        _answer(listener.accept()[0], serving)


def _answer(connection: socket.socket, serving: Serving) -> None:
    """One request, from its line to its answer. A client that has gone is no reason to stop."""
    with connection:
        try:
            if line := connection.recv(64):
                serving.work(serving.item)
                connection.sendall(b"ok " + line)
        except ConnectionError:
            pass


def thread_pool(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """One thread accepts, those of a pool answer; on a free-threaded build they compute at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(serving.workers, initializer=serving.start, initargs=(serving.settings,)) as pool:
        pool.submit(int).result()
        ready()
        while True:
            pool.submit(_answer, listener.accept()[0], serving)


def interpreters(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """One thread accepts and reads, interpreters with a GIL of their own do the work (Python 3.14)."""
    if sys.version_info < (3, 14):
        raise NotImplementedError("subinterpreters need Python 3.14")
    from concurrent.futures import InterpreterPoolExecutor

    with InterpreterPoolExecutor(serving.workers, initializer=serving.start, initargs=(serving.settings,)) as pool:
        _start_all(pool, serving)
        ready()
        while True:
            connection = listener.accept()[0]
            if line := connection.recv(64):
                pool.submit(serving.work, serving.item).add_done_callback(partial(_reply, connection, line))


def _reply(connection: socket.socket, line: bytes, done: Future[Any]) -> None:
    """Answer a request when its work is done."""
    with connection:
        if done.exception() is None:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"ok " + line)


def in_processes(serve: _Serve, count: int, listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """Processes that accept from one socket, each of which serves."""
    import multiprocessing

    started: Any = multiprocessing.SimpleQueue()
    arguments = (serve, listener, serving, started)
    workers = [multiprocessing.Process(target=_one_of_many, args=arguments, daemon=True) for _ in range(count)]
    for worker_process in workers:
        worker_process.start()
    for _ in workers:
        started.get()
    ready()
    for worker_process in workers:
        worker_process.join()
    raise ChildProcessError("a worker has ended")


def _one_of_many(serve: _Serve, listener: socket.socket, serving: Serving, started: Any) -> None:
    serve(listener, serving, lambda: started.put(1))


def prefork(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """Processes that do one request after the other: what gunicorn's sync workers do."""
    in_processes(one_by_one, serving.workers, listener, serving, ready)


def loop_alone(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """An event loop: waits overlap, computing happens on the loop."""
    serving.start(serving.settings)
    _serve_on_loop(listener, serving, ready)


def with_pool(kind: str, serve: _Serve, listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """Serve with a pool of `threads` or `processes` beside it, for what `offload` hands over."""
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    made: Any = ThreadPoolExecutor if kind == "threads" else ProcessPoolExecutor
    with made(serving.workers, initializer=serving.start, initargs=(serving.settings,)) as pool:
        _start_all(pool, serving)
        _pools.append(pool)
        serve(listener, serving, ready)


def _start_all(pool: Executor, serving: Serving) -> None:
    """Have every worker of a pool start: each gets something to do."""
    for begun in [pool.submit(serving.work, serving.item) for _ in range(serving.workers)]:
        begun.result()


_pools: list[Executor] = []  # where `offload` hands work to; empty: the loop does it itself


async def offload(function: Callable[..., Any], *arguments: Any) -> Any:
    """Compute without holding the loop, where the approach has a pool for that; else here and now."""
    if not _pools:
        return function(*arguments)
    import asyncio

    return await asyncio.get_running_loop().run_in_executor(_pools[-1], function, *arguments)


def _serve_on_loop(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    import asyncio

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if line := await reader.readline():
                await serving.work_async(serving.item)
                writer.write(b"ok " + line)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, sock=listener, backlog=_BACKLOG)
        ready()
        await server.serve_forever()

    asyncio.run(serve())


class Server(NamedTuple):
    """How an approach serves. `pool`: whether it has workers; `slots`: whether a request holds one of them while it waits."""

    serve: _Serve
    pool: bool = True
    slots: bool = True
    free_threaded: bool = False  # only on a build without the GIL
    since: tuple[int, int] = (3, 10)
    library_threads: bool = False  # the library it calls computes on every CPU


SERVERS: dict[str, Server] = {
    "single_threaded": Server(one_by_one, pool=False),
    "native_parallel": Server(one_by_one, pool=False, library_threads=True),
    "asyncio": Server(loop_alone, pool=False, slots=False),
    "threads": Server(thread_pool),
    "asyncio_threads": Server(partial(with_pool, "threads", _serve_on_loop), slots=False),
    "free_threaded": Server(thread_pool, free_threaded=True),
    "asyncio_free_threaded": Server(partial(with_pool, "threads", _serve_on_loop), slots=False, free_threaded=True),
    "subinterpreters": Server(interpreters, since=(3, 14)),
    "multiprocessing": Server(prefork),
    "asyncio_processes": Server(partial(with_pool, "processes", _serve_on_loop), slots=False),
}


def serve_in(serve: _Serve, listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """Serve in as many processes as there are to be."""
    if serving.processes > 1:
        in_processes(serve, serving.processes, listener, serving, ready)
    else:
        serve(listener, serving, ready)


def listening() -> socket.socket:
    """A socket of this machine that listens, at a port that is free."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    listener.setblocking(True)
    return listener
