"""A project that runs a user's function on a distributed engine: programs/engines with his part, as `generate --engine` writes it."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from pathlib import Path
from string import Template
from typing import NamedTuple

import yaml

from selector.benchmark.runner import Runner, common_folder, module_folders, user_module
from selector.calibration.engine_run import NEEDS
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.measure.models import Request
from selector.measure.target import ITEMS_HINT
from selector.text import printable, quoted
from selector.version import VERSION

_PACKAGE = "engine_jobs"
_YOURS = f"{_PACKAGE}/yours.py"
_INSTALL = "pip install -qr {}/requirements.txt && exec "


class Kind(NamedTuple):
    """An engine: its name for people, what its tasks wait in, and how several machines take part."""

    title: str
    waits_in: str  # redis, own (a scheduler) or file
    broker: str  # of compose.yaml
    scheduler: str = ""


_REDIS = "redis://redis:6379/0"
ENGINES = {
    "celery": Kind("Celery", "redis", _REDIS),
    "rq": Kind("RQ", "redis", _REDIS),
    "dask": Kind("Dask", "own", "tcp://scheduler:8786", "dask scheduler"),
    "ray": Kind("Ray", "own", "ray://scheduler:10001", "ray start --head --block"),
    "dramatiq": Kind("Dramatiq", "redis", _REDIS),
    "huey": Kind("huey", "file", ""),
}
_SEVERAL = {
    "redis": "a Redis that all reach, `worker --broker URL` on each, `submit --broker URL` and `collect --wait --broker URL`"
    " on one. Whoever can write to that Redis can run code in the workers.",
    "own": "a scheduler that all reach, `worker --broker URL` on each, `run --broker URL` on one. Whoever reaches the"
    " scheduler can run code in the workers.",
    "file": "it is for one: its queue is a file.",
}
_CONTAINERS = (
    "the head of `compose.yaml` says how (with podman-compose: `podman-compose --profile submit run` in the place of"
    " `docker compose run`). They see the folder `{}` of your machine, and what they write into it, `results.jsonl`,"
    " belongs to root."
)
_NO_CONTAINERS = (
    "there is no `compose.yaml`, as your code and this folder have nothing but the root in common, all of which the"
    " containers would have to see. Generate it into a folder of your code."
)


def engine_files(request: Request, engine: str, out: Path) -> dict[str, bytes]:
    """The files of a project in the folder `out`, by name.

    SelectorError where the request names no items that can be read again, or a name that cannot be imported, and for a
    folder that no PYTHONPATH can name.
    """
    kind, source = ENGINES[engine], resource_dir("programs") / "engines"
    if request.items is None or request.items.kind == "stdin":
        raise SelectorError("a project needs items that it can read again", f"--items SOURCE: {ITEMS_HINT}")
    if os.pathsep in str(out.resolve()):
        raise SelectorError(
            f"{quoted(printable(str(out.resolve())))}: workers find a project by PYTHONPATH, which {os.pathsep!r} parts",
            f"give a folder without {os.pathsep!r} in its path to -o",
        )
    runner = Runner("distributed", request.target, request.items, request.folder, request.setup, request.async_function)
    constants = {"ENGINE": engine, "NAME": _name(runner)}
    files = {
        f"{_PACKAGE}/{file.name}": file.read_bytes()
        for file in sorted((source / _PACKAGE).glob("*.py"))
        if not file.name.startswith("on_") or file.name == f"on_{engine}.py"
    }
    files["__main__.py"] = (source / "__main__.py").read_bytes()
    files[_YOURS] = user_module(runner, out / _YOURS, _about(runner), constants).encode()
    files["requirements.txt"] = f"{NEEDS[engine]}\n".encode()
    common = common_folder(
        runner.folder.resolve(), out.resolve(), *module_folders(runner)
    )  # what containers have to see
    if common is not None:
        template = source / "project" / f"{kind.waits_in}.yaml"
        files["compose.yaml"] = _compose(request, engine, template, common, out).encode()
    files["README.md"] = _readme(request, kind, source, common, out).encode()
    return files


def _name(runner: Runner) -> str:
    """What keys in a broker begin with: another one for another function or other items."""
    told = f"{runner.folder}\n{runner.function}\n{runner.items.text}"
    return f"jobs-{_digest(told)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _about(runner: Runner) -> str:
    return f"Written by concurrency-selector {VERSION}: {runner.function} for each of {runner.items.text}"


def _compose(request: Request, engine: str, template: Path, common: Path, out: Path) -> str:
    """The containers: all see `common`, and work where the user does."""
    kind, folder, out = ENGINES[engine], request.folder.resolve(), out.resolve()
    project = shlex.quote(os.path.relpath(out, folder))
    install, command = _INSTALL.format(project), f"python {project}"
    where = f" --broker {kind.broker}" if kind.waits_in == "own" else ""
    values = {
        "name": f"{engine}-{_digest(str(out))}",
        "python_version": ".".join(request.python.tag.rstrip("t").split(".")[:2]),
        "broker": kind.broker,
        "working_dir": _yaml(os.path.normpath(f"/code/{os.path.relpath(folder, common)}")),
        "volumes": _yaml([f"{os.path.relpath(common, out)}:/code"]),
        "worker": _yaml(["sh", "-c", f"{install}{command} worker{where}"]),
        "jobs": _yaml(["sh", "-c", f'{install}{command} "$@"', "jobs"]),
        "scheduler": _yaml(["sh", "-c", f"{install}{kind.scheduler}"]),
    }
    return Template(template.read_text("utf-8")).substitute(values)


def _yaml(words: str | list[str]) -> str:
    """Text, or a list of it, as YAML on one line, in which compose replaces nothing."""
    text: str = yaml.safe_dump(words, default_style='"', default_flow_style=True, width=sys.maxsize)
    return text.strip().replace("$", "$$")


def _readme(request: Request, kind: Kind, source: Path, common: Path | None, out: Path) -> str:
    """What it is and how it is run, then what the page of all engines says of commands, JSON and safety."""
    assert request.items is not None
    sections = re.split(r"(?m)^(?=## )", (source / "README.md").read_text("utf-8"))[1:]
    values = {
        "function": _shown(str(request.target)),
        "items": f"`{_shown(request.items.text)}`",
        "title": kind.title,
        "version": VERSION,
        "server": ", and a `redis-server` (Debian: `apt-get install redis-server`)" if kind.waits_in == "redis" else "",
        "python": _shown(shlex.quote(request.python.path)),
        "folder": _shown(shlex.quote(os.path.relpath(out, request.folder))),
        "several": _SEVERAL[kind.waits_in],
        "containers": _NO_CONTAINERS if common is None else _CONTAINERS.format(_shown(str(common))),
    }
    own = Template((source / "project" / "README.md").read_text("utf-8")).substitute(values)
    return "\n".join([own, "".join(part for part in sections if not part.startswith("## Modules"))])


def _shown(text: str) -> str:
    """A text of the user's in Markdown: one line, and no end of its code."""
    return "".join(c if c.isprintable() and c != "`" else "?" for c in text)
