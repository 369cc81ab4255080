"""The commands that answer: recommend, migrate, examples, host."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import (
    ApproachType,
    example_names,
    file_argument,
    format_option,
    print_as,
    print_json,
    print_page,
    read_dependencies,
    read_results,
    report_error,
    rules_option,
    say,
    set_option,
)
from selector.errors import SelectorError
from selector.text import listed

if TYPE_CHECKING:
    from pydantic import BaseModel

    from selector.recommend.explain import Explanation
    from selector.recommend.recommendation import Recommendation
    from selector.report.blocks import Document
    from selector.report.summary import Command
    from selector.validation import ValidationReport
    from selector.workload.profile import WorkloadProfile


class RecommendCommand(click.Command):
    """`recommend`, whose help ends in the fields of a profile."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The fields with what they mean and accept, then the example."""
        from selector.workload.fields import accepted
        from selector.workload.profile import WorkloadProfile

        fields = WorkloadProfile.model_fields.items()
        with formatter.section("Fields of FILE and --set (all but workload_type may be left out)"):
            formatter.write_dl([(name, f"{field.description}: {accepted(name)}") for name, field in fields])
        super().format_epilog(ctx, formatter)


@click.command(
    cls=RecommendCommand, epilog="Example: concurrency-selector recommend workload.json --set tasks=500 --format json"
)
@file_argument
@set_option
@format_option
@click.option("--full", is_flag=True, help="Below the summary, the reasons, all alternatives and what would change it.")
@click.option(
    "--explain",
    is_flag=True,
    help="The same with every row of every table, and all inputs that would change the answer.",
)
@click.option(
    "--jsonl", is_flag=True, help="One profile a line in, one JSON object a line out (would_change: --explain)."
)
@click.option(
    "--with", "results", metavar="RESULTS", help="Show what `validate` measured (its results.json) beside it."
)
@click.option(
    "--deps",
    "dependencies",
    metavar="REPORT",
    help="Take from what `deps --json` printed which dependencies are ready.",
)
@rules_option
@click.pass_obj
def recommend(
    outer_rules: Path | None,
    file: str | None,
    settings: tuple[str, ...],
    form: str,
    full: bool,
    explain: bool,
    jsonl: bool,
    results: str | None,
    dependencies: str | None,
    rules: Path | None,
) -> None:
    """Recommend an approach for the workload in FILE (JSON; - for standard input), or given by --set alone.

    FILE may describe a system of several parts: then for each part, with what joins them. As text it is a summary of some ten lines; --full tells the rest. JSON, Markdown and HTML hold everything.
    """
    from selector.pipeline import Selector
    from selector.workload.profile import WorkloadProfile
    from selector.workload.reading import read_workload

    selector = Selector(rules or outer_rules)
    if jsonl:
        if form in ("markdown", "html") or results is not None or dependencies is not None or full:
            raise click.UsageError("--jsonl prints JSON, a line each: leave --format, --with, --deps and --full out.")
        _recommend_lines(selector, file, settings, explain)
        return
    if file is None and not settings and results is None:
        raise click.UsageError("Give a FILE (- for standard input), or the fields by --set KEY=VALUE.")
    measured = read_results(results) if results is not None else None
    profile = measured.profile if measured and file is None and not settings else read_workload(file, settings)
    if not isinstance(profile, WorkloadProfile):
        from selector.cli.system import refuse_options, show_system

        refuse_options("The answer", explain=explain, deps=dependencies is not None, **{"with": results is not None})
        show_system(selector, profile, form, _validate_command(file, settings, rules or outer_rules).line, whole=full)
        return
    profile, found = _with_dependencies(profile, dependencies)
    whole = full or explain or form != "text"
    situation = selector.situation(profile)
    result = selector.recommend(situation, "exact" if explain else "sampled" if whole else "none")
    explanation = selector.explain(situation) if explain else None
    if measured is not None:
        _note_differences(profile, measured.profile)
    test_it = _validate_command(file, settings, rules or outer_rules, found, {"--full": full, "--explain": explain})
    if form == "json":
        print_json(_recommendation_json(result, explanation, measured))
    elif form == "html":
        _print_page(result, explanation or selector.explain(situation), measured, test_it, whole=explain)
    else:
        print_as(_document(result, explanation, measured, test_it, whole=whole), form)


def _with_dependencies(profile: WorkloadProfile, file: str | None) -> tuple[WorkloadProfile, tuple[str, ...]]:
    """The profile with what was found of its dependencies, which is told with the reason, and the settings that say the same."""
    if file is None:
        return profile, ()
    from selector.readiness.worth import missing_in

    report = read_dependencies(file)
    known = missing_in(profile, report)
    reasons = {str(name): why for name, why in report.why.items()}
    for name, value in known.items():
        say(f"note: {name} is {str(value).lower()}: {reasons.get(name, f'says {file}')}", err=True)
    if not known:
        say(f"note: {file} says nothing that the profile does not say itself", err=True)
    return profile.model_copy(update=known), tuple(f"{name}={str(value).lower()}" for name, value in known.items())


def _validate_command(
    file: str | None,
    settings: tuple[str, ...],
    rules: Path | None,
    found: tuple[str, ...] = (),
    unknown: Mapping[str, bool] = MappingProxyType({}),
) -> Command:
    """The command that puts the same workload to the test, quoted for a POSIX shell; `found` stands for --deps.

    `unknown` are options that it does not have, and whether they were given here.
    """
    from selector.report.summary import Command

    words = ["concurrency-selector", "validate", *([file] if file is not None else [])]
    words += [word for setting in (*settings, *found) for word in ("--set", setting)]
    words += ["--rules", str(rules)] if rules is not None else []
    instead = "".join(f", with --set {setting}" for setting in found)
    without = [option for option, is_given in unknown.items() if is_given]
    instead += f", without {listed(without)}" if without else ""
    return Command(shlex.join(words), f"this command with validate in the place of recommend{instead}")


