"""The pictures of the first page are of what was really measured, as this version tells it: `make pictures` renews them."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

import pytest
from pages import ROOT
from pages_read import check_it_stands_alone
from pictures import (
    PAGE,
    PICTURE,
    SESSION,
    digest,
    drawn,
    measured,
    page_of,
    photographed,
    proved,
    report_page,
    session,
)

pytestmark = pytest.mark.one_python
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
RENEW = "`make pictures` makes it again"
MOST_SVG_BYTES, MOST_PNG_BYTES = 90_000, 150_000


def words_of(svg: str) -> list[str]:
    return html.unescape(" ".join(re.findall(r">([^<>]+)</text>", svg))).split()


def test_what_the_first_page_says_of_the_session_was_measured() -> None:
    result = measured().recommendation
    assert result is not None and result.approach == proved().recommended == "threads"
    assert proved().verdict in ("confirmed", "tie")  # nothing is faster
    memory = {m.approach: m.peak_memory_mb for m in proved().measurements if m.role != "scaling"}
    assert memory["threads"] is not None and memory["multiprocessing"] is not None
    assert memory["threads"] < memory["multiprocessing"]
    assert measured().target == proved().profile.name == "slow.py:protect"


def test_the_session_is_what_the_commands_print_of_it() -> None:
    if UPDATE:
        SESSION.write_text(drawn(session(color=True), "slow.py:protect"), encoding="utf-8")
    svg = SESSION.read_text("utf-8")
    assert words_of(svg) == ["slow.py:protect", *session(color=False).split()], RENEW
    assert len(svg.encode()) < MOST_SVG_BYTES
    assert "@font-face" not in svg and re.findall(r"url\((?!#)[^)]*\)", svg) == []


def test_the_page_is_the_report_of_it() -> None:
    if UPDATE:
        PAGE.write_text(report_page(), encoding="utf-8")
    assert PAGE.read_text("utf-8") == report_page(), RENEW
    check_it_stands_alone(PAGE.read_text("utf-8"))


def test_the_picture_is_of_that_page() -> None:
    if UPDATE:
        PICTURE.write_bytes(photographed(PAGE))
    assert page_of(PICTURE) == digest(PAGE), RENEW
    assert PICTURE.stat().st_size < MOST_PNG_BYTES


def test_a_picture_of_another_page_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE.read_text("utf-8").replace("threads", "processes"), encoding="utf-8")
    assert page_of(PICTURE) != digest(page)


def test_the_first_page_shows_them() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [ROOT / path for path in shown] == [PICTURE, SESSION]
