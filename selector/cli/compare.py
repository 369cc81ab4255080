"""The command compare, which holds runs of `validate` against the first of them."""

from __future__ import annotations

import math

import click

from selector.cli.shared import format_option, print_as, print_json, print_page, read_results, say
from selector.errors import SelectorError

SLOWER = 3


def _share(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """`10%` or `10` as 0.1; a usage error for what is no percentage."""
    if text is None:
        return None
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 10_000:
        raise click.BadParameter("a percentage such as 10% is needed")
    return percent / 100


@click.command(
    epilog="Example: concurrency-selector compare before/results.json after/results.json --fail-on-slower 10%"
)
@click.argument("results", metavar="RESULTS RESULTS...", nargs=-1)
@format_option
@click.option(
    "--fail-on-slower",
    metavar="PERCENT",
    callback=_share,
    help="Exit with code 3 if anything is slower than in the first run by more than this, beyond what is noise.",
)
def compare(results: tuple[str, ...], form: str, fail_on_slower: float | None) -> int:
    """Hold runs of `validate` against the first of them: what is slower, what is faster, what is only noise.

    RESULTS is the results.json or report.html that `validate --save DIR` left: before and after a change, of two
    machines, or of two Pythons.
    """
    if len(results) < 2:
        raise click.UsageError("Give the results of two runs or more: each a results.json of `validate --save DIR`.")
    from selector.report.compare import comparison_document
    from selector.validation.comparing import compare_reports

    found = compare_reports([(file, read_results(file)) for file in results])
    if form == "json":
        print_json(found.model_dump_json(indent=2))
    elif form == "html":
        print_page(comparison_document(found), "comparison", found.model_dump_json())
    else:
        print_as(comparison_document(found), form)
    if not any(arm.ratio for arm in found.arms):
        raise SelectorError("nothing was measured in both", "compare runs of the same approaches", 1)
    slower = found.slower_by(fail_on_slower) if fail_on_slower is not None else ()
    for arm in slower:
        say(f"slower: {arm.title} on Python {arm.interpreters[1]}: {arm.ratio.mid if arm.ratio else 0:.2f}x", err=True)
    return SLOWER if slower else 0