def _document(
    result: Recommendation,
    explanation: Explanation | None,
    measured: ValidationReport | None,
    validate: Command,
    *,
    whole: bool,
) -> Document:
    """The summary, or everything; with what was measured below it."""
    from selector.report.blocks import Document

    if whole:
        from selector.report.recommendation import recommendation_document

        document = recommendation_document(result, explanation, validate=validate, measured=measured is not None)
    else:
        from selector.report.summary import summary_document

        document = summary_document(result, validate, measured=measured is not None)
    if measured is None:
        return document
    from selector.report.validation import measured_section

    return Document((*document.sections, measured_section(measured)))


def _print_page(
    result: Recommendation,
    explanation: Explanation,
    measured: ValidationReport | None,
    validate: Command,
    *,
    whole: bool,
) -> None:
    """The page; the JSON in it is what `--format json` prints."""
    from selector.report.pages import recommendation_page

    page = recommendation_page(result, explanation, validate.line, measured, whole=whole)
    print_page(page, result.profile.name, _recommendation_json(result, explanation if whole else None, measured))


def _recommendation_json(
    result: Recommendation, explanation: Explanation | None, measured: ValidationReport | None
) -> str:
    models: dict[str, BaseModel | None] = {"explanation": explanation, "measured": measured}
    more = {name: model for name, model in models.items() if model is not None}
    if not more:
        return result.model_dump_json(indent=2)
    import json

    told = {name: model.model_dump(mode="json") for name, model in more.items()}
    return json.dumps({**result.model_dump(mode="json"), **told}, indent=2)


def _note_differences(profile: WorkloadProfile, measured: WorkloadProfile) -> None:
    """Say where the results are those of another workload; where they were measured is another matter."""
    apart = {"name", "description", "cpu_cores", "platform", "interpreters", "current_approach"}
    names = [n for n in type(profile).model_fields if n not in apart and getattr(profile, n) != getattr(measured, n)]
    if names:
        say(f"note: the results were measured for another workload: it differs in {', '.join(names)}", err=True)


def _recommend_lines(selector: Any, file: str | None, settings: tuple[str, ...], explain: bool) -> None:
    """Stream: each line a profile, each answer a line. A bad line is reported by number and the rest goes on."""
    from selector.cli.stream import Task, answers
    from selector.workload.reading import STANDARD_INPUT

    bad = 0

    def report(error: SelectorError) -> None:
        """Count a line that could not be used, and say why."""
        nonlocal bad
        bad += 1
        report_error(error)

    for answer in answers(selector, Task(selector.rules, file or STANDARD_INPUT, settings, explain), report):
        print_json(answer)
    if bad:
        raise SelectorError(f"lines that could not be used: {bad}", "they are named above; the others are done")


@click.command(epilog="Example: concurrency-selector migrate multiprocessing free-threaded")
@click.argument("origin", metavar="FROM", type=ApproachType())
@click.argument("target", metavar="TO", type=ApproachType())
@format_option
@rules_option
@click.pass_obj
def migrate(outer_rules: Path | None, origin: Any, target: Any, form: str, rules: Path | None) -> None:
    """How to move code from one approach to another: effort, steps, code, pitfalls, rollback, what to measure."""
    from selector.migration.guide import migration_guide
    from selector.recommend.knowledge import rules_folders

    guide = migration_guide(origin, target, rules_folders(rules or outer_rules))
    if form == "json":
        print_json(guide.model_dump_json(indent=2))
        return
    from selector.report.migration import migration_document

    print_as(migration_document(guide), form)


@click.command(epilog="Example: concurrency-selector examples web-scraper > workload.json")
@click.argument("name", required=False, shell_complete=example_names)
@format_option
@rules_option
@click.pass_obj
def examples(outer_rules: Path | None, name: str | None, form: str, rules: Path | None) -> None:
    """The workloads that ship, with the approach the tables give each; with a NAME, its JSON to start from."""
    from selector.pipeline import Selector, example_files, example_profiles, example_systems, example_text
    from selector.system.answer import recommend_system

    if name is not None:
        click.echo(example_text(name), nl=False)
        return
    selector = Selector(rules or outer_rules)
    results = [(stem, selector.recommend(profile, changes="none")) for stem, profile in example_profiles()]
    systems = [(stem, recommend_system(selector, system)) for stem, system in example_systems()]
    if form == "json":
        import json

        told = {stem: result.model_dump(mode="json") for stem, result in (*results, *systems)}
        print_json(json.dumps({stem: told[stem] for stem in example_files()}, indent=2))
        return
    from selector.report.blocks import Document
    from selector.report.recommendation import examples_document
    from selector.report.system import systems_section

    print_as(Document((*examples_document(results).sections, systems_section(systems))), form)


@click.command(epilog="Example: concurrency-selector host --json")
@format_option
def host(form: str) -> None:
    """What this machine has: usable CPUs, memory and its limit, start methods, Python interpreters."""
    from selector.files import cache_dir, shared_with_others
    from selector.host import probe_host

    found = probe_host()
    if shared_with_others(cache := cache_dir()):
        what = "others may write to this folder, or it is not yours: nothing that is kept there is used"
        hint = f"chmod go-w {shlex.quote(str(cache))}, or name another folder by CONCURRENCY_SELECTOR_CACHE_DIR"
        say(f"warning: {cache}: {what}\n  hint: {hint}", err=True)
    if form == "json":
        print_json(found.model_dump_json(indent=2))
        return
    from selector.report.host import host_document

    print_as(host_document(found), form)
