"""A template as Python source: its parameters, what it imports, and what is wrong with it.

A template is real Python, so it is read with `ast` and changed by whole lines: comments and layout stay as they are.
What users wrote gets in as ASCII literals between the two marker lines, and nowhere else. A fault of the template is a
SelectorError with exit code 1.
"""

from __future__ import annotations

import ast
import symtable
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from selector.errors import SelectorError
from selector.files import resource_dir
from selector.text import quoted, suggestion

PARAMETERS_BEGIN = "# --- parameters: begin ---"
PARAMETERS_END = "# --- parameters: end ---"
_WIDTH = 100  # of a value on one line

#: What the annotation of a parameter may be made of; each stands for what Python calls so.
_KINDS = {kind.__name__: kind for kind in (bool, int, float, str, tuple, list, dict, object)}

ImportStatement = ast.Import | ast.ImportFrom


class Imports(NamedTuple):
    """The imports at the top of a module: of modules beside it, and of the standard library; and the lines they take."""

    beside: list[ast.ImportFrom]
    library: list[ImportStatement]
    first: int
    last: int


class Parameter(NamedTuple):
    """One `NAME: kind = default` of the block."""

    name: str
    kind: str
    default: object
    statement: ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Module:
    """A template or a module beside it."""

    path: Path
    lines: list[str]
    tree: ast.Module

    @cached_property
    def imports(self) -> Imports:
        """Its imports; what cannot be moved or put in is a fault."""
        return _imports(self)

    @cached_property
    def bound(self) -> dict[str, bool]:
        """The names that it has at its top level, and whether more than an import gives them a value."""
        table = symtable.symtable("\n".join(self.lines), str(self.path), "exec")
        return {s.get_name(): s.is_assigned() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def read_module(path: Path) -> Module:
    """A module from its file; what cannot be read, or is no Python, is a fault."""
    try:
        return parsed(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise fault(path, None, f"cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}") from None


@lru_cache(maxsize=64)  # more than there are: one script takes a score of them
def parsed(path: Path, text: str) -> Module:
    """A module from its text; what lies beside many templates is parsed once."""
    try:
        return Module(path, text.split("\n"), ast.parse(text))
    except (SyntaxError, ValueError) as error:  # ValueError: a NUL, before Python 3.12
        raise fault(path, getattr(error, "lineno", None), f"it is no Python: {getattr(error, 'msg', error)}") from None


def part_of(template: Path, name: str) -> Path:
    """The file of a module that is put into scripts: beside the template, else one that the probe of functions has too."""
    beside = template.with_name(f"{name}.py")
    return beside if beside.is_file() else resource_dir("probes") / "function" / beside.name


def fault(path: Path, line: int | None, message: str) -> SelectorError:
    """What is wrong with a template, and where."""
    where = f"{path}, line {line}" if line else str(path)
    return SelectorError(f"{where}: {message}", "this is a fault of the template, not of the workload", 1)


def comment_after(module: Module, statement: ast.stmt) -> str:
    """The comment behind a statement, or nothing; more statements on its line are a fault."""
    assert statement.end_lineno is not None
    rest = module.lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode().strip()
    if rest and not rest.startswith("#"):
        raise fault(module.path, statement.end_lineno, "write one statement a line here")
    return rest


# Parameters -----------------------------------------------------------------------------------------------------------


def parameters_of(module: Module) -> dict[str, Parameter]:
    """The parameters of a template, in their order."""
    first, last = (_marker(module, text) for text in (PARAMETERS_BEGIN, PARAMETERS_END))
    if last < first:
        raise fault(module.path, last, "the parameters end before they begin")
    found: dict[str, Parameter] = {}
    for statement in module.tree.body:
        assert statement.end_lineno is not None
        if statement.end_lineno > first and statement.lineno < last:
            if statement.lineno < first or statement.end_lineno > last:
                raise fault(module.path, statement.lineno, "only whole statements may stand between the markers")
            parameter = _parameter(module, statement)
            if parameter.name in found:
                raise fault(module.path, statement.lineno, f"{parameter.name} is there twice")
            found[parameter.name] = parameter
    return found


def _marker(module: Module, text: str) -> int:
    if (times := module.lines.count(text)) != 1:
        raise fault(module.path, None, f"the line {text!r} must be there once; it is there {times} times")
    return module.lines.index(text) + 1


def _parameter(module: Module, statement: ast.stmt) -> Parameter:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            kind = None
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
            kind = ast.unparse(annotation)
        case _:
            raise fault(module.path, statement.lineno, "only NAME = literal may stand between the parameter markers")
    try:
        default = ast.literal_eval(value)
        kind = kind or type(default).__name__
        _fitted(default, kind)
    except (ValueError, TypeError):
        message = f"{name} must be a literal of the kind it is annotated with: {', '.join(_KINDS)} or a union"
        raise fault(module.path, statement.lineno, message) from None
    return Parameter(name, kind, default, statement)


def with_values(module: Module, values: Mapping[str, object]) -> str:
    """The text of a template with other values; comments inside a value go with it, if it is another one.

    SelectorError for a name that is no parameter, and for a value that is no literal or of another kind than its
    parameter.
    """
    parameters = parameters_of(module)
    for name in values:
        if name not in parameters:
            raise SelectorError(
                f"{module.path.name} has no parameter {quoted(name)}{suggestion(name, parameters)}",
                f"its parameters are {', '.join(parameters)}",
            )
    lines = list(module.lines)
    for name, parameter in reversed(parameters.items()):  # from the bottom, so that line numbers stay true
        value = _checked(parameter, values.get(name, parameter.default))
        if repr(value) != repr(parameter.default):
            statement = parameter.statement
            left = name if isinstance(statement, ast.Assign) else f"{name}: {parameter.kind}"
            comment = comment_after(module, statement)
            text = f"{left} = {_literal(value)}{'  ' if comment else ''}{comment}"
            lines[statement.lineno - 1 : statement.end_lineno] = [text]
    return "\n".join(lines)


def _checked(parameter: Parameter, value: object) -> object:
    try:
        return _fitted(value, parameter.kind)
    except (ValueError, TypeError):
        raise SelectorError(
            f"parameter {parameter.name} is {parameter.kind}, not {quoted(value)}",
            "values are None, booleans, finite numbers, text, and tuples, lists and dicts of them",
        ) from None


def _fitted(value: object, kind: str) -> object:
    """The value as its annotation wants it, if that is a literal; else ValueError or TypeError.

    An int becomes a float and a list a tuple, where that is what is asked for.
    """
    if type(value) is list and kind.startswith("tuple["):
        value = tuple(value)
    fitted = _adapter(kind).validate_python(value)
    try:
        if ast.literal_eval(ascii(fitted)) == value:  # nothing is lost, and no `repr` of a user's class is written
            return fitted
    except (SyntaxError, RecursionError, MemoryError):
        pass
    raise ValueError("no literal")


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    """What checks the values of one annotation; ValueError or TypeError for one that parameters cannot have."""
    try:
        return TypeAdapter(eval(kind, {"__builtins__": _KINDS}), config=ConfigDict(strict=True))  # noqa: S307  # ours
    except (NameError, SyntaxError, PydanticUserError) as error:
        raise TypeError(str(error)) from None


def _literal(value: object) -> str:
    """A literal in ASCII, with one item a line where it is long."""
    flat = ascii(value)
    if len(flat) <= _WIDTH or not isinstance(value, tuple | list | dict):
        return flat
    items = [f"{k!a}: {v!a}" for k, v in value.items()] if isinstance(value, dict) else map(ascii, value)
    return "\n".join([flat[0], *(f"    {item}," for item in items), flat[-1]])


# Imports --------------------------------------------------------------------------------------------------------------


def _imports(module: Module) -> Imports:
    top = [node for node in module.tree.body if isinstance(node, ImportStatement)]
    beside = [node for node in _all_imports(module.tree) if _is_beside(node, module)]
    library = [node for node in top if node not in beside]
    for node in library:
        _refuse_unmovable(module, node)
    if not top:
        after_docstring = module.tree.body[0].end_lineno if ast.get_docstring(module.tree) else 0
        return Imports([], [], (after_docstring or 0) + 1, after_docstring or 0)
    first, last = top[0].lineno, top[-1].end_lineno or 0
    for statement in module.tree.body:
        if first < statement.lineno < last and statement not in top:
            raise fault(module.path, statement.lineno, "nothing may stand between the imports")
    return Imports(beside, library, first, last)


def _all_imports(tree: ast.Module) -> Iterator[ImportStatement]:
    return (node for node in ast.walk(tree) if isinstance(node, ImportStatement))


def _is_beside(node: ImportStatement, module: Module) -> TypeGuard[ast.ImportFrom]:
    """Whether it imports a module of the same folder. That has one form; another one is a fault."""
    relative = isinstance(node, ast.ImportFrom) and node.level > 0
    if not relative and not any(part_of(module.path, root).is_file() for root in _roots(node)):
        return False
    bare = isinstance(node, ast.ImportFrom) and not relative and "." not in str(node.module) and node.col_offset == 0
    if not bare or any(alias.asname or alias.name == "*" for alias in node.names):
        message = "a module beside the template is imported by `from MODULE import NAME`, at the top and without `as`"
        raise fault(module.path, node.lineno, message)
    comment_after(module, node)
    return True


def _refuse_unmovable(module: Module, node: ImportStatement) -> None:
    """A fault for an import that cannot move to the others."""
    for root in _roots(node):
        if root not in sys.stdlib_module_names:
            raise fault(module.path, node.lineno, f"{root} is neither in the standard library nor beside the template")
    if any(alias.name == "*" for alias in node.names):
        raise fault(module.path, node.lineno, "import names, not *")
    comment_after(module, node)


def _roots(node: ImportStatement) -> list[str]:
    names = [str(node.module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return [name.partition(".")[0] for name in names]
