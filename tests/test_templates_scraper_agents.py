"""The templates for a web scraper and for agents: run as they lie, and their parts one by one."""

from __future__ import annotations

import asyncio
import html
import importlib
import json
import pickle
import signal
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports a template afresh; nothing of it stays."""
    monkeypatch.syspath_prepend(str(TEMPLATES))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(TEMPLATES)):
            del sys.modules[name]


@pytest.fixture
def scraper(load: Callable[[str], Any]) -> Any:
    return load("web_scraper")


@pytest.fixture
def agents(load: Callable[[str], Any]) -> Any:
    return load("agents")


# As they lie ----------------------------------------------------------------------------------------------------------


def first_cells(template: str, *options: str) -> list[dict[str, Any]]:
    """Run a template until everything has been measured once, then interrupt it; the cells until then."""
    command = [sys.executable, str(TEMPLATES / template), "--json", "--budget", "90", *options]
    cells: list[dict[str, Any]] = []
    missing: set[int] | None = None
    ended: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for event in map(json.loads, process.stdout):
            if event["event"] == "plan":
                missing = {arm["arm"] for arm in event["arms"]}
            elif event["event"] == "cell" and missing:
                cells.append(event)
                missing.discard(event["arm"])
                if not missing:
                    process.send_signal(signal.SIGTERM)
            elif event["event"] == "end":
                ended = event
    assert ended["reason"] == "interrupted", ended
    assert process.returncode == 130
    return cells


def results(cells: list[dict[str, Any]]) -> dict[str, set[str]]:
    """For each variant, the approaches that were measured; each of them went well and came to the same results."""
    assert [(cell["approach"], cell["reason"]) for cell in cells if cell["status"] != "ok"] == []
    variants = {cell["variant"] for cell in cells}
    checksums = {(cell["variant"], cell["checksum"]) for cell in cells}
    assert len(checksums) == len(variants), checksums
    return {variant: {cell["approach"] for cell in cells if cell["variant"] == variant} for variant in variants}


SCRAPERS = {"single_threaded", "asyncio", "asyncio_threads", "asyncio_processes"}


@pytest.mark.parametrize("waiting", ["socket", "sleep"])
def test_the_scraper_runs_as_it_lies(waiting: str) -> None:
    measured = results(first_cells("web_scraper.py", "--tasks", "4", "--io", waiting))
    assert measured == {"balanced": SCRAPERS, "unbalanced": SCRAPERS}


def test_the_agents_run_as_they_lie() -> None:
    expected = {"single_threaded", "asyncio", "threads", "multiprocessing"}
    if sys.version_info >= (3, 14):
        expected.add("subinterpreters")
    measured = results(first_cells("agents.py", "--tasks", "8"))
    assert measured == dict.fromkeys(("none", "disjoint", "hot"), expected)


@pytest.mark.parametrize(
    ("template", "approach"), [("agents.py", "free_threaded"), ("web_scraper.py", "asyncio_free_threaded")]
)
def test_results_without_the_gil_are_the_same(needs: Callable[[str], str], template: str, approach: str) -> None:
    options = ["--tasks", "8", "--approach", approach, "--interpreter", needs("3.13t")]
    cells = first_cells(template, *options, "--interpreter", sys.executable)
    for measured in results(cells).values():
        assert measured == {"single_threaded", approach}
    assert {cell["gil_enabled"] for cell in cells if cell["approach"] == approach} == {False}


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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


# Agents ---------------------------------------------------------------------------------------------------------------

VARIANTS = ("none", "disjoint", "hot")
AGENTS = 6
CLUES = 20  # not a multiple of CLUES_PER_UPDATE


def prepare(agents: Any, variant: str, shares_memory: bool = True) -> None:
    """As a fresh process is."""
    agents.worker = agents._Process()
    agents.configure({"variant": variant, "shares_memory": shares_memory, "clues": CLUES})


def one_after_the_other(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)
    done = [agents.work(number) for number in range(AGENTS)]
    return done, agents.merge(done)


def in_threads(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(agents.work, range(AGENTS)))
    return done, agents.merge(done)


def taking_turns(agents: Any, variant: str) -> tuple[list[Any], Any]:
    prepare(agents, variant)

    async def run() -> list[Any]:
        return await asyncio.gather(*(agents.work_async(number) for number in range(AGENTS)))

    done = asyncio.run(run())
    return done, agents.merge(done)


def in_two_processes(agents: Any, variant: str) -> tuple[list[Any], Any]:
    done = []
    for numbers in (range(AGENTS // 2), range(AGENTS // 2, AGENTS)):
        prepare(agents, variant, shares_memory=False)
        done += [pickle.loads(pickle.dumps(agents.work(number))) for number in numbers]
    prepare(agents, variant, shares_memory=False)
    return done, agents.merge(done)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("run", [in_threads, taking_turns, in_two_processes])
def test_whoever_runs_the_agents_the_results_are_the_same(
    agents: Any, variant: str, run: Callable[[Any, str], Any]
) -> None:
    assert run(agents, variant) == one_after_the_other(agents, variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_agents_understand_every_clue_and_note_each_once(agents: Any, variant: str) -> None:
    done, state = one_after_the_other(agents, variant)
    clues = agents.STEPS * CLUES
    assert [(number, understood) for number, understood, _ in done] == [(n, clues) for n in range(AGENTS)]
    if variant == "none":
        assert state is None
        assert [sum(notes.values()) for *_, notes in done] == [clues] * AGENTS
    elif variant == "disjoint":
        assert {number: sum(notes.values()) for number, notes in state} == dict.fromkeys(range(AGENTS), clues)
    else:
        assert [hypothesis for hypothesis, _ in state] == list(range(agents.HYPOTHESES))
        assert sum(count for _, count in state) == AGENTS * clues


def test_the_variants_lead_to_the_same_notes(agents: Any) -> None:
    (own, _), (_, board), (_, beliefs) = (one_after_the_other(agents, variant) for variant in VARIANTS)
    assert [notes for *_, notes in own] == [notes for _, notes in board]
    assert dict(beliefs) == {
        hypothesis: sum(notes.get(hypothesis, 0) for _, notes in board) for hypothesis in range(agents.HYPOTHESES)
    }


def test_agents_on_an_event_loop_take_turns(agents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(agents, "none")
    steps: list[int] = []
    monkeypatch.setattr(agents.Agent, "step", lambda agent: steps.append(agent.number))

    async def run() -> None:
        await asyncio.gather(*(agents.work_async(number) for number in range(3)))

    asyncio.run(run())
    assert steps == [0, 1, 2] * agents.STEPS


def test_calibration_finds_clues_for_a_step(agents: Any) -> None:
    prepare(agents, "hot")
    assert agents.calibrate()["clues"] >= 1
