"""The short code that runs a user's function over its items in one way: a template of templates/runners, filled in.

What the user named gets in as names that were checked and as ASCII literals, never as text of code. The script imports
the function by its name, so that workers can do so, too.
"""

from __future__ import annotations

import ast
import keyword
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selector.benchmark.render import import_block, render_known
from selector.benchmark.template import PARAMETERS_BEGIN, PARAMETERS_END, parsed
from selector.errors import SelectorError
from selector.files import read_regular_file, resource_dir
from selector.measure.models import Request
from selector.measure.session import PINNED
from selector.measure.target import ITEMS_HINT, ItemsSource, Target
from selector.recommend.chain import Situation
from selector.text import printable, quoted
from selector.version import VERSION
from selector.workload.profile import ApproachId, WorkloadProfile

_BATCH_MS = 10.0  # of work in one trip to a worker: some fifty times what the trip takes
_BATCH_KB, _MOST_A_BATCH = 1024.0, 1000
_BATCHES_A_WORKER = 4  # that there are at least, so that they even out
_MAX_SOURCE_BYTES = 5_000_000
_YOURS = "yours"  # the module of the templates that the user's part stands in for
#: What the user's part may need of the standard library; what is not used is left out.
_LIBRARY = "import asyncio, csv, glob, json, os, sys\nfrom pathlib import Path\n"
_TYPING = "from collections.abc import Iterable\nfrom typing import Any"
_READERS = {
    ".jsonl": "yield from (json.loads(line) for line in stream if line.strip())",
    ".json": "yield from json.load(stream)",
    ".csv": "yield from csv.DictReader(stream)",
    ".txt": 'yield from (line.rstrip("\\n") for line in stream)',
}


@dataclass(frozen=True)
class Runner:
    """What a runner is for: a function (or an `async def`), its items, an approach and its size.

    `folder` is where the paths are seen from; `environment` has variables that are set before the function is imported,
    unless they are set already.
    """

    approach: ApproachId
    function: Target
    items: ItemsSource
    folder: Path
    setup: Target | None = None
    coroutine: Target | None = None
    workers: int = 1
    batch: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


def runner_of(
    situation: Situation,
    request: Request,
    approach: ApproachId | None = None,
) -> Runner:
    """What runs a function as its profile recommends, or in the way that is asked for, sized for this host.

    SelectorError where the request names no items.
    """
    if request.items is None:
        raise SelectorError("a runner needs items to run the function on", f"--items SOURCE: {ITEMS_HINT}")
    if approach is None:
        approach = situation.answer[0]
    workers = situation.candidate(approach).workers
    return Runner(
        approach,
        request.target,
        request.items,
        request.folder,
        setup=request.setup,
        coroutine=request.async_function,
        workers=workers,
        batch=batch_size(situation.profile, workers),
        environment=environment_for(situation.profile, workers),
    )


def check_names(request: Request, approach: ApproachId | None) -> None:
    """SelectorError for what `runner_script` would refuse, before the function is measured."""
    if request.items is not None:
        setup, twin = request.setup, request.async_function
        names = Runner(approach or "threads", request.target, request.items, request.folder, setup, twin)
        runner_script(names, None)


def batch_size(profile: WorkloadProfile, workers: int) -> int:
    """How many items go to a worker in one trip: short tasks travel together, as far as their size and number allow."""
    parts = [ms for ms in (profile.cpu_ms_per_task, profile.io_wait_ms_per_task) if ms is not None]
    if not sum(parts):
        return 1
    most = [_MOST_A_BATCH, _BATCH_MS / sum(parts)]
    if profile.payload_kb_per_task:
        most.append(_BATCH_KB / profile.payload_kb_per_task)
    if profile.tasks is not None:
        most.append(profile.tasks / (_BATCHES_A_WORKER * workers))
    return max(1, int(min(most)))


def environment_for(profile: WorkloadProfile, workers: int) -> dict[str, str]:
    """The variables to set: the threads that a library is kept to, one where it has its own beside workers."""
    threads = profile.library_threads or (1 if profile.native_parallel and workers > 1 else None)
    return {} if threads is None else dict.fromkeys(PINNED, str(threads))


def runner_script(runner: Runner, out: Path | None) -> str:
    """The text of a runner that is to lie at `out` (None: nobody knows where).

    SelectorError for an approach that is no one short file, for a name that cannot be imported, and for an approach that
    awaits where the function is none to be awaited.
    """
    template = resource_dir("templates") / "runners" / f"run_{runner.approach}.py"
    if not template.is_file():
        raise SelectorError(
            f"there is no short runner for {runner.approach}: its workers are programs of their own",
            "--engine NAME in the place of --runner writes a project for celery, rq, dask, ray, dramatiq or huey;"
            " --approach ID writes another way",
        )
    about = f"Written by concurrency-selector {VERSION}: {runner.function} for each of {runner.items.text}"
    about = about if about.isprintable() else ascii(about)
    values = {"WORKERS": runner.workers, "AT_ONCE": runner.workers, "BATCH": runner.batch}
    text = render_known(template, values, about)
    return _assembled(text, _UserPart(runner, out, awaits=_uses(text, "coroutine")))


