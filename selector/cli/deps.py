"""The command deps: which dependencies stand in the way of free threads, subinterpreters and the event loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.completion import workload_files
from selector.cli.measure import teller
from selector.cli.shared import file_or_example, format_option, print_as, print_json, rules_option, say, set_option
from selector.cli.target import function_options, request_of

if TYPE_CHECKING:
    from selector.pipeline import Selector
    from selector.readiness import DepsReport
    from selector.workload.profile import WorkloadProfile

_BLOCKED = 3
_GOALS = ("free_threading", "subinterpreters", "loop")


@click.command(epilog="Example: concurrency-selector deps -r requirements.txt --workload workload.json")
@click.argument("project", required=False, metavar="[PROJECT]")
@click.option(
    "-r", "--requirement", "files", multiple=True, metavar="FILE", help="A requirements file; again for each."
)
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Also this group or extra of pyproject.toml.")
@click.option(
    "--interpreter",
    "interpreters",
    multiple=True,
    metavar="VERSION|PATH",
    help="A build to check: a Python or an environment of it; again for each (default: the free-threaded ones found here).",
)
@click.option(
    "--workload",
    metavar="FILE",
    shell_complete=workload_files,
    callback=file_or_example,
    help="What would it gain this workload: a file as `recommend` takes it.",
)
@set_option
@click.option("--offline", is_flag=True, help="Ask no index what can be installed.")
@click.option("--fresh", is_flag=True, help="Look at everything anew, whatever is known from before.")
@click.option(
    "--fail-on",
    "fail_on",
    multiple=True,
    type=click.Choice(_GOALS),
    help="Exit code 3 where something is known to stand in the way of that; again for each.",
)
@function_options
@format_option
@rules_option
@click.pass_obj
def deps(
    outer_rules: Path | None,
    /,
    project: str | None,
    files: tuple[str, ...],
    groups: tuple[str, ...],
    interpreters: tuple[str, ...],
    workload: str | None,
    settings: tuple[str, ...],
    fail_on: tuple[str, ...],
    form: str,
    rules: Path | None,
    **named: Any,
) -> int:
    """Which dependencies stand in the way of free threads, subinterpreters and the event loop.

    PROJECT is a folder with pyproject.toml, a lock (uv, poetry, pdm) or requirements.txt; default: this one. --python
    alone checks all that is installed for it.

    EVERY PACKAGE IS REALLY IMPORTED, in child processes of each Python that has it, with a time limit: its code runs.
    Nothing is installed. With --workload or --function it also says what would be gained if all were ready.
    """
    from selector.pipeline import Selector
    from selector.readiness import check_dependencies
    from selector.readiness.request import request_of as request_for

    if workload is not None and named["function"] is not None:
        raise click.UsageError("--workload and --function both say what the work is: give one.")
    how = {name: named.pop(name) for name in ("offline", "fresh")}
    request = request_for(
        project,
        files=files,
        groups=groups,
        python=named["python"],
        interpreters=interpreters,
        loop="loop" in fail_on,
        **how,
    )
    selector = Selector(rules or outer_rules)
    profile = _work(workload, settings, interpreters, named, selector)
    report = check_dependencies(request, _tell, selector.knowledge.folders)
    if profile is not None:
        from selector.readiness.worth import with_worth

        report = with_worth(report, profile, selector)
    _show(report, form)
    return _BLOCKED if any(report.blocks(goal) for goal in _GOALS if goal in fail_on) else 0  # type: ignore[arg-type]


def _tell(step: str) -> None:
    say(f"  {step} ...", err=True)


def _work(
    workload: str | None,
    settings: tuple[str, ...],
    interpreters: tuple[str, ...],
    named: dict[str, Any],
    selector: Selector,
) -> WorkloadProfile | None:
    """The work whose gain is asked for: of a file, or of a function, which is measured first."""
    from selector.measure import measure_function
    from selector.workload.reading import read_profile

    if named["function"] is None:
        request_of({**named, "python": None}, (), (), None, ())  # its other options say something of none
        return None if workload is None and not settings else read_profile(workload, settings)

    request = request_of(dict(named), interpreters, settings, None, ())
    assert request is not None
    say(f"measuring {request.target}: it is really called", err=True)
    return measure_function(request, selector, teller()).known_profile()


def _show(report: DepsReport, form: str) -> None:
    if form == "json":
        print_json(report.model_dump_json(indent=2, by_alias=True))
        return
    from selector.report.readiness import readiness_document

    print_as(readiness_document(report), form)
