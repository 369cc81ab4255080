"""What the commands that generate and validate may be told about the measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import (
    Command,
)

if TYPE_CHECKING:
    from selector.proof import BenchmarkOptions


def measuring_options(command: Command) -> Command:
    """What both commands may be told about the measuring."""
    for option in (
        click.option("--budget", default="60s", show_default=True, metavar="TIME", help="Time for the whole run."),
        click.option(
            "--interpreter",
            "interpreters",
            multiple=True,
            metavar="VERSION|PATH",
            help="Measure with this Python, such as 3.14t (default: the profile's, else the application's); a function with this one, too (default: those found here that can do more).",
        ),
        click.option(
            "--io",
            type=click.Choice(["socket", "sleep"]),
            default="socket",
            show_default=True,
            help="Wait for a server on this machine, or just sleep.",
        ),
        click.option(
            "--server",
            type=click.Choice(["uvicorn", "gunicorn"]),
            help="Serve a service by it, as far as it can; it must be installed in the Python (--python).",
        ),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the order of the measurements."),
    ):
        command = option(command)
    return command


def benchmark_options(
    budget: str, function: dict[str, Any], *, interpreters: tuple[str, ...], **given: Any
) -> BenchmarkOptions:
    """How to measure; takes --server out of the options of a `function`.

    With it, or an engine, and no function, --python is the Python that has it, which is measured first.
    """
    from selector.benchmark.budget import budget_from_text
    from selector.measure.python import named_python
    from selector.proof import BenchmarkOptions

    server = function.pop("server")
    if function["python"] is not None and function["function"] is None and (server or given.get("engine")):
        python = named_python(function["python"]).path
        given["engine_python"], function["python"] = python, None
        interpreters = (python, *interpreters)
    return BenchmarkOptions(budget_from_text(budget), interpreters=interpreters, server=server, **given)
