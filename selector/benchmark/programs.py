"""What ships to be generated: templates of one file, programs, which are folders of modules that are copied whole, and
demonstrations, which are short scripts that show one thing each.

A program has a template of its own for the benchmark that runs it, and a workload that it measures itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from selector.benchmark.plan import BATCHES, OWN_FUNCTION, SERVICES, BenchmarkPlan
from selector.benchmark.render import render, render_known, template_parameters
from selector.benchmark.template import PARAMETERS_BEGIN
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.processes import Child, NotStartedError
from selector.text import printable, quoted, suggestion
from selector.version import VERSION
from selector.workload.profile import ApproachId, WorkloadProfile
from selector.workload.reading import decode_json, profile_from_mapping, with_settings

TEMPLATE = BATCHES  # measures any batch; the others, but for that of services, have a workload of their own
API = "api_service"  # a web service that is made for a profile
FOR_PROFILES = (TEMPLATE, API)
_ABOUT = f"Written by concurrency-selector {VERSION}."
_LONGEST_SECONDS = 300
_SHARED = (Path(__file__).with_name("stats.py"), resource_dir("templates") / "meter.py")  # each needs nothing beside it


class Program(NamedTuple):
    """A program of several files, and the template of the benchmark that runs it.

    A copy has two of our modules and the package `engine_jobs` beside its own, for `shared.py` of the todo batch system:
    there is one source of them.
    """

    name: str
    folder: Path
    bench: Path

    def files(self, values: Mapping[str, object], about: str) -> dict[str, bytes]:
        """What a user gets: its modules, its README, and bench.py with those of the values that it has parameters for."""
        script = render_known(self.bench, values, about)
        own = (file for file in sorted(self.folder.iterdir()) if file.suffix == ".py" or file.name == "README.md")
        engines = resource_dir("programs") / "engines"
        packed = {
            str(PurePosixPath(file.relative_to(engines))): file for file in sorted(engines.glob("engine_jobs/*.py"))
        }
        files = {file.name: file for file in (*own, *_SHARED)} | packed
        return {name: file.read_bytes() for name, file in files.items()} | {"bench.py": script.encode()}

    def workload(self, settings: tuple[str, ...]) -> WorkloadProfile:
        """What its work is, by a short run of it here, with the settings over it; SelectorError if that fails."""
        command = [sys.executable, "-B", str(self.folder), "profile"]
        try:
            with Child(command, deadline_seconds=_LONGEST_SECONDS) as child:
                said = b"\n".join(line or b"" for line in child)
        except NotStartedError as error:
            raise SelectorError(f"{self.name} {error}", error.hint, 1) from None
        if child.fault:
            why = printable(child.errors).strip()[-300:] or child.fault
            raise SelectorError(f"{self.name} did not measure its work: {why}", exit_code=1)
        return profile_from_mapping(with_settings(decode_json(said, self.name), settings), self.name)

    def plan(self, plan: BenchmarkPlan) -> BenchmarkPlan:
        """A plan for its workload, with all executions that the program has, and no others."""
        own: tuple[ApproachId, ...] = template_parameters(self.bench)["APPROACHES"]  # type: ignore[assignment]
        lacking = [approach for approach in plan.approaches if approach not in own]
        approaches = tuple(dict.fromkeys([*(a for a in plan.approaches if a in own), *own]))
        workers = {name: size for name, size in plan.workers.items() if name in own}
        return plan.model_copy(
            update={
                "approaches": approaches,
                "workers": workers,
                "parameters": {**plan.parameters, "APPROACHES": approaches, "WORKERS": workers},
                "notes": (*plan.notes, *(f"Not measured: {a}. The program has no such execution." for a in lacking)),
            }
        )


def programs() -> dict[str, Program]:
    """The programs by name: the folders for which there is a benchmark."""
    folders = sorted(main.parent for main in resource_dir("programs").glob("*/__main__.py"))
    found = {folder.name: Program(folder.name, folder, _bench(folder.name)) for folder in folders}
    return {name: program for name, program in found.items() if program.bench.is_file()}


def _bench(name: str) -> Path:
    """The template of a program's benchmark: of `todo_batch` it is todo_bench.py."""
    return resource_dir("templates") / f"{name.partition('_')[0]}_bench.py"


#: Templates by what `--function`, a profile of a service, or a FILE with parts asks for: no name does.
_ASKED_FOR = (OWN_FUNCTION, SERVICES, "system")


def _asked_for(template: str) -> Path:
    return resource_dir("templates") / f"{template}.py"


@cache
def templates() -> dict[str, Path]:
    """The templates of one file by name: what has a parameter block. What lies beside them is put into the scripts."""
    benches = {program.bench for program in programs().values()} | set(map(_asked_for, _ASKED_FOR))
    files = [file for file in sorted(resource_dir("templates").glob("*.py")) if file not in benches]
    return {file.stem: file for file in files if PARAMETERS_BEGIN in file.read_text(encoding="utf-8")}


def demonstrations() -> dict[str, Path]:
    """The demonstrations by name: scripts of at most 60 lines that are run as they are."""
    return {file.stem: file for file in sorted((resource_dir("programs") / "demos").glob("*.py"))}


def template_names() -> list[str]:
    """The templates that can be generated, as they are called on the command line."""
    return sorted(name.replace("_", "-") for name in [*templates(), *programs(), *demonstrations()])


def template_named(word: str) -> str:
    """The template that a user means; SelectorError with a suggestion where there is none."""
    name = word.strip().casefold().replace("-", "_").removesuffix(".py")
    if name not in {**templates(), **programs(), **demonstrations()}:
        near = suggestion(name.replace("_", "-"), template_names())
        raise SelectorError(f"no template {quoted(word)}{near}", f"one of {', '.join(template_names())}")
    return name


def script_for(plan: BenchmarkPlan, template_name: str = TEMPLATE) -> str:
    """The benchmark script of a plan, or the web service for its profile; SelectorError where that is a batch."""
    if template_name == API:
        if plan.template != SERVICES or plan.recommended not in plan.approaches:
            raise SelectorError(
                "the template api-service is for a service that runs on one machine", "mode: service in the profile"
            )
        sizes = plan.workers[plan.recommended], plan.processes.get(plan.recommended, 1)
        more = {"APPROACH": plan.recommended, "POOL": sizes[0], "PROCESSES": sizes[1]}
        return render_known(templates()[API], {**plan.parameters, **more}, _ABOUT)
    template = _asked_for(plan.template) if plan.template in _ASKED_FOR else templates()[TEMPLATE]
    return render(template, plan.parameters, _ABOUT)


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
