"""HTML pages, read for tests: their elements, and what is wrong with a page that should stand alone."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from selector.report.html import DATA_ID, MOST_BYTES, data_of

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_EMPTY = {"meta", "link", "br", "hr", "img", "input"}
_OF_PAGES = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "h1", "h2", "p", "section", "dl", "dt", "dd", "ul",
    "ol", "li", "div", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "figure", "figcaption", "script",
    "svg", "desc", "g", "path", "line", "rect", "text", "polyline", "circle",
}  # fmt: skip


class Page(HTMLParser):
    """The elements of a page in order, (tag, attributes), the text in each kind, and the elements within each figure."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self.figures: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element that is opened is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "figure":
            self.figures.append([])
        elif "figure" in self._open:
            self.figures[-1].append(tag)
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.words.setdefault(self._open[-1], []).append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def headings(self) -> list[str]:
        return self.words.get("h2", [])


def check_it_stands_alone(text: str) -> Page:
    """No script, nothing loaded, small, named, and each picture beside a table of its figures."""
    page = Page(text)
    assert len(text.encode()) <= MOST_BYTES
    assert page.tags() <= _OF_PAGES
    policies = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [CSP]
    assert [a for a in page.all("script") if (a.get("type"), a.get("id")) != ("application/json", DATA_ID)] == []
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "background", "action"} & set(attributes), tag
        assert [name for name in attributes if name.startswith(("on", "xlink"))] == []
        assert attributes.get("href") in (None, "data:,")
    assert re.search(r"url\(|@import|expression\(", "".join(page.words["style"])) is None
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        assert set((attributes.get("aria-labelledby") or "").split()) <= set(ids)
    for figure in page.figures:
        assert figure.count("figcaption") == figure.count("table") == 1
    for svg in page.all("svg"):
        assert svg["role"] == "img" and len((svg["aria-labelledby"] or "").split()) == 2
    assert all(name.strip() for name in page.words.get("figcaption", []))
    return page


def embedded(text: str) -> object:
    """The JSON that is in a page."""
    found = data_of(text)
    assert found is not None
    return json.loads(found)
