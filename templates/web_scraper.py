# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""A web scraper: fetch pages from a server, then extract their text.

    python web_scraper.py                          every approach that this Python can run, as a table
    python web_scraper.py --interpreter python3.14 --interpreter python3.14t
    python web_scraper.py --io sleep               without a network: it sleeps instead of fetching
    python web_scraper.py --json                   one JSON object a line, as it happens

Two variants: `balanced` spends two thirds of its time on waiting and a third on computing, `unbalanced` waits nearly
all of the time. The pages come over real HTTP from a server on this machine, which answers after the time a real one
would take. Put your own extraction into `extract` and your own client into `fetch` and `fetch_async`.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
import time
import zlib
from html.parser import HTMLParser
from typing import Any

from approaches import offload
from harness import main
from workload import workload_of

# --- parameters: begin ---
NAME = "A web scraper: fetch pages, extract their text"
RECOMMENDED: str | None = None
APPROACHES: tuple[str, ...] = (
    "single_threaded",  # one page after the other
    "asyncio",  # fetches at the same time, extracts on the event loop
    "asyncio_threads",  # fetches at the same time, extracts in threads that share the GIL
    "asyncio_free_threaded",  # the same on a build without the GIL
    "asyncio_processes",  # fetches at the same time, extracts in a pool of processes
)
WORKERS: dict[str, int] = {}  # pool sizes; the others have CPUS workers
SCALING: tuple[int, ...] = ()  # further pool sizes for the recommended approach
CPUS = 2
CONCURRENCY: int | None = 20  # pages in work at once, so also connections: what a server puts up with
VARIANTS: dict[str, tuple[int, float, float]] = {  # pages, ms to fetch one, ms to extract its text
    "balanced": (100, 1000.0, 500.0),
    "unbalanced": (1000, 5.0, 1.0),  # 5 s of fetching, 1 s of extraction and 50 MB of text in all
}
# Pages of 1.5 s are too long to be measured again and again. A balanced page takes 5 % of that, still two parts waiting
# to one part computing, so that a minute is enough for everything, several times.
SCALE: dict[str, float] = {"balanced": 0.05}
PAGE_KB = 50  # text on a page
MEMORY_BUDGET_MB: float | None = None
ASSUMED: tuple[str, ...] = ()  # parameters that nobody gave
BUDGET_SECONDS = 60.0
# --- parameters: end ---

Result = tuple[int, int, int, int]  # the page's number, its words, its links, a checksum of its text

# --- your code: begin ---
# One page, twice: blocking, and for an event loop. Both must be functions of this file, take one item and return a
# value that pickles. Imports that a worker needs go to the top of the file.


def work(number: int) -> Result:
    """One page, blocking: what plain code, threads and processes run."""
    return extract(number, fetch(number))


async def work_async(number: int) -> Result:
    """The same for an event loop: it awaits the page and hands the extraction to `offload`."""
    result: Result = await offload(extract, number, await fetch_async(number))
    return result


class PageText(HTMLParser):
    """The text of a page and where its links go, without what is in scripts and style sheets."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a link, and of where text begins that nobody sees."""
        self.hidden = tag in ("script", "style")
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        """What was hidden ends with its tag."""
        if tag in ("script", "style"):
            self.hidden = False

    def handle_data(self, data: str) -> None:
        """Keep what can be seen."""
        if not self.hidden:
            self.text.append(data)


def extract(number: int, page: bytes) -> Result:
    """The computing part: text with single spaces, words, links. Passes over the page make it take its time."""
    for _ in range(worker.settings["passes"]):
        parser = PageText()
        parser.feed(page.decode())
        parser.close()
        words = "".join(parser.text).split()
        checksum = zlib.crc32(" ".join(words).encode())
    return number, len(words), len(parser.links), checksum


def items(count: int) -> list[int]:
    """The tasks: numbers of pages."""
    return list(range(count))


# --- your code: end ---


class _Thread(threading.local):
    """What each thread has for itself: a connection, kept alive from page to page."""

    connection: Any = None


