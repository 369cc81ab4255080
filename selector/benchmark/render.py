"""Makes one script of a template: its parameters replaced, the modules beside it inlined, the imports merged.

A template is real Python, so it is read with `ast` and changed by whole lines: comments and layout stay as they are.
What users wrote gets in as ASCII literals between the two marker lines, and nowhere else. The result is laid out as
`ruff format` at 120 columns and its isort leave it. A fault of the template is a SelectorError with exit code 1.
"""

from __future__ import annotations

import ast
import io
import math
import re
import symtable
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeGuard

from selector.errors import SelectorError
from selector.text import quoted, suggestion

PARAMETERS_BEGIN = "# --- parameters: begin ---"
_END = "# --- parameters: end ---"
_OLDEST_PYTHON = (3, 10)
_WIDTH = 120
_IMPORT_WIDTH = 88  # ruff's own default; a list of imports that is broken there is left alone at 120, too
_DEEPEST = 20  # lists in lists; Python's parser gives up at 100
_MOST_BITS = 128  # of a whole number: a count needs fewer, and Python refuses to read very long ones
_MOST_EXACT = 2**53  # up to here every whole number is a float
_PRAGMA = re.compile(r"#\s*((?i:noqa)|(isort|type|pyright|pylint|flake8|ruff|ty):)")

#: What a parameter may be: the annotation that a default without one stands for.
_KINDS = {
    type(None): "None", bool: "bool", int: "int", float: "float", str: "str",
    tuple: "tuple[object, ...]", list: "list[object]", dict: "dict[object, object]",
}  # fmt: skip

_ImportStatement = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class _Module:
    """A template or a module beside it; `comments` has the comment on each line that ends in one."""

    path: Path
    lines: list[str]
    tree: ast.Module
    comments: dict[int, str]

    @cached_property
    def imports(self) -> _Imports:
        """Its imports; what cannot be moved or inlined is a fault."""
        return _imports(self)


class _Parameter(NamedTuple):
    """One `NAME: kind = default` of the block; `left` is what stands before the sign of equality."""

    name: str
    kind: ast.expr
    default: object
    left: ast.expr
    statement: ast.stmt


class _Imports(NamedTuple):
    """The imports at the top level of a module: of modules beside it, and of the standard library."""

    beside: list[ast.ImportFrom]
    library: list[_ImportStatement]


class _UnfitError(Exception):
    """A value is not of the kind its parameter is."""


