"""What the commands do with a file that describes a system of several parts: recommend, generate, validate."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import INTERRUPTED, print_as, print_bytes, print_json, print_page, say

if TYPE_CHECKING:
    from selector.pipeline import Selector
    from selector.proof import BenchmarkOptions
    from selector.workload.system import SystemProfile

REFUTED = 3


def show_system(selector: Selector, system: SystemProfile, form: str, command: str, *, whole: bool) -> None:
    """Print the answer to a system; `command` is what puts it to the test."""
    from selector.report.system import system_document
    from selector.report.system_page import system_page
    from selector.system.answer import recommend_system

    result = recommend_system(selector, system)
    if form == "json":
        print_json(result.model_dump_json(indent=2))
    elif form == "html":
        print_page(system_page(result, command, whole=whole), result.name, result.model_dump_json())
    else:
        print_as(system_document(result, command, form=form, whole=whole), form)


def write_skeleton(
    selector: Selector, system: SystemProfile, options: BenchmarkOptions, output: str, force: bool
) -> None:
    """Write the skeleton of a system (to standard output for `-`), and say what it leaves out and how to run it."""
    from selector.files import write_script
    from selector.system.answer import answer_of, plan_system
    from selector.system.skeleton import main_python, skeleton_notes, skeleton_script

    refuse_options("The skeleton", interpreter=options.interpreters, seed=options.seed is not None)
    plan = plan_system(selector, system)
    answer = answer_of(plan, selector)
    text, tag = skeleton_script(plan, answer), main_python(answer.parts) or ""
    if output == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        write_script(text, Path(output), force)
    python = dict(selector.here.interpreters).get(tag)
    notes = [*skeleton_notes(answer), *([] if python else [f"It is meant for Python {tag}, which was not found here."])]
    for note in notes:
        say(f"note: {note}", err=True)
    script = "system.py" if output == "-" else f"./{output}" if output.startswith("-") else output
    saved = "standard output: save it as system.py and" if output == "-" else f"{output}:"
    say(f"{saved} run it with: {shlex.join([python or 'python', script])}", err=True)


def refuse_options(what: str, **given: Any) -> None:
    """UsageError for an option that means nothing for a system."""
    for name, value in given.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{what} of a system of several parts takes no {option}: leave it out.")


def try_out(
    selector: Selector, system: SystemProfile, options: BenchmarkOptions, form: str, *, fail_on_refuted: bool
) -> int:
    """Run the skeleton of a system here and print the verdict; returns the exit code."""
    from selector.benchmark.folders import write_text
    from selector.proof import interpreters_to_calibrate
    from selector.report.html import render_html
    from selector.report.markdown import render_markdown
    from selector.report.saved import page_title
    from selector.report.system import trial_document
    from selector.report.system_page import trial_page
    from selector.system.trial import try_system

    refuse_options("The trial", seed=options.seed is not None)
    asked = interpreters_to_calibrate(options.interpreters) if options.interpreters else []
    trial = try_system(
        selector,
        system,
        pythons={python.tag: python.path for python in asked},
        budget_seconds=options.budget_seconds,
        save=options.save,
        force=options.force,
        tell=lambda text: say(text, err=True),
    )
    document, saved = trial_document(trial.report), trial.report.model_dump_json(indent=2)
    page = render_html(trial_page(trial.report), page_title(trial.report.name), saved)
    if form in ("json", "html"):
        print_bytes(f"{saved}\n" if form == "json" else page)
    else:
        print_as(document, form)
    write_text(trial.folder / "report.md", render_markdown(document))
    write_text(trial.folder / "report.html", page)
    say(f"kept in {trial.folder}: system.py, plan.json, events.jsonl, results.json, report.md, report.html", err=True)
    if trial.interrupted:
        return INTERRUPTED
    return REFUTED if fail_on_refuted and trial.report.verdict == "refuted" else 0
