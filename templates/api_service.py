# /// script
# requires-python = ">=3.10"
# dependencies = ["starlette", "uvicorn"]
# ///
"""A web service made for one profile: a Starlette application whose requests run the recommended way.

    pip install starlette uvicorn
    python api.py                            serve on port 8000 with as many processes as it takes
    uvicorn api:app --workers 2              the same by hand
    curl http://127.0.0.1:8000/17

Each request waits and computes as the profile says; put your own code into `fetch`, `fetch_blocking` and `compute`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

# --- parameters: begin ---
NAME = "Requests that compute and wait"
APPROACH = "asyncio"
POOL = 2  # workers of the approach: threads, processes or interpreters
PROCESSES = 1  # that take requests from one port, each with such a pool
CPU_MS_PER_TASK = 2.0
IO_WAIT_MS_PER_TASK = 50.0
STARTUP_MS = 0.0
ASYNC_LIBRARY = True  # there is an async client for what is waited for
# --- parameters: end ---

# --- your code: begin ---


async def fetch(number: int) -> int:
    """What a request waits for, with an async client."""
    await asyncio.sleep(IO_WAIT_MS_PER_TASK / 1000)
    return number


def fetch_blocking(number: int) -> int:
    """The same with a client that blocks the thread that calls it."""
    time.sleep(IO_WAIT_MS_PER_TASK / 1000)
    return number


def compute(number: int) -> int:
    """What a request computes: here it is busy for CPU_MS_PER_TASK."""
    end = time.thread_time() + CPU_MS_PER_TASK / 1000
    while time.thread_time() < end:
        pass
    return number


def start_worker() -> None:
    """What each process loads once, before the first request."""
    end = time.thread_time() + STARTUP_MS / 1000
    while time.thread_time() < end:
        pass


# --- your code: end ---


def whole_request(number: int) -> int:
    """A request from beginning to end, blocking."""
    return compute(fetch_blocking(number))


#: How the approach runs a request: the pool beside the loop, and whether the pool does the waiting, too.
_POOLS = {
    "threads": "threads",
    "free_threaded": "threads",
    "asyncio_threads": "threads",
    "asyncio_free_threaded": "threads",
    "subinterpreters": "interpreters",
    "asyncio_processes": "processes",
}
_IN_POOL = not ASYNC_LIBRARY or APPROACH in ("threads", "free_threaded", "subinterpreters")
_pool: list[Executor] = []


def _made_pool() -> Executor | None:
    """The pool of the approach; None where its loop does everything."""
    kind = _POOLS.get(APPROACH)
    if kind == "threads":
        return ThreadPoolExecutor(POOL)
    if kind == "processes":
        return ProcessPoolExecutor(POOL, initializer=start_worker)
    if kind == "interpreters" and sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(POOL, initializer=start_worker)
    return None


async def done(number: int) -> int:
    """One request: its number comes back when its work is done."""
    loop = asyncio.get_running_loop()
    if _pool and _IN_POOL:
        return await loop.run_in_executor(_pool[0], whole_request, number)
    if not ASYNC_LIBRARY:
        return whole_request(number)  # a library that blocks, and no pool: the loop stands still meanwhile
    number = await fetch(number)
    return await loop.run_in_executor(_pool[0], compute, number) if _pool else compute(number)


@contextlib.asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """The pool is there before the first request, and gone after the last."""
    start_worker()
    pool = _made_pool()
    if pool is not None:
        _pool.append(pool)
    yield
    if pool is not None:
        pool.shutdown(cancel_futures=True)


def application() -> Any:
    """The Starlette application: GET /17 does request number 17."""
    from starlette.applications import Starlette  # type: ignore[import-not-found,unused-ignore]
    from starlette.responses import PlainTextResponse  # type: ignore[import-not-found,unused-ignore]
    from starlette.routing import Route  # type: ignore[import-not-found,unused-ignore]

    async def answer(request: Any) -> Any:
        return PlainTextResponse(f"ok {await done(int(request.path_params['number']))}\n")

    return Starlette(routes=[Route("/{number:int}", answer)], lifespan=lifespan)


app = application() if __name__ != "__main__" else None  # the process that starts the others serves nothing


def serve(arguments: list[str]) -> Any:
    """Serve on a port, 8000 if none is given: in several processes, or with one for each worker, where that is the approach."""
    import uvicorn  # type: ignore[import-not-found,unused-ignore]

    workers = POOL if APPROACH == "multiprocessing" else PROCESSES
    module = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    return uvicorn.run(f"{module}:app", port=int(arguments[0]) if arguments else 8000, workers=workers)


if __name__ == "__main__":
    serve(sys.argv[1:])