def render(template: Path, values: Mapping[str, object], about: str = "") -> str:
    """The text of one script: the template with these values, complete in itself.

    Parameters without a value keep their default. `about` becomes a comment line at the top; it is ours, not a user's.
    SelectorError for a name that is no parameter, a value that is no plain literal or of another kind than its
    parameter, and (exit code 1) for a broken template.
    """
    main = _parsed(template, _with_values(_read(template), values))
    beside: dict[str, _Module] = {}
    _collect(main, (template,), beside)
    _refuse_clashes([main, *beside.values()])
    lines = _assembled(main, list(beside.values()))
    text = "\n".join(_with_about(lines, about) if about else lines) + "\n"
    try:
        ast.parse(text, feature_version=_OLDEST_PYTHON)
        compile(text, template.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _fault(template, error.lineno, f"the script made of it is wrong: {error.msg}") from None
    return text


def render_known(template: Path, values: Mapping[str, object], about: str = "") -> str:
    """The same with those of the values that the template has a parameter for."""
    known = template_parameters(template)
    return render(template, {key: value for key, value in values.items() if key in known}, about)


def template_parameters(template: Path) -> dict[str, object]:
    """The parameters of a template, in their order, with the defaults."""
    return {name: parameter.default for name, parameter in _parameters(_read(template)).items()}


# Reading ------------------------------------------------------------------------------------------------------------


def _read(path: Path) -> _Module:
    try:
        return _parsed(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(path, None, f"cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}") from None


def _parsed(path: Path, text: str) -> _Module:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:  # ValueError: a NUL, before Python 3.12
        raise _fault(path, getattr(error, "lineno", None), f"it is no Python: {getattr(error, 'msg', error)}") from None
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    return _Module(path, text.split("\n"), tree, comments)


def _fault(path: Path, line: int | None, message: str) -> SelectorError:
    where = f"{path}, line {line}" if line else str(path)
    return SelectorError(f"{where}: {message}", "this is a fault of the template, not of the workload", 1)


def _comment_after(module: _Module, statement: ast.stmt) -> str:
    """The comment behind a statement, or nothing; more statements on its line are a fault."""
    assert statement.end_lineno is not None
    rest = module.lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode().strip()
    if rest and not rest.startswith("#"):
        raise _fault(module.path, statement.end_lineno, "write one statement a line here")
    return rest


def _comments_above(module: _Module, line: int) -> int:
    """The first line of the comment that stands right above a line; marker lines are not part of one."""
    while line - 1 in module.comments and re.match(r"#(?!!| (---|///))", module.lines[line - 2]):
        line -= 1
    return line


# Parameters ---------------------------------------------------------------------------------------------------------


def _parameters(module: _Module) -> dict[str, _Parameter]:
    first, last = (_marker(module, text) for text in (PARAMETERS_BEGIN, _END))
    if last < first:
        raise _fault(module.path, last, "the parameters end before they begin")
    found: dict[str, _Parameter] = {}
    for statement in module.tree.body:
        assert statement.end_lineno is not None
        if statement.end_lineno > first and statement.lineno < last:
            if statement.lineno < first or statement.end_lineno > last:
                raise _fault(module.path, statement.lineno, "only whole statements may stand between the markers")
            parameter = _parameter(module, statement)
            if parameter.name in found:
                raise _fault(module.path, statement.lineno, f"{parameter.name} is there twice")
            found[parameter.name] = parameter
    return found


def _marker(module: _Module, text: str) -> int:
    lines = [line for line, comment in module.comments.items() if comment == text == module.lines[line - 1]]
    if len(lines) != 1:
        raise _fault(module.path, None, f"the line {text!r} must be there once; it is there {len(lines)} times")
    return lines[0]


def _parameter(module: _Module, statement: ast.stmt) -> _Parameter:
    kind: ast.expr | None = None
    match statement:
        case ast.Assign(targets=[ast.Name(id=name) as left], value=value):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), annotation=left, value=ast.expr() as value):
            kind = left
        case _:
            raise _fault(module.path, statement.lineno, "only NAME = literal may stand between the parameter markers")
    try:
        default = ast.literal_eval(value)
        kind = kind or _kind_of(default)
        _fitted(default, kind)
    except (ValueError, TypeError, _UnfitError):
        message = f"{name} must be a literal of the kind it is annotated with: {', '.join(_KINDS.values())} or a union"
        raise _fault(module.path, statement.lineno, message) from None
    return _Parameter(name, kind, default, left, statement)


def _with_values(module: _Module, values: Mapping[str, object]) -> str:
    """The text of a template with other values; comments inside a value go with it, if it is another one."""
    parameters = _parameters(module)
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
            left, last = parameter.left, parameter.statement.end_lineno
            assert left.end_lineno is not None
            before = lines[left.end_lineno - 1].encode()[: left.end_col_offset].decode()
            comment = _comment_after(module, parameter.statement)
            lines[left.end_lineno - 1 : last] = [_assignment(before, left, value, comment)]
    return "\n".join(lines)


def _checked(parameter: _Parameter, value: object) -> object:
    try:
        return _fitted(value, parameter.kind)
    except _UnfitError:
        raise SelectorError(
            f"parameter {parameter.name} is {ast.unparse(parameter.kind)}, not {quoted(value)}",
            "values are None, booleans, finite numbers, text, and tuples, lists and dicts of them",
        ) from None


def _kind_of(value: object, depth: int = 0) -> ast.expr:
    """The annotation that a plain literal would have."""
    if type(value) not in _KINDS or depth > _DEEPEST:
        raise _UnfitError
    return ast.parse(_KINDS[type(value)], mode="eval").body


def _fitted(value: object, kind: ast.expr, depth: int = 0) -> object:
    """The value as its annotation wants it: an int becomes a float, a list a tuple, if that is what is asked for."""
    match kind:
        case ast.Name(id="object"):
            return _fitted(value, _kind_of(value, depth), depth)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            try:
                return _fitted(value, left, depth)
            except _UnfitError:
                return _fitted(value, right, depth)
        case ast.Constant(value=None):
            fits = value is None
        case ast.Name(id=name):
            value, fits = _fitted_scalar(value, name)
        case ast.Subscript(value=ast.Name(id=name), slice=items):
            return _fitted_items(value, name, items, depth + 1)
        case _:
            fits = False
    if not fits:
        raise _UnfitError
    return value


