"""An extension of IPython: `%load_ext selector`, then `%concurrency FUNCTION ITEMS` measures a function of the notebook.

A function that stands in a cell is copied into a file for the measuring, with what it uses, as the processes that call
it import it by name. IPython itself is not imported: its shell hands itself over.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import pickle
import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from selector.errors import SelectorError
from selector.temporary import temporary_folder
from selector.text import printable, suggestion

if TYPE_CHECKING:
    from selector.measure.models import MeasureReport

_MOST_ITEMS = 1000
_CELLS = "notebook"  # the module that cells are copied into
_VALUES = "values.pickle"
_IN_A_FILE = "put the function into a .py file, and name it file.py:function"


class Shell(Protocol):
    """What is used of IPython's shell."""

    user_ns: dict[str, Any]

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        """Make a function a magic."""


def load(shell: Shell) -> None:
    """Add the magic to a shell."""

    def concurrency(line: str) -> MeasureReport | None:
        """%concurrency FUNCTION [ITEMS] [--setup NAME] [--budget 20s] [--set KEY=VALUE]: measure it, and recommend.

        Names are those of the notebook, or texts as the command line takes them: module:function, 'photos/*.jpg', a
        number. The function is really called, many times, in processes of its own.
        """
        try:
            return measured(line, shell.user_ns)
        except SelectorError as error:
            said = [f"error: {error.message}", f"  hint: {error.hint}"] if error.hint else [f"error: {error.message}"]
            sys.stderr.write("".join(f"{printable(each)}\n" for each in said))
            return None

    shell.register_magic_function(concurrency, magic_kind="line", magic_name="concurrency")


def measured(line: str, names: Mapping[str, Any]) -> MeasureReport:
    """Measure what a line of the magic names, in the Python of the notebook. SelectorError for what cannot be meant."""
    from selector.benchmark.budget import budget_from_text
    from selector.measure import measure

    asked = _parsed(line)
    with temporary_folder() as folder:
        cells = [text for text in (asked.function, asked.setup) if text and _in_a_cell(text, names)]
        if cells:
            _write_cells(cells, names, folder)
        items = _items(asked.items, names, folder) if asked.items else None
        sys.stderr.write(f"measuring {asked.function}: it is really called, in processes of its own ...\n")
        report = measure(
            _target(asked.function, names, folder),
            items=items,
            setup=_target(asked.setup, names, folder) if asked.setup else None,
            python=sys.executable,
            budget_seconds=budget_from_text(asked.budget),
            settings=("notebook=true", *asked.set) if cells else tuple(asked.set),
        )
    shown = {"target": f"{_CELLS}.py:{asked.function}"} if asked.function in cells else {}
    return report.model_copy(update={**shown, "items": asked.items})


class _Parser(argparse.ArgumentParser):
    """A parser that raises."""

    def error(self, message: str) -> NoReturn:
        """SelectorError with the way that the line is meant."""
        raise SelectorError(message, self.format_usage().strip())


def _parsed(line: str) -> argparse.Namespace:
    parser = _Parser("%concurrency", add_help=False)
    parser.add_argument("function")
    parser.add_argument("items", nargs="?")
    parser.add_argument("--setup")
    parser.add_argument("--budget", default="20s")
    parser.add_argument("--set", action="append", default=[])
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SelectorError(f"the line cannot be read: {error}", parser.format_usage().strip()) from None
    return parser.parse_args(words)


def _in_a_cell(text: str, names: Mapping[str, Any]) -> bool:
    """Whether a text names a function that stands in the notebook; SelectorError where it names no function."""
    if text not in names:
        if ":" in text:
            return False
        functions = [name for name, value in names.items() if callable(value) and not name.startswith("_")]
        raise SelectorError(f"there is no {text} in this notebook{suggestion(text, functions)}", "name a function")
    if not callable(names[text]):
        raise SelectorError(f"{text} is {type(names[text]).__name__}, not a function", "name a function")
    return _home(names[text]) is None


def _target(text: str, names: Mapping[str, Any], folder: Path) -> str:
    """The target that a text means."""
    if text not in names:
        return text
    value = names[text]
    if _home(value) is None:
        return f"{folder / _CELLS}.py:{text}"
    module = sys.modules[value.__module__]
    file = getattr(module, "__file__", None)
    alone = file is not None and file.endswith(".py") and "." not in module.__name__
    return f"{file if alone else module.__name__}:{value.__qualname__}"


