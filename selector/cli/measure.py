"""The command that measures a user's own function: what it is like, and which approach that recommends."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import format_option, print_as, print_json, print_page, rules_option, say, set_option
from selector.cli.target import check_quoted, stray_words
from selector.errors import SelectorError

if TYPE_CHECKING:
    from selector.measure.models import MeasureReport, Request
    from selector.pipeline import Selector

_FAILED = 1
_STEPS = {
    "import": "importing its module",
    "items": "making its items",
    "setup": "the set-up",
    "first call": "the first call",
    "solo": "calls one after the other",
    "globals": "what calls write",
    "held": "the GIL, from outside",
    "probe": "the GIL, beside calls",
    "two threads": "two threads",
    "loop": "the event loop",
    "audit": "what it waits for",
}


@click.command(
    epilog="Example: concurrency-selector measure resize.py:thumbnail --items 'photos/*.jpg' -o measured.json"
)
@click.argument("target", metavar="TARGET")
@stray_words
@click.option(
    "--items",
    metavar="SOURCE",
    help="What it is called with, one at a time: module:name or file.py:name, FILE.json, .jsonl, .csv (rows as dicts) or"
    " .txt (lines), a quoted glob, a number N (0 to N-1), or - (JSON lines); without it, it is called with no argument.",
)
@click.option("--setup", metavar="TARGET", help="The costly start, called once in each process before the calls.")
@click.option("--async-function", metavar="TARGET", help="Its asynchronous twin, so that an event loop can be meant.")
@click.option(
    "--python",
    metavar="PATH",
    help="The Python that has its dependencies (default: the active environment's, the project's .venv, python3 on PATH).",
)
@click.option(
    "--interpreter",
    "interpreters",
    multiple=True,
    metavar="PATH",
    help="A further Python to try it under; again for each; that of --python means no other (default: the free-threaded ones found here, and for one before 3.14 newer ones).",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the profile to this file.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--full", is_flag=True, help="Below the summary, the reasons, all alternatives and what would change it.")
@click.option("--budget", default="20s", show_default=True, metavar="TIME", help="Time for the whole.")
@set_option
@format_option
@rules_option
@click.pass_obj
def measure(
    outer_rules: Path | None,
    /,
    target: str,
    unquoted: tuple[str, ...],
    output: Path | None,
    force: bool,
    budget: str,
    form: str,
    full: bool,
    rules: Path | None,
    **named: Any,
) -> int:
    """Measure your own function, and recommend an approach for it.

    TARGET is package.module:function or path/file.py:function.

    THE FUNCTION IS REALLY CALLED: some 30 times if a call takes a second, thousands of times if it takes a millisecond,
    millions if it takes a microsecond, also in two threads at once and in several processes and Pythons. What it does
    happens each time: files are written, requests sent, mails sent. Name a function and items for which that does no harm.

    It runs in child processes of your Python, with a time limit for each call and for the whole; what it prints is
    dropped. Exit code 1 says that it could not be measured, and the problem why.
    """
    begun = time.monotonic()  # importing what follows takes some of the budget
    from selector.benchmark.budget import budget_from_text
    from selector.measure import measure_function
    from selector.measure.request import request_from
    from selector.pipeline import Selector

    check_quoted(named["items"], unquoted)
    request = request_from(target, budget_seconds=budget_from_text(budget), **named)
    if output is not None:
        _check_output(output, force)
    _announce(request)
    selector = Selector(rules or outer_rules)
    report = measure_function(request, selector, teller(begun + request.budget_seconds), begun)
    if form == "html":
        _show_page(report, proof_command(request, output), selector)
    _show(report, proof_command(request, output), request, form, whole=full or form != "text")
    if output is not None and report.profile is not None:
        _write_profile(report, output, force)
    _raise_own_faults(report)
    return 0 if report.complete else report.exit_code


class _ProbeFaultError(Exception):
    """What went wrong in a child of this tool: its traceback."""


def _raise_own_faults(report: MeasureReport) -> None:
    """SelectorError where nothing was measured by a fault of this tool; its cause, which --debug shows, is what the child said."""
    for problem in report.problems:
        if problem.kind == "probe_fails" and not report.complete:
            hint = "run it again with --debug and report it"
            raise SelectorError(problem.text, hint, _FAILED) from _ProbeFaultError(f"\n{problem.traceback}")


def _check_output(output: Path, force: bool) -> None:
    """SelectorError where the profile could not be written, before seconds are spent on it."""
    from selector.files import refuse_existing, refuse_special

    refuse_special(output, "name a file, for example workload.json")
    if output.is_dir():
        raise SelectorError(f"{output}: this is a folder", "name a file, for example workload.json")
    refuse_existing(output, force)
    if not output.absolute().parent.is_dir():
        raise SelectorError(f"{output}: there is no folder {output.parent}", "make it first, or name another")


def _announce(request: Request) -> None:
    """What is going to happen, before it does."""
    with_items = f" with items from {request.items.text}" if request.items is not None else " without an argument"
    if request.items is not None and request.items.kind == "number":
        with_items = f" with the numbers below {request.items.text}"
    say(
        f"measuring {request.target}{with_items}: it is really called, for some {request.budget_seconds * 0.5:.0f} s of"
        f" {request.budget_seconds:.0f} s at most (about 30 calls of a second, or 5,000 of a millisecond), in child"
        f" processes of {request.python}",
        err=True,
    )


def teller(ends: float | None = None) -> Callable[[str], None]:
    """Says each step once, with the time that is left until `ends` (of the monotonic clock), where that is known."""
    told: set[str] = set()

    def tell(step: str) -> None:
        """A line for a step that people understand."""
        if step not in told and step not in ("done", "pickle", "start"):
            told.add(step)
            left = f" (at most {max(ends - time.monotonic(), 0):.0f} s left)" if ends is not None else ""
            say(f"  {_STEPS.get(step, step)} ...{left}", err=True)

    return tell


def _show(report: MeasureReport, proof: str, request: Request, form: str, *, whole: bool) -> None:
    """The report on standard output; a function that cannot be measured is told on standard error, too, as an error is."""
    if form == "json":
        print_json(report.model_dump_json(indent=2, by_alias=True))
    elif report.profile is not None and form != "html":
        from selector.report.measure import measure_document

        print_as(measure_document(report, proof, whole=whole), form)
    if not report.complete:
        for problem in [each for each in report.problems if each.kind != "probe_fails"]:
            about = (
                "" if problem.text.startswith("--") or str(request.target) in problem.text else f"{request.target}: "
            )
            say(f"error: {about}{problem.text}", err=True)
    elif form == "json":
        for problem in report.problems:
            say(f"warning: {problem.text}", err=True)


def _show_page(report: MeasureReport, proof: str, selector: Selector) -> None:
    """The report as a page, also that of a function which cannot be measured: it says why."""
    from selector.report.pages import measure_page

    result = report.recommendation
    page = measure_page(report, proof, selector.explain(result.profile) if result is not None else None)
    print_page(page, report.target, report.model_dump_json())


def proof_command(request: Request, output: Path | None) -> str:
    """The command that puts the recommendation to the test, on the function itself; with the profile, if it is kept."""
    words = ["concurrency-selector", "validate", *([str(output)] if output is not None else [])]
    words += ["--function", str(request.target)]
    if request.items is not None and request.items.kind != "stdin":
        words += ["--items", request.items.text]
    if request.setup is not None:
        words += ["--setup", str(request.setup)]
    if request.async_function is not None:
        words += ["--async-function", str(request.async_function)]
    if request.python.why == "as given":
        words += ["--python", request.python.path]
    if request.interpreters is not None:  # none but its own: that is said by naming it once more
        words += [word for each in request.interpreters or (request.python,) for word in ("--interpreter", each.path)]
    return shlex.join(words)


def _write_profile(report: MeasureReport, output: Path, force: bool) -> None:
    """The profile as a workload file."""
    from selector.files import write_script

    assert report.profile is not None
    write_script(json.dumps(report.profile.given(), indent=2) + "\n", output, force)
    say(f"{output}: the profile; `concurrency-selector recommend {shlex.quote(str(output))}` reads it", err=True)
