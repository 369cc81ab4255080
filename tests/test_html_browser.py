"""Pages in a real Chromium: light, dark, on a phone and printed; nothing is asked for, nothing complained of, all is named."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_html import HOSTILE, everything, page_of
from todo_comparison import hostile, make_comparison
from todo_comparison import page_of as page_of_todo
from todo_program import modules

from selector.report.html import render_html

pytestmark = [pytest.mark.slow, pytest.mark.one_python, pytest.mark.usefixtures("plain_environment")]

#: Where `npm install axe-core` has put it; without it that one test is skipped.
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
WIDE, PHONE = (1000, 900), (360, 740)
#: What sticks out of the page to the right, but for what scrolls by itself, and letters that are cut.
STICKS_OUT = """
return [...document.querySelectorAll('main *')].filter(e => !e.closest('.wide') && !e.closest('pre')
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + ' ' + e.className)
"""

#: Words of a picture that stand outside of it.
CUT = """
return [...document.querySelectorAll('svg')].flatMap(s => { const box = s.getBoundingClientRect();
  return [...s.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();
    return r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1 }).map(t => t.textContent) })
"""
TODO = ("todo-drawn", "todo-alone", "todo-drawn-hostile", "todo-alone-hostile")
NO_PICTURES = ("todo-alone", "todo-alone-hostile")


@pytest.fixture(scope="module")
def todo_pages() -> dict[str, str]:
    """Pages of the todo batch system: drawn by us, and by itself alone; of a usual comparison and a hostile one."""
    found = {}
    with contextlib.contextmanager(modules)() as todo, pytest.MonkeyPatch.context() as patch:
        for way in ("drawn", "alone"):
            found[f"todo-{way}"] = page_of_todo(todo, make_comparison(todo))
            found[f"todo-{way}-hostile"] = page_of_todo(todo, hostile(todo))
            patch.setitem(sys.modules, "selector.report.html", None)
    return found


def _missing(what: str) -> None:
    reason = f"{what} is needed, and not here"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window, that writes down what it asks for and what it complains of."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        _missing("Debian's chromium and chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def opened(browser: Any, text: str, folder: Path, size: tuple[int, int] = WIDE, scheme: str = "light") -> list[str]:
    """Open a page; gives what it asked for beside itself, and what was said on the console."""
    file = folder / "page.html"
    file.write_text(text, "utf-8")
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get("about:blank")
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(file.as_uri())
    told = [entry["message"] for entry in browser.get_log("browser")]
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            told.append(event["params"]["request"]["url"])
    return [each for each in told if each not in (file.as_uri(), "data:,")]


def paper(browser: Any) -> str:
    return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))


@pytest.mark.parametrize(
    "name", ["confirmed-cpu", "refuted-failures", "recommend", "measure", "system", "system-tried", *TODO]
)
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
def test_a_page_asks_for_nothing_and_is_not_cut(
    browser: Any, todo_pages: dict[str, str], tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    assert opened(browser, todo_pages.get(name) or page_of(name), tmp_path, size) == []
    assert browser.execute_script(STICKS_OUT) == []
    assert browser.execute_script(CUT) == []
    heights = browser.execute_script(
        "return [...document.querySelectorAll('svg text')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(heights, default=99) >= 10  # pixels: words in pictures are as large on a phone
    assert bool(heights) == (name not in NO_PICTURES)


def test_names_of_workers_stand_beside_their_lanes(browser: Any, tmp_path: Path) -> None:
    opened(browser, page_of("confirmed-cpu"), tmp_path, PHONE)
    lanes = browser.execute_script(
        "return [...document.querySelectorAll('svg')].filter(s => s.querySelector('.idle')).map(s =>"
        " [s.querySelector('text'), s.querySelector('.idle')].map(e => e.getBoundingClientRect()).map(r => [r.left, r.right]))"
    )
    assert len(lanes) == 2 and all(name[1] < lane[0] for name, lane in lanes)


def test_light_and_dark_follow_the_reader(browser: Any, tmp_path: Path) -> None:
    opened(browser, page_of("confirmed-cpu"), tmp_path)
    assert paper(browser) == "rgb(255, 255, 255)"
    opened(browser, page_of("confirmed-cpu"), tmp_path, scheme="dark")
    assert paper(browser) == "rgb(20, 24, 29)"
    colours = browser.execute_script(
        "return ['text', '.fill1', '.grid'].map(q => { const s = getComputedStyle(document.querySelector('svg ' + q));"
        " return [s.fill, s.stroke] })"
    )
    assert colours[0][0] == "rgb(230, 233, 237)" and colours[1][0] == "rgb(108, 176, 238)"


def test_it_prints_dark_on_white(browser: Any, tmp_path: Path) -> None:
    opened(browser, page_of("confirmed-cpu"), tmp_path, scheme="dark")
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF") and len(printed) > 10_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert paper(browser) == "rgb(255, 255, 255)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("text", [HOSTILE, "n" * 10_000], ids=["hostile", "long"])
def test_hostile_text_does_nothing(browser: Any, tmp_path: Path, text: str) -> None:
    page = render_html(everything(text), text, json.dumps({"name": text}))
    assert opened(browser, page, tmp_path, PHONE) == []
    assert browser.execute_script("return [document.images.length, document.scripts.length]") == [0, 1]
    assert browser.execute_script(STICKS_OUT) == []


@pytest.mark.parametrize("name", ["confirmed-cpu", "recommend", "measure", "system-tried", *TODO])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Any, todo_pages: dict[str, str], tmp_path: Path, name: str, scheme: str
) -> None:
    if not AXE.is_file():
        _missing(f"axe-core ({AXE}, by `npm install axe-core`, or $AXE_CORE)")
    opened(browser, todo_pages.get(name) or page_of(name), tmp_path, scheme=scheme)
    browser.execute_script(AXE.read_text("utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in serious] == []
    assert len(found["passes"]) > 10
