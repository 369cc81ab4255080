"""A service on this machine that agents wait for, as they would for a model or a database: it takes its time to answer.

    python service.py        prints the port it listens at; a line of standard input has the settings, as JSON

A request is a line of JSON, [number, kind, attempt, fields of the todo]; so is the answer, which may come in any order:
[number, status, value, error, CPU seconds]. It computes what came of a todo as all executions do, one after the other,
and waits for as many as there are at the same time. It ends when nobody holds its standard input any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

from tasks import Outcome, Settings, Task, described, outcome_of

HOST = "127.0.0.1"  # nobody else can reach it
LONGEST_LINE = 2**24  # bytes: a title may have a million characters, each of which JSON may write as twelve


def request(task: Task, kind: str, attempt: int) -> bytes:
    """What is asked for a task."""
    return json.dumps([task.number, kind, attempt, asdict(task)]).encode() + b"\n"


def settings_line(settings: Settings) -> bytes:
    """What the service has to know."""
    return json.dumps(settings._asdict()).encode() + b"\n"


def _settings(line: bytes) -> Settings:
    found = json.loads(line)
    return Settings(**{**found, "trouble": {int(number): what for number, what in found["trouble"].items()}})


def _task(fields: dict[str, Any]) -> Task:
    """As it was asked for: JSON knows no tuples."""
    tags = fields["tags"]
    return Task(**{**fields, "tags": tuple(tags) if isinstance(tags, list) else tags})


async def _answer(settings: Settings, line: bytes, writer: asyncio.StreamWriter) -> None:
    """Wait, compute, answer. A request that makes no sense is answered, too."""
    number = None
    try:
        number, kind, attempt, fields = json.loads(line)
        trouble = settings.trouble.get(number, "")
        hangs = trouble.startswith("hang") and (attempt == 1 or trouble.endswith("!"))
        await asyncio.sleep(3600 if hangs else settings.answer_ms / 1000)
        cpu = time.thread_time()
        outcome = outcome_of(_task(fields), settings, kind, attempt)
        said = json.dumps([number, outcome.status, outcome.value, outcome.error, time.thread_time() - cpu])
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # also of a value that JSON does not know
        said = json.dumps([*Outcome(number, "failed", None, described(error)), 0.0])  # type: ignore[arg-type]
    if not writer.is_closing():  # else nobody waits for it any more
        writer.write(said.encode() + b"\n")


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, whatever is still to be sent; why it was lost, is known already."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _serve(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """With one agent, until it hangs up or says what is too long."""
        answers: set[asyncio.Task[None]] = set()
        try:
            while line := await reader.readline():
                answers.add(answer := asyncio.ensure_future(_answer(settings, line, writer)))
                answer.add_done_callback(answers.discard)
        except (ValueError, OSError):
            pass
        finally:
            for answer in answers:
                answer.cancel()
            await hang_up(writer)

    server = await asyncio.start_server(talk, HOST, 0, limit=LONGEST_LINE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_the_parent() -> None:
    """Its end of the pipe is closed however it ends; what we do then, nobody wants."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until the parent is gone. Ctrl-C is for the parent."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    settings = _settings(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    asyncio.run(_serve(settings))


if __name__ == "__main__":
    main()
