"""The servers that people run, with the work behind them: uvicorn (an ASGI application), gunicorn (a WSGI one).

They must be installed in the Python that runs this. A request is GET /NUMBER, and its answer the line `ok NUMBER`.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from servers import Serving, _Ready, _Serve, in_processes, serve_in, with_pool


def real_server(name: str | None, approach: str) -> _Serve | None:
    """How that server runs an approach; None where it does not."""
    return _REAL.get(name or "", {}).get(approach)


def _uvicorn_workers(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """A process with an event loop for each worker: what --workers does."""
    in_processes(_uvicorn, serving.workers, listener, serving, ready)


def _uvicorn(listener: socket.socket, serving: Serving, ready: _Ready) -> None:
    """One process with one event loop."""
    import uvicorn  # type: ignore[import-not-found,import-untyped,unused-ignore]

    serving.start(serving.settings)
    config = uvicorn.Config(_asgi(serving, ready), lifespan="on", log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def _asgi(serving: Serving, ready: _Ready) -> Callable[..., Any]:
    async def application(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[..., Any]) -> None:
        while scope["type"] == "lifespan":
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                ready()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
        await serving.work_async(serving.item)
        body = f"ok {scope['path'][1:]}\n".encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _gunicorn(listener: socket.socket, serving: Serving, ready: _Ready, *, processes: bool, threads: bool) -> None:
    """Its workers: `processes` of one thread each, or those that there are to be with `threads`."""
    from gunicorn.app.base import BaseApplication  # type: ignore[import-not-found,import-untyped,unused-ignore]

    workers = serving.workers if processes else serving.processes
    there, say = os.pipe()

    def begin(_worker: object) -> None:
        serving.start(serving.settings)
        os.write(say, b"1")

    def wait_for_all() -> None:
        for _ in range(workers):
            os.read(there, 1)
        ready()

    settings = {
        "bind": [f"fd://{listener.dup().detach()}"],  # gunicorn closes the one that it is given
        "workers": workers,
        "threads": serving.workers if threads else 1,
        "worker_class": "gthread" if threads else "sync",
        "loglevel": "critical",
        "post_worker_init": begin,
    }

    class Application(BaseApplication):  # type: ignore[misc,unused-ignore]
        def load_config(self) -> None:
            for key, value in settings.items():
                self.cfg.set(key, value)

        def load(self) -> Callable[..., Any]:
            return _wsgi(serving)

    threading.Thread(target=wait_for_all, daemon=True).start()
    Application().run()


def _wsgi(serving: Serving) -> Callable[..., Any]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        serving.work(serving.item)
        body = f"ok {environ['PATH_INFO'][1:]}\n".encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return application


_REAL: dict[str, dict[str, _Serve]] = {
    "uvicorn": {
        "asyncio": partial(serve_in, _uvicorn),
        "asyncio_threads": partial(serve_in, partial(with_pool, "threads", _uvicorn)),
        "asyncio_free_threaded": partial(serve_in, partial(with_pool, "threads", _uvicorn)),
        "asyncio_processes": partial(serve_in, partial(with_pool, "processes", _uvicorn)),
        "multiprocessing": _uvicorn_workers,
    },
    "gunicorn": {
        "single_threaded": partial(_gunicorn, processes=False, threads=False),
        "threads": partial(_gunicorn, processes=False, threads=True),
        "free_threaded": partial(_gunicorn, processes=False, threads=True),
        "multiprocessing": partial(_gunicorn, processes=True, threads=False),
    },
}
