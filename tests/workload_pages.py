"""The documentation pages of the classes of work, made from the tables: docs/workloads/, which a test holds to them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from selector.pipeline import Selector
from selector.recommend.facts import HostFacts
from selector.report.blocks import Document
from selector.report.markdown import render_markdown
from selector.report.workloads import class_data, class_document, classes_data, classes_of

#: The machine that the pages show: no free-threaded build on it.
HOST = HostFacts("linux", 4, (("3.13", "/usr/bin/python3.13"), ("3.14", "/usr/bin/python3.14")))
_MADE = "<!-- made by `UPDATE_GOLDEN=1 pytest tests/test_workload_pages.py` -->"
_TABLES = ", ".join(f"[{name}](../tables/{name}.md)" for name in ("classify", "strategy", "wrong_turns", "eligibility"))


@cache
def ours() -> Selector:
    return Selector(host=HOST)


def names() -> tuple[str, ...]:
    return classes_of(ours().knowledge.tables["classify"])


@cache
def class_page(name: str) -> str:
    """The page as Markdown: what `rules show NAME` prints, on a machine with four CPUs and documented costs."""
    data = class_data(name, ours())
    first, *others = class_document(data).sections
    about = (
        f"[All classes](README.md). Made from the rows of {_TABLES}; figures are predicted from documented costs, for"
        f" the CPUs that the example names. In a terminal: `concurrency-selector rules show {name}`."
    )
    body = render_markdown(Document((replace(first, title="When it applies"), *others)))
    return "\n\n".join([f"# {data['title']}", _MADE, about, body])


def index_page() -> str:
    """The list of the classes, in the order that `classify` gives them."""
    rows = [f"| [`{name}`]({name}.md) | {title} |" for name, title in classes_data(names()).items()]
    about = (
        "What kind of work a workload is decides nearly everything. A page for each kind: when it applies, what is"
        " recommended and why, what the others would cost, and what to run to see it."
    )
    asked = "Which class a workload is of is the first thing that `recommend` says as a reason, and `workload_class` in its JSON."
    return "\n\n".join(
        ["# Classes of work", _MADE, about, asked, "\n".join(["| class | what it is |", "|---|---|", *rows]) + "\n"]
    )
