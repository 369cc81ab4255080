"""The templates by name, and the scripts that are made of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from selector import __version__
from selector.benchmark.plan import BenchmarkPlan
from selector.benchmark.programs import Program, programs
from selector.benchmark.render import PARAMETERS_BEGIN, render, render_known
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.text import quoted, suggestion

TEMPLATE = "compare_approaches"  # measures any workload; the others have one of their own
_ABOUT = f"Written by concurrency-selector {__version__}."


@cache
def templates() -> dict[str, Path]:
    """The templates of one file by name: what has a parameter block. What lies beside them is put into the scripts."""
    benches = {program.bench for program in programs().values()}
    files = [file for file in sorted(resource_dir("templates").glob("*.py")) if file not in benches]
    return {file.stem: file for file in files if PARAMETERS_BEGIN in file.read_text(encoding="utf-8")}


def template_names() -> list[str]:
    """The templates that can be generated, as they are called on the command line."""
    return sorted(name.replace("_", "-") for name in [*templates(), *programs()])


def template_named(word: str) -> str:
    """The template that a user means; SelectorError with a suggestion where there is none."""
    name = word.strip().casefold().replace("-", "_").removesuffix(".py")
    if name not in {**templates(), **programs()}:
        near = suggestion(name.replace("_", "-"), template_names())
        raise SelectorError(f"no template {quoted(word)}{near}", f"one of {', '.join(template_names())}")
    return name


def script_for(plan: BenchmarkPlan) -> str:
    """The benchmark script of a plan."""
    return render(templates()[TEMPLATE], plan.parameters, _ABOUT)


def script_of(template: str, budget_seconds: float, cpus: int) -> str:
    """The script of a template that has a workload of its own, by the name that `template_named` gives it."""
    return render_known(templates()[template], _own_parameters(budget_seconds, cpus), _ABOUT)


def files_of(program: Program, budget_seconds: float, cpus: int) -> dict[str, bytes]:
    """The files of a program that ships, by name, for a user's copy of it."""
    return program.files(_own_parameters(budget_seconds, cpus), _ABOUT)


def files_for(program: Program, plan: BenchmarkPlan) -> dict[str, bytes]:
    """The files of a program that ships, by name, with a benchmark that does what a plan says."""
    return program.files(plan.parameters, _ABOUT)


def _own_parameters(budget_seconds: float, cpus: int) -> dict[str, object]:
    """What a template that has a workload of its own may be told."""
    return {"CPUS": cpus, "BUDGET_SECONDS": budget_seconds}