def _items(text: str, names: Mapping[str, Any], folder: Path) -> str:
    """The source of items that a text means: a name of the notebook is put into a file, at most a thousand items of it."""
    if text not in names:
        return text
    value = names[text]
    try:
        found = list(islice(value() if callable(value) else value, _MOST_ITEMS))
        (folder / "items.pickle").write_bytes(pickle.dumps(found))
    except Exception as error:  # noqa: BLE001  # whatever it is: it is the user's
        raise SelectorError(
            f"the items of {text} cannot be handed over: {error!r}", "give a list of plain data"
        ) from None
    file = f"{str(folder / 'items.pickle')!a}"
    code = f"import pickle, pathlib\nITEMS = pickle.loads(pathlib.Path({file}).read_bytes())\n"
    (folder / "notebook_items.py").write_text(code, "utf-8")
    return f"{folder / 'notebook_items.py'}:ITEMS"


# A cell as a file -----------------------------------------------------------------------------------------------------


def _home(value: Any) -> str | None:
    """The module that a function or a class can be imported from; None for one of the notebook."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "<locals>")
    known = module is not None and module != "__main__" and module in sys.modules
    return module if known and "<locals>" not in name and isinstance(value, FunctionType | type) else None


def _write_cells(cells: list[str], names: Mapping[str, Any], folder: Path) -> None:
    """The module of functions that stand in cells, with what they use; SelectorError for what no file can hold."""
    imports: list[str] = []
    sources: list[str] = []
    values: dict[str, Any] = {}
    written: set[str] = set()  # by the functions themselves, as a set-up does
    for name in _used(cells, names):
        value = names[name]
        if isinstance(value, ModuleType):
            imports.append(f"import {value.__name__} as {name}")
        elif (home := _home(value)) is not None and "." not in value.__qualname__:
            imports.append(f"from {home} import {value.__qualname__} as {name}")
        elif _has_source(name, value):
            sources.append(_source(name, value, names))
            written |= {each for node in _nodes(sources[-1]) if isinstance(node, ast.Global) for each in node.names}
        else:
            values[name] = value
    (folder / _VALUES).write_bytes(pickle.dumps(_pickled(cells[0], values, written)))
    file = f"{str(folder / _VALUES)!a}"
    read = (
        f"import pickle as _p, pathlib as _path\n_found = _p.loads(_path.Path({file}).read_bytes())\n"
        "globals().update({name: _p.loads(value) for name, value in _found.items()})"
    )
    (folder / f"{_CELLS}.py").write_text("\n".join([*imports, read, *sources, ""]), "utf-8")


def _used(cells: list[str], names: Mapping[str, Any]) -> list[str]:
    """Functions and the names of the notebook that they use, and those that these use: what is used comes first."""
    found: dict[str, None] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        """A name, after those that it uses."""
        if name in seen:
            return
        seen.add(name)
        value = names[name]
        if _home(value) is None and _has_source(name, value):
            used = {node.id for node in _nodes(_source(name, value, names)) if isinstance(node, ast.Name)}
            for each in sorted(used & names.keys()):
                visit(each)
        found[name] = None

    for cell in cells:
        visit(cell)
    return list(found)


def _has_source(name: str, value: Any) -> bool:
    """Whether a name is that of a function or a class which can be written down as it stands."""
    return isinstance(value, FunctionType | type) and value.__name__ == name


def _nodes(source: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source))


def _source(name: str, value: Any, names: Mapping[str, Any]) -> str:
    """The text of a function or a class of the notebook; of a class Python finds none there, so the cells are read."""
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        for cell in reversed(names.get("In", ())):
            with suppress(SyntaxError, ValueError):
                for node in ast.parse(cell).body:
                    if getattr(node, "name", None) == name:
                        return ast.unparse(node)
    raise SelectorError(f"the source of {name} cannot be found", _IN_A_FILE)


def _pickled(cell: str, values: Mapping[str, Any], written: set[str]) -> dict[str, bytes]:
    """The values that functions use; SelectorError that names one that cannot be handed over."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = pickle.dumps(value)
        except Exception as error:  # noqa: BLE001  # whatever it is: it is the user's
            if name not in written:
                raise SelectorError(f"{cell} uses {name}, which no file can hold: {error!r}", _IN_A_FILE) from None
    return found
