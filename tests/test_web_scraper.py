"""The template for a web scraper: run as it lies, and its parts one by one."""

from __future__ import annotations

import asyncio
import html
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from benchmark_scripts import first_cells, results
from hypothesis import given, settings
from hypothesis import strategies as st
from template_modules import child_of, template_module


@pytest.fixture(scope="module")
def scraper() -> Iterator[ModuleType]:
    with template_module("web_scraper") as module:
        yield module


# As it lies -----------------------------------------------------------------------------------------------------------

SCRAPERS = {"single_threaded", "asyncio", "asyncio_threads", "asyncio_processes"}


@pytest.mark.slow
@pytest.mark.parametrize("waiting", ["socket", "sleep"])
def test_the_scraper_runs_as_it_lies(waiting: str) -> None:
    measured = results(first_cells("web_scraper.py", "--tasks", "4", "--io", waiting))
    assert measured == {"balanced": SCRAPERS, "unbalanced": SCRAPERS}


@pytest.mark.slow
def test_results_without_the_gil_are_the_same(needs: Callable[[str], str]) -> None:
    options = ["--tasks", "8", "--approach", "asyncio_free_threaded", "--interpreter", needs("3.13t")]
    cells = first_cells("web_scraper.py", *options, "--interpreter", sys.executable)
    for measured in results(cells).values():
        assert measured == {"single_threaded", "asyncio_free_threaded"}
    assert {cell["gil_enabled"] for cell in cells if cell["approach"] == "asyncio_free_threaded"} == {False}


def test_approaches_in_this_process_come_to_the_same(scraper: Any) -> None:
    measure = child_of(scraper)
    for variant in scraper.VARIANTS:
        settings = {"variant": variant, "io": "sleep", "port": 0, "passes": 1}
        found = {name: measure(name, settings, tasks=2) for name in ("single_threaded", "asyncio", "asyncio_threads")}
        assert len({(answer["checksum"], answer["state_checksum"]) for answer in found.values()}) == 1, variant


# The server of the scraper --------------------------------------------------------------------------------------------


def serve(scraper: Any, use: Callable[[int], Awaitable[Any]]) -> Any:
    """What `use` returns, given the port of a server."""

    async def run() -> Any:
        server = await asyncio.get_running_loop().create_server(scraper.protocol, "127.0.0.1", 0)
        async with server:
            return await use(server.sockets[0].getsockname()[1])

    return asyncio.run(run())


def exchange(scraper: Any, *pieces: bytes) -> bytes:
    """Send the pieces, one after the other, and return all that comes until the server closes the connection."""

    async def use(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.005)
        answer = await reader.read()
        writer.close()
        return answer

    answer = serve(scraper, use)
    assert isinstance(answer, bytes)
    return answer