def user_module(runner: Runner, out: Path | None, about: str, constants: Mapping[str, str]) -> str:
    """A module that is to lie at `out`, with the user's function, items and setup under these names, and with constants.

    SelectorError for a name that cannot be imported. An `async def` is run on a loop of its own.
    """
    part = _UserPart(runner, out, awaits=False)
    lines = "\n".join(f"{name} = {_literal(value)}" for name, value in constants.items())
    body = "\n\n\n".join(piece.strip("\n") for piece in (lines, *part.definitions()))
    own = "\n".join(part.imports())
    block = _needed(_TYPING, f"{own}\n{body}")
    about = about if about.isprintable() else ascii(about)
    head = f'# {about}\n\n"""What is run, on what: yours to change."""'
    text = f"{head}\n\nfrom __future__ import annotations\n\n{block}\n\n{own}\n\n{body}\n"
    compile(ast.parse(text, feature_version=(3, 10)), "yours", "exec", dont_inherit=True)
    return text


def module_folders(runner: Runner) -> list[Path]:
    """The folders that the user's modules are found in."""
    return _UserPart(runner, None, awaits=False).folders()


def common_folder(*places: Path) -> Path | None:
    """The folder in which all of them lie; None where they have nothing but the root in common, or not even that."""
    try:
        common = Path(os.path.commonpath(places))
    except ValueError:  # on two drives
        return None
    return common if common.name else None


def _assembled(text: str, part: _UserPart) -> str:
    """The rendered template with the user's part in the place of the example, and the imports that are needed then."""
    above, imports, rest = _split(text)
    before, example, after = (_without_marks(piece) for piece in _around_example(rest))
    constants, main = _constants(before)
    use = re.split(r"(?m)^(?=def use\b)", example)[-1]
    own = "\n".join(part.imports())
    body = "\n\n\n".join(piece.strip("\n") for piece in (constants, *part.definitions(), use, main, after) if piece)
    block = _needed(imports, f"{own}\n{body}")
    head = "\n\n".join(piece.strip("\n") for piece in (above, block, own))
    text = f"{head}\n\n{'' if constants else chr(10)}{body}\n"
    compile(ast.parse(text, feature_version=(3, 10)), "runner", "exec", dont_inherit=True)
    return text


def _split(text: str) -> tuple[str, str, str]:
    """What stands above the imports of a script, the imports, and what follows."""
    found = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.split("\n")
    first, last = found[0].lineno - 1, found[-1].end_lineno or 0
    return "\n".join(lines[:first]), "\n".join(lines[first:last]), "\n".join(lines[last:])


def _around_example(text: str) -> tuple[str, str, str]:
    """What comes before the example of a template, the example, and what comes after, from the next heading on."""
    before, example = re.split(rf"(?m)^# --- {_YOURS}: .*\n", text)
    heading = re.search(r"(?m)^# --- ", example)
    at = heading.start() if heading else len(example)
    return before, example[:at], example[at:]


def _without_marks(text: str) -> str:
    """Without the lines that are for whoever fills in a template: a runner is short."""
    marks = rf"(?m)^({PARAMETERS_BEGIN}|{PARAMETERS_END})\n|^# --- .* ---\n\n\n"
    return re.sub(marks, "", text).strip("\n")


def _constants(head: str) -> tuple[str, str]:
    """The parameters of a template, and what follows them."""
    constants, *rest = re.split(r"(?m)^(?=(?:async )?def |class )", head, maxsplit=1)
    return constants, "".join(rest)


def _needed(imports: str, body: str) -> str:
    """The imports of which something is used, as a block."""
    names = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)} | {"annotations"}
    lines = []
    for node in ast.parse(f"{imports}\n{_LIBRARY}").body:
        assert isinstance(node, ast.Import | ast.ImportFrom)
        node.names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in names]
        if node.names:
            lines.append(ast.unparse(node))
    return "\n".join(import_block([parsed(Path("runner"), "\n".join(lines))]))


def _uses(text: str, name: str) -> bool:
    """Whether a script uses a name outside the example: whether the template awaits the user's function."""
    before, _, after = _around_example(text)
    tree = ast.parse(f"{before}\n{after}")
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


