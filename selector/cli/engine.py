"""What `generate --engine` does: a project that runs a user's function over its items on a distributed engine."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selector.cli.shared import Command, NameType, say

if TYPE_CHECKING:
    from selector.measure.models import Request


class EngineType(NameType):
    """An engine by its name."""

    name = "engine"

    def known(self) -> Iterable[str]:
        """The engines that projects are written for."""
        from selector.benchmark.engine_project import ENGINES

        return ENGINES


def engine_option(command: Command) -> Command:
    """`--engine`, and what it needs beside it is checked by `check_engine`."""
    return click.option(
        "--engine",
        type=EngineType(),
        metavar="NAME",
        help="Write a project that runs the function on celery, rq, dask, ray, dramatiq or huey: -o FOLDER.",
    )(command)


def check_engine(
    engine: str | None,
    request: Request | None,
    output: str,
    file: str | None,
    template: str | None,
    runner: bool,
    settings: tuple[str, ...],
) -> None:
    """UsageError where a project of an engine is asked for with something that it cannot be."""
    if engine is None:
        return
    if request is None or request.items is None:
        raise click.UsageError(
            "--engine writes a project that runs a function: give --function TARGET and --items SOURCE."
        )
    if output == "-":
        raise click.UsageError("--engine writes a folder of files: give -o FOLDER.")
    for name, value in (("FILE", file), ("--template", template), ("--runner", runner), ("--set", settings)):
        if value:
            raise click.UsageError(f"--engine writes a project for any profile: leave {name} out.")


def generate_project(request: Request, engine: str, output: str, force: bool) -> None:
    """Write the project, and say how it is run."""
    from selector.benchmark.engine_project import ENGINES, engine_files
    from selector.files import write_folder

    out = Path(output)
    write_folder(engine_files(request, engine, out.absolute()), out, force)
    python, folder = request.python.path, f".{os.sep}{output}" if output.startswith("-") else output
    install = shlex.join([python, "-m", "pip", "install", "-r", str(Path(folder) / "requirements.txt")])
    say(f"{output}: the function on {ENGINES[engine].title}. It needs: {install}", err=True)
    say(f"{output}: Run it with: {shlex.join([python, folder, 'run'])}", err=True)