def _fitted_scalar(value: object, name: str) -> tuple[object, bool]:
    """(The value as a scalar of this name, whether it is one.) Subclasses are none: their repr could be anything."""
    if name == "int":
        return value, type(value) is int and value.bit_length() <= _MOST_BITS
    if name == "float":
        if type(value) is int and abs(value) <= _MOST_EXACT:
            return float(value), True
        return value, type(value) is float and math.isfinite(value)
    return value, (name == "str" and type(value) is str) or (name == "bool" and type(value) is bool)


def _fitted_items(value: object, name: str, items: ast.expr, depth: int) -> object:
    """A tuple, list or dict whose items are of the kind that stands in the brackets of its annotation."""
    sequence = value if type(value) is tuple or type(value) is list else None
    match name, items:
        case "tuple", ast.Tuple(elts=[item, ast.Constant(value=rest)]) if rest is ... and sequence is not None:
            return tuple(_fitted(v, item, depth) for v in sequence)
        case "tuple", ast.Tuple(elts=kinds) if sequence is not None and len(kinds) == len(sequence):
            return tuple(_fitted(v, kind, depth) for v, kind in zip(sequence, kinds, strict=True))
        case "list", item if sequence is not None:
            return [_fitted(v, item, depth) for v in sequence]
        case "dict", ast.Tuple(elts=[key, item]) if type(value) is dict:
            return {_fitted(k, key, depth): _fitted(v, item, depth) for k, v in value.items()}
    raise _UnfitError


# Literals -----------------------------------------------------------------------------------------------------------


def _assignment(before: str, left: ast.expr, value: object, comment: str) -> str:
    """`before = value  # comment`, broken as the formatter would: it counts comments, but not those for tools.

    What cannot be broken gets parentheses, after a bare name only if that helps.
    """
    flat = _flat(value)
    tail = f"  {comment}" if comment else ""
    counted = 0 if _PRAGMA.match(comment) else len(tail)
    if len(before) + 3 + len(flat) + counted <= _WIDTH:
        return f"{before} = {flat}{tail}"
    if _can_break(value):
        return f"{before} = {_broken(value, 0)}{tail}"
    if not isinstance(left, ast.Name) or 4 + len(flat) + counted <= _WIDTH:
        return f"{before} = (\n    {flat}{tail}\n)"
    return f"{before} = {flat}{tail}"


def _can_break(value: object) -> TypeGuard[tuple[object, ...] | list[object] | dict[object, object]]:
    return isinstance(value, tuple | list | dict) and bool(value)


def _flat(value: object) -> str:
    """A literal on one line, in ASCII."""
    match value:
        case str():
            return _text(value)
        case float():
            return repr(value).replace("e+", "e")
        case tuple():
            return f"({', '.join(map(_flat, value))}{',' * (len(value) == 1)})"
        case list():
            return f"[{', '.join(map(_flat, value))}]"
        case dict():
            return f"{{{', '.join(f'{_flat(k)}: {_flat(v)}' for k, v in value.items())}}}"
    return repr(value)