class _Process:
    """What one process has: its settings, and the connections that its event loop does not use at the moment."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.connections: list[Any] = []


worker = _Process()
thread = _Thread()


def configure(settings: dict[str, Any]) -> None:
    """Take the settings of this run (`variant`, `io`, `port`, `passes`) before the clock starts."""
    import http.client  # noqa: F401  # costs 50 ms; processes that only extract do without

    worker.settings = settings


def start(settings: dict[str, Any]) -> None:
    """Prepare a worker."""
    worker.settings = settings


def times_ms() -> tuple[float, float]:
    """What a page of this variant should take: to fetch, and to extract."""
    variant = worker.settings["variant"]
    _, fetch_ms, extract_ms = VARIANTS[variant]
    scale = SCALE.get(variant, 1.0)
    return fetch_ms * scale, extract_ms * scale


def calibrate() -> dict[str, Any]:
    """How many passes over a page take as long as its extraction should, on this Python; at least one."""
    _, extract_ms = times_ms()
    worker.settings = {**worker.settings, "passes": 1}
    tries = []
    for number in range(30):  # the least CPU time counts: whatever disturbs a measurement makes it longer
        body = page(number)
        begun = time.thread_time()
        extract(number, body)
        tries.append(time.thread_time() - begun)
    return {"passes": max(1, round(extract_ms / 1000 / max(min(tries), 1e-6)))}


def merge(results: list[Result]) -> tuple[int, int]:
    """What the scraper found in all: words and links."""
    return sum(words for _, words, _, _ in results), sum(links for _, _, links, _ in results)


# The clients ---------------------------------------------------------------------------------------------------------


def path_of(number: int) -> str:
    """Where a page is; the server takes the time that the address asks for."""
    return f"/page/{number}?ms={times_ms()[0]:g}"


def fetch(number: int) -> bytes:
    """A page, as a blocking client gets it."""
    if worker.settings["io"] == "sleep":
        time.sleep(times_ms()[0] / 1000)
        return page(number)
    import http.client

    if thread.connection is None:
        thread.connection = http.client.HTTPConnection("127.0.0.1", worker.settings["port"])
    thread.connection.request("GET", path_of(number))
    response = thread.connection.getresponse()
    body: bytes = response.read()  # complains if it is shorter than announced
    if response.status != 200:
        raise ConnectionError(f"page {number}: {response.status} {response.reason}")
    return body


async def fetch_async(number: int) -> bytes:
    """A page, without holding the event loop; a connection that is free is used again."""
    import asyncio

    if worker.settings["io"] == "sleep":
        await asyncio.sleep(times_ms()[0] / 1000)
        return page(number)
    if worker.connections:
        reader, writer = worker.connections.pop()
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.settings["port"])
    writer.write(f"GET {path_of(number)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head: bytes = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    if not head.startswith(b"HTTP/1.1 200 ") or not length:
        writer.close()
        raise ConnectionError(f"page {number}: {head.splitlines()[0]!r}")
    body: bytes = await reader.readexactly(int(length[1]))
    worker.connections.append((reader, writer))
    return body


async def close_async() -> None:
    """Close the connections of the event loop."""
    while worker.connections:
        _, writer = worker.connections.pop()
        writer.close()
        await writer.wait_closed()


# The server ----------------------------------------------------------------------------------------------------------

WORDS = (  # 31: no step over them comes back early
    "river", "harbour", "letter", "signal", "garden", "window", "engine", "paper", "market", "bridge", "valley",
    "morning", "winter", "record", "number", "question", "answer", "reader", "writer", "copper", "forest", "island",
    "ladder", "mirror", "needle", "orchard", "pencil", "quarry", "ribbon", "shadow", "ticket",
)  # fmt: skip
ARTICLES = 16  # different ones: enough for pages that differ, few enough to keep
PARAGRAPH_WORDS = 300


def page(number: int) -> bytes:
    """A page made from its number alone: who wants it, and where, makes no difference."""
    head = f"<title>Page {number}</title><style>p {{ margin: 1em }}</style><script>if (1 < 2) visit({number})</script>"
    return (
        f"<!DOCTYPE html><html><head>{head}</head>\n<body><h1>Page {number}</h1>\n{article(number % ARTICLES)}".encode()
    )


@functools.cache
def article(start: int) -> str:
    """Paragraphs with a link each, PAGE_KB of text in all."""
    paragraphs: list[str] = []
    size = 0
    while size < PAGE_KB * 1000:
        step = len(paragraphs) % (len(WORDS) - 1) + 1
        words = [WORDS[(start + place * step) % len(WORDS)] for place in range(PARAGRAPH_WORDS)]
        text = "  \n".join(" ".join(words[place : place + 15]) for place in range(0, PARAGRAPH_WORDS, 15))
        paragraphs.append(f'<p class="text">{text} &amp; <a href="/page/{start + step}">more</a>.</p>\n')
        size += len(text)
    return "".join(paragraphs) + "</body></html>\n"


def respond(head: bytes) -> tuple[float, bytes, bool]:
    """What a request gets: after how many seconds, which bytes, and whether the connection stays open."""
    request = re.match(rb"GET (\S+) HTTP/1\.([01])(?:\r\n|$)", head)
    fields = head.lower()
    if not request or b"\r\ncontent-length:" in fields or b"\r\ntransfer-encoding:" in fields:
        return 0.0, _response("400 Bad Request", b"this server answers GET without a body\n"), False
    keep = request[2] == b"1" and b"\r\nconnection: close" not in fields
    wanted = re.fullmatch(rb"/page/(\d{1,9})\?ms=(\d{1,6}(?:\.\d{1,6})?)", request[1])
    if not wanted:
        return 0.0, _response("404 Not Found", b"there is /page/NUMBER?ms=MILLISECONDS\n"), keep
    return float(wanted[2]) / 1000, _response("200 OK", page(int(wanted[1]))), keep


def _response(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


LONGEST_HEAD = 8192


def protocol() -> Any:
    """One connection of the server: answers its requests one after the other, each after its time."""
    import asyncio

    class Connection(asyncio.Protocol):
        """What has come that is not answered yet, and the answer that waits for its time."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.received = b""
            self.answer: asyncio.TimerHandle | None = None

        def data_received(self, data: bytes) -> None:
            self.received += data
            if self.answer is None:
                self.next_request()

        def next_request(self) -> None:
            """Begin to answer what has come, if that is a whole request."""
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if end or len(head) > LONGEST_HEAD:
                self.received = rest
                seconds, response, keep = respond(head[:LONGEST_HEAD] if end else b"")
                self.answer = asyncio.get_running_loop().call_later(seconds, self.send, response, keep)

        def send(self, response: bytes, keep: bool) -> None:
            """The time has come."""
            self.answer = None
            self.transport.write(response)
            if keep:
                self.next_request()
            else:
                self.transport.close()

        def connection_lost(self, _: Exception | None) -> None:
            if self.answer is not None:
                self.answer.cancel()

    return Connection()


if __name__ == "__main__":
    pages = {name: number for name, (number, _, _) in VARIANTS.items()}
    sys.exit(main(workload_of(globals(), tasks=None, variants=pages, concurrency=CONCURRENCY, protocol=protocol)))