def parse(answer: bytes) -> list[tuple[str, bytes]]:
    """The status and the body of each response."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        length = int(dict(field.split(": ") for field in fields)["Content-Length"])
        found.append((status.removeprefix("HTTP/1.1 "), rest[:length]))
        answer = rest[length:]
    return found


LAST = b" HTTP/1.1\r\nConnection: close\r\n\r\n"


def test_a_pipelined_pair_is_answered_in_its_order(scraper: Any) -> None:
    answer = exchange(scraper, b"GET /page/1?ms=30 HTTP/1.1\r\nHost: x\r\n\r\nGET /page/2?ms=0" + LAST)
    assert parse(answer) == [("200 OK", scraper.page(1)), ("200 OK", scraper.page(2))]


def test_a_request_may_come_in_pieces_and_during_another(scraper: Any) -> None:
    answer = exchange(scraper, b"GET /pa", b"ge/1?ms=20 HTTP/1.1\r\n\r", b"\nGET /page/2?ms=0.5 HT", LAST[3:])
    assert parse(answer) == [("200 OK", scraper.page(1)), ("200 OK", scraper.page(2))]


@pytest.mark.parametrize(
    "target", ["/", "/page/1", "/page/x?ms=0", "/page/-1?ms=0", "/page/1?ms=nan", "/page/1?ms=-1", "/page/1?ms=1&a=b"]
)
def test_what_is_not_there_is_404_and_the_connection_stays(scraper: Any, target: str) -> None:
    answer = exchange(scraper, f"GET {target} HTTP/1.1\r\n\r\n".encode(), b"GET /page/7?ms=0" + LAST)
    assert [status for status, _ in parse(answer)] == ["404 Not Found", "200 OK"]


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"\r\n\r\n",
        b"GET /page/1?ms=0\r\n\r\n",
        b"GET /page/1?ms=0 HTTP/2\r\n\r\n",
        b"GET /page/1?ms=0 HTTP/1.10\r\n\r\n",
        b"POST /page/1?ms=0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /page/1?ms=0 HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
        b"GET /" + b"x" * 9000,
        b"\xff\x00\r\n\r\n",
    ],
)
def test_what_is_no_request_is_400_and_the_connection_ends(scraper: Any, request_: bytes) -> None:
    answer = exchange(scraper, request_ + b"GET /page/1?ms=0 HTTP/1.1\r\n\r\n")
    assert [status for status, _ in parse(answer)] == ["400 Bad Request"]


def test_the_old_protocol_closes_after_a_page(scraper: Any) -> None:
    seconds, response, keep = scraper.respond(b"GET /page/3?ms=12.5 HTTP/1.0\r\nHost: x")
    assert (seconds, keep) == (0.0125, False)
    assert parse(response) == [("200 OK", scraper.page(3))]


def test_a_client_may_leave_before_the_answer(scraper: Any) -> None:
    problems: list[Any] = []

    async def use(port: int) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /page/1?ms=20 HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.005)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.03)

    serve(scraper, use)
    assert problems == []


# The clients ----------------------------------------------------------------------------------------------------------


def configure(scraper: Any, port: int = 0, io: str = "socket") -> None:
    scraper.configure({"variant": "unbalanced", "io": io, "port": port, "passes": 1})


def test_both_clients_get_the_page_and_use_their_connection_again(scraper: Any) -> None:
    def fetch_two() -> list[bytes]:
        pages, sockets = [], []
        for number in (1, 2):
            pages.append(scraper.fetch(number))
            sockets.append(scraper.thread.connection.sock)
        assert sockets[0] is sockets[1] is not None
        scraper.thread.connection.close()
        return pages

    async def use(port: int) -> list[bytes]:
        configure(scraper, port)
        with ThreadPoolExecutor(1) as pool:
            loop = asyncio.get_running_loop()
            blocking = await loop.run_in_executor(pool, fetch_two)
        pages = [await scraper.fetch_async(3), await scraper.fetch_async(4)]
        assert len(scraper.worker.connections) == 1
        pages += await asyncio.gather(scraper.fetch_async(5), scraper.fetch_async(6))
        assert len(scraper.worker.connections) == 2
        await scraper.close_async()
        assert scraper.worker.connections == []
        return [*blocking, *pages]

    assert serve(scraper, use) == [scraper.page(number) for number in range(1, 7)]


def test_both_clients_complain_about_another_status(scraper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraper, "path_of", lambda number: f"/nothing/{number}")

    async def use(port: int) -> None:
        configure(scraper, port)
        with pytest.raises(ConnectionError, match=r"page 8: b'HTTP/1\.1 404"):
            await scraper.fetch_async(8)
        with pytest.raises(ConnectionError, match="page 9: 404"):
            await asyncio.get_running_loop().run_in_executor(None, fetch_and_close)

    def fetch_and_close() -> None:
        try:
            scraper.fetch(9)
        finally:
            scraper.thread.connection.close()

    serve(scraper, use)


def test_sleeping_gives_the_same_page(scraper: Any) -> None:
    configure(scraper, io="sleep")
    assert scraper.fetch(5) == asyncio.run(scraper.fetch_async(5)) == scraper.page(5)
    assert asyncio.run(scraper.work_async(5)) == scraper.work(5)


# Pages and what is in them --------------------------------------------------------------------------------------------


def test_the_text_of_a_page_is_what_a_reader_sees(scraper: Any) -> None:
    configure(scraper)
    page = """<title>One</title><style>p { color: red }</style><script>if (a < b) hide("<p>")</script>
        <p>two &amp;\n\t three<b>four</b> <a href="/x">five</a> <a name="y">six</a> <!-- seven --></p>"""
    seen = "One two & threefour five six"
    assert scraper.extract(3, page.encode()) == (3, 6, 1, zlib.crc32(seen.encode()))


@settings(max_examples=30)
@given(st.text())
def test_any_text_comes_out_again_with_single_spaces(scraper: Any, text: str) -> None:
    configure(scraper)
    words = text.split()
    page = f"<p>{html.escape(text)}</p>".encode()
    assert scraper.extract(0, page) == (0, len(words), 0, zlib.crc32(" ".join(words).encode()))


def test_passes_change_the_time_only(scraper: Any) -> None:
    configure(scraper)
    once = scraper.extract(1, scraper.page(1))
    scraper.configure({**scraper.worker.settings, "passes": 3})
    assert scraper.extract(1, scraper.page(1)) == once


def test_pages_differ_and_have_the_size_they_should(scraper: Any) -> None:
    configure(scraper)
    found = [scraper.extract(number, scraper.page(number)) for number in range(2 * scraper.ARTICLES)]
    assert len({checksum for *_, checksum in found}) == len(found)
    for number in range(2 * scraper.ARTICLES):
        page = scraper.page(number)
        assert page == scraper.page(number)
        assert scraper.PAGE_KB <= len(page) / 1000 <= scraper.PAGE_KB * 1.1
    assert scraper.merge(found) == (sum(words for _, words, *_ in found), sum(links for *_, links, _ in found))


def test_the_variants_are_those_of_the_lesson(scraper: Any) -> None:
    pages, fetch_ms, extract_ms = scraper.VARIANTS["balanced"]
    assert (pages, fetch_ms, extract_ms) == (100, 1000, 500)
    pages, fetch_ms, extract_ms = scraper.VARIANTS["unbalanced"]
    assert (pages, pages * fetch_ms, pages * extract_ms, pages * scraper.PAGE_KB) == (1000, 5000, 1000, 50_000)
    for variant, scale in (("balanced", scraper.SCALE["balanced"]), ("unbalanced", 1.0)):
        scraper.configure({"variant": variant})
        _, fetch_ms, extract_ms = scraper.VARIANTS[variant]
        assert scraper.times_ms() == (fetch_ms * scale, extract_ms * scale)
        assert scraper.path_of(4) == f"/page/4?ms={fetch_ms * scale:g}"
        assert scraper.calibrate()["passes"] >= 1