def _text(value: str) -> str:
    """A string literal in double quotes, or in single ones where that saves escapes; whatever is not ASCII is escaped."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + value.encode("unicode_escape").decode("ascii").replace(quote, f"\\{quote}") + quote


def _broken(value: tuple[object, ...] | list[object] | dict[object, object], indent: int) -> str:
    """A literal with one element a line; those that are still too long are broken in turn."""
    if isinstance(value, dict):
        opening, closing = "{}"
        items = [(f"{_flat(k)}: ", v) for k, v in value.items()]
    else:
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        items = [("", v) for v in value]
    inner = indent + 4
    lines = [opening]
    for key, item in items:
        flat = _flat(item)
        if inner + len(key) + len(flat) + 1 > _WIDTH and _can_break(item):
            flat = _broken(item, inner)
        lines.append(f"{' ' * inner}{key}{flat},")
    return "\n".join([*lines, " " * indent + closing])


# Inlining -----------------------------------------------------------------------------------------------------------


def _collect(module: _Module, path_here: tuple[Path, ...], found: dict[str, _Module]) -> None:
    """Put the modules that this one needs into `found`, each after those that it needs itself."""
    for statement in module.imports.beside:
        name = str(statement.module)
        path = module.path.with_name(f"{name}.py")
        if path in path_here:
            raise _fault(module.path, statement.lineno, f"{name} is imported in a circle")
        if name not in found:
            needed = _read(path)
            _collect(needed, (*path_here, path), found)
            found[name] = needed
        for alias in statement.names:
            if alias.name not in _bound(found[name]):
                raise _fault(module.path, statement.lineno, f"{path.name} has no {alias.name}")


def _imports(module: _Module) -> _Imports:
    imports = _Imports([], [])
    for node in ast.walk(module.tree):
        if isinstance(node, _ImportStatement):
            if _is_beside(node, module):
                imports.beside.append(node)
            elif node.col_offset == 0:  # those inside a block stay where they are
                _refuse_unmovable(module, node)
                imports.library.append(node)
    return imports


def _is_beside(node: _ImportStatement, module: _Module) -> TypeGuard[ast.ImportFrom]:
    """Whether it imports a module of the same folder. That has one form; another one is a fault."""
    relative = isinstance(node, ast.ImportFrom) and node.level > 0
    if not relative and not any(module.path.with_name(f"{root}.py").is_file() for root in _roots(node)):
        return False
    bare = isinstance(node, ast.ImportFrom) and not relative and "." not in str(node.module) and node.col_offset == 0
    if not bare or any(alias.asname or alias.name == "*" for alias in node.names):
        message = "a module beside the template is imported by `from MODULE import NAME`, at the top and without `as`"
        raise _fault(module.path, node.lineno, message)
    _comment_after(module, node)
    return True


def _refuse_unmovable(module: _Module, node: _ImportStatement) -> None:
    """A fault for an import that cannot move to the others."""
    for root in _roots(node):
        if root not in sys.stdlib_module_names:
            raise _fault(module.path, node.lineno, f"{root} is neither in the standard library nor beside the template")
    if any(alias.name == "*" for alias in node.names):
        raise _fault(module.path, node.lineno, "import names, not *")
    _comment_after(module, node)


def _roots(node: _ImportStatement) -> list[str]:
    names = [str(node.module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return [name.partition(".")[0] for name in names]


def _bound(module: _Module) -> dict[str, bool]:
    """The names a module has at its top level, and whether more than an import gives them a value."""
    table = symtable.symtable("\n".join(module.lines), str(module.path), "exec")
    return {s.get_name(): s.is_assigned() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def _refuse_clashes(modules: Sequence[_Module]) -> None:
    """A fault for a name that would stand for two things in one file."""
    seen: dict[str, str] = {}
    for module in modules:
        for name, meaning in _meanings(module).items():
            if seen.setdefault(name, meaning) != meaning:
                raise _fault(module.path, None, f"the name {name} would be both {seen[name]} and {meaning}")


def _meanings(module: _Module) -> dict[str, str]:
    """What the names of a module stand for: an import, or else something of its own.

    Names out of modules beside it are left out: those that define them tell.
    """
    bound = _bound(module)
    meanings = {name: f"one of {module.path.name}" for name, assigned in bound.items() if assigned}
    for statement in _outside_functions(module.tree.body):
        if statement not in module.imports.beside:
            for alias in statement.names:
                name, meaning = _meaning(statement, alias)
                meanings.setdefault(name, meaning)
    return meanings


def _outside_functions(body: Iterable[ast.AST]) -> Iterator[_ImportStatement]:
    """The imports of a module that run when it is imported: at its top level and in blocks like `if` and `try`."""
    for node in body:
        if isinstance(node, _ImportStatement):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from _outside_functions(getattr(node, block, []))


def _meaning(statement: _ImportStatement, alias: ast.alias) -> tuple[str, str]:
    """(Name that an import gives, what it stands for)."""
    if isinstance(statement, ast.ImportFrom):
        return alias.asname or alias.name, f"{statement.module}.{alias.name}"
    root = alias.name.partition(".")[0]
    return (alias.asname, alias.name) if alias.asname else (root, root)


# Assembling ---------------------------------------------------------------------------------------------------------


def _assembled(main: _Module, beside: Sequence[_Module]) -> list[str]:
    """The lines of the script: the template, before its main block the modules beside it, all imports at the top."""
    guard = _guard(main)
    parts = _without_imports(main, 0, guard, _import_block([main, *beside]))
    for module in beside:
        start, heading = _heading(module)
        body = _joined(_without_imports(module, start, len(module.lines), []))
        spaced = re.match(r"@|class |def |async def ", "".join(body[:1]))  # what the formatter sets apart
        parts.append(["", "", heading, *([""] * (2 if spaced else 1)), *body, "", ""])
    return _joined([*parts, main.lines[guard:]])


def _guard(module: _Module) -> int:
    """How many lines come before the main block of a template and the comment above it."""
    body = module.tree.body
    if not body or [s for s in body if _is_guard(s)] != body[-1:]:
        raise _fault(module.path, None, 'it must end in one `if __name__ == "__main__":`')
    return _comments_above(module, body[-1].lineno) - 1


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def _heading(module: _Module) -> tuple[int, str]:
    """(Lines that a module's docstring takes, the comment made from its first sentence)."""
    for statement in module.tree.body:
        if _is_guard(statement):
            raise _fault(module.path, statement.lineno, "only the template itself has a main block")
    docstring = ast.get_docstring(module.tree)
    if not docstring:
        return 0, f"# --- {module.path.stem} ---"
    statement = module.tree.body[0]
    assert statement.end_lineno is not None
    _comment_after(module, statement)
    sentence = docstring.splitlines()[0].partition(". ")[0].rstrip(".")
    return statement.end_lineno, f"# --- {module.path.stem}: {sentence} ---"


def _without_imports(module: _Module, start: int, end: int, block: list[str]) -> list[list[str]]:
    """The lines from `start` to `end` in pieces, between them the imports were; the block takes the place of the first.

    The comment above an import of a module beside it goes with that import.
    """
    beside, library = module.imports
    pieces = []
    for statement in sorted([*beside, *library], key=lambda s: s.lineno):
        first = _comments_above(module, statement.lineno) if statement in beside else statement.lineno
        pieces += [module.lines[start : first - 1], ["", *block, ""] if block else []]
        start, block = statement.end_lineno or 0, []
    return [*pieces, module.lines[start:end]]


def _joined(pieces: Iterable[list[str]]) -> list[str]:
    """Pieces one after the other; between two are the blank lines of the side that has more, at most two."""
    lines: list[str] = []
    gap = 0
    for piece in pieces:
        full = [number for number, line in enumerate(piece) if line.strip()]
        if not full:
            gap = max(gap, len(piece))
            continue
        if lines:
            lines += [""] * min(2, max(gap, full[0]))
        lines += piece[full[0] : full[-1] + 1]
        gap = len(piece) - 1 - full[-1]
    return lines


def _with_about(lines: list[str], about: str) -> list[str]:
    """A comment line after the PEP 723 block, or at the top where there is none."""
    if not about.isprintable():
        raise SelectorError(f"about: {quoted(about)} is not one line of text", exit_code=1)
    after = lines.index("# ///") + 1 if "# ///" in lines else int(lines[0].startswith("#!"))
    return _joined([lines[:after], ["", f"# {about}", ""], lines[after:]])


# Imports ------------------------------------------------------------------------------------------------------------


def _import_block(modules: Sequence[_Module]) -> list[str]:
    """All imports of the standard library at the top of these modules, merged and sorted as isort does."""
    merged: dict[tuple[str, str], tuple[set[str], dict[str, None]]] = {}
    for module in modules:
        for statement in module.imports.library:
            said = [module.comments.get(line) for line in range(statement.lineno, (statement.end_lineno or 0) + 1)]
            for alias in statement.names:
                shown = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                of = str(statement.module) if isinstance(statement, ast.ImportFrom) else ""
                alone = shown if alias.asname or not of else ""  # has a line of its own
                names, comments = merged.setdefault((of, alone), (set(), {}))
                names.add(shown)
                comments |= dict.fromkeys(filter(None, said))
    found = [(of, sorted(names, key=_name_order), "  ".join(comments)) for (of, _), (names, comments) in merged.items()]
    found.sort(key=lambda f: (f[0] != "", _natural(f[0] or f[1][0]), _name_order(f[1][0])))
    future = [line for f in found if f[0] == "__future__" for line in _import_lines(*f)]
    library = [line for f in found if f[0] != "__future__" for line in _import_lines(*f)]
    return [*future, *([""] if future and library else []), *library]


def _import_lines(of: str, names: list[str], comment: str) -> Iterator[str]:
    """One import; of a long list each name gets a line."""
    tail = f"  {comment}" if comment else ""
    line = f"from {of} import {', '.join(names)}" if of else f"import {names[0]}"
    if not of or len(line) <= _IMPORT_WIDTH:
        yield line + tail
    elif len(names) == 1:
        yield from (f"from {of} import (", f"    {names[0]},{tail}", ")")
    else:
        yield from (f"from {of} import ({tail}", *(f"    {name}," for name in names), ")")


def _name_order(name: str) -> tuple[int, list[str | int]]:
    """Constants first, then classes, then the rest."""
    word = name.partition(" ")[0]
    kind = 0 if len(word) > 1 and word.isupper() else 1 if word[0].isupper() else 2
    return kind, _natural(name)


def _natural(name: str) -> list[str | int]:
    """A key to sort by that takes digits as numbers."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]