# The user's part ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _UserPart:
    """Lines that bring in what the user named, under names of ours: function or coroutine, items, setup."""

    runner: Runner
    out: Path | None
    awaits: bool

    def imports(self) -> list[str]:
        """The variables, the path and the imports, then what the dotted names stand for."""
        runner, named = self.runner, list(self._named())
        lines = [
            f"os.environ.setdefault({_literal(name)}, {_literal(value)})"
            for name, value in sorted(runner.environment.items())
        ]
        lines += [f"sys.path.insert(0, {self._place(folder)})" for folder in self.folders()]
        lines += sorted(f"from {target.module} import {_first(target)} as {name}" for name, target in named)
        return lines + [f"{name} = {name}.{rest}" for name, target in named if (rest := _rest(target))]

    def definitions(self) -> Iterator[str]:
        """What stands for the functions of the example, but for `use`."""
        if not self.awaits and self._asynchronous is not None:
            yield (
                "def function(item: Any) -> Any:\n"
                '    """A call on a loop of its own, which whatever the loop shares must allow."""\n'
                "    return asyncio.run(coroutine(item))"
            )
        yield f'def items() -> Iterable[Any]:\n    """What it is called with, one by one."""\n{self._items()}'
        if self.runner.setup is None:
            yield "setup = None  # a function without arguments that is called once in each worker"

    @property
    def _asynchronous(self) -> Target | None:
        """The `async def` that is to be called, if it is one; SelectorError where one is needed and there is none."""
        runner = self.runner
        if self.awaits:
            if runner.coroutine is None and _is_coroutine(runner.function, runner.folder) is False:
                raise SelectorError(
                    f"{runner.function} is no `async def`, and {runner.approach} awaits each call",
                    "name its asynchronous twin with --async-function, or take --approach asyncio_threads",
                )
            return runner.coroutine or runner.function
        return runner.function if _is_coroutine(runner.function, runner.folder) else None

    def _named(self) -> Iterator[tuple[str, Target]]:
        """(Name in the script, what it stands for)."""
        runner, asynchronous = self.runner, self._asynchronous
        yield ("function", runner.function) if asynchronous is None else ("coroutine", asynchronous)
        if runner.setup is not None:
            yield "setup", runner.setup
        if runner.items.kind == "target":
            yield "source", _target(runner.items.text)

    def folders(self) -> list[Path]:
        """The folders that the modules are found in, each once, the first to be looked in last."""
        found: dict[Path, None] = {}
        for _, target in self._named():
            place = self.runner.folder / (target.place if target.is_file else "x")
            found[place.resolve().parent] = None
        return list(found)[::-1]

    def _place(self, folder: Path) -> str:
        """A folder as an expression: seen from the script, where both have more in common than the root."""
        if self.out is not None:
            here = self.out.resolve().parent
            if (common := common_folder(here, folder)) is not None:
                up = ".parent" * len(here.relative_to(common).parts)
                down = "".join(f" / {_literal(step)}" for step in folder.relative_to(common).parts)
                return f"str(Path(__file__).resolve().parent{up}{down})"
        return _literal(str(folder))

    def _items(self) -> str:
        """The body of the function that gives the items."""
        text = self.runner.items.text
        match self.runner.items.kind:
            case "number":
                return f"    return range({int(text.replace('_', ''))})"
            case "glob":
                return f"    return sorted(glob.glob({_literal(text)}, recursive=True))"
            case "stdin":
                return "    return (json.loads(line) for line in sys.stdin if line.strip())"
            case "target":
                return "    return source() if callable(source) else source"
        suffix = Path(text).suffix.casefold()
        newline = ', newline=""' if suffix == ".csv" else ""
        return f'    with open({_literal(text)}, encoding="utf-8-sig"{newline}) as stream:\n        {_READERS[suffix]}'


def _literal(text: str) -> str:
    """A text as an ASCII literal, in double quotes where it has nothing to escape."""
    return f'"{text}"' if re.fullmatch(r"[ !#-\[\]-~]*", text) else ascii(text)


def _target(text: str) -> Target:
    place, _, name = text.rpartition(":")
    return Target(place, name)


def _first(target: Target) -> str:
    """The name that is imported; SelectorError for one that an import cannot have."""
    for word in (*target.module.split("."), *target.name.split(".")):
        if not word.isidentifier() or keyword.iskeyword(word):
            raise SelectorError(
                f"{quoted(printable(str(target)))}: no import can name {quoted(word)}", "rename it, or the file"
            )
    return target.name.partition(".")[0]


def _rest(target: Target) -> str:
    return target.name.partition(".")[2]


def _is_coroutine(target: Target, folder: Path) -> bool | None:
    """Whether a function is an `async def`, by its source, which is read and not run; None where that cannot be told."""
    if target.is_file:
        files = [folder / target.place]
    else:
        place = folder.joinpath(*target.module.split("."))
        files = [place.with_suffix(".py"), place / "__init__.py"]
    for file in files:
        try:
            body: Any = ast.parse(read_regular_file(file, _MAX_SOURCE_BYTES) or b"").body
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        for name in target.name.split("."):
            found = [node for node in body if getattr(node, "name", None) == name]
            body = getattr(found[-1], "body", []) if found else []
        if found:
            return isinstance(found[-1], ast.AsyncFunctionDef)
    return None
