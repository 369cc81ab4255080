"""Makes one script of a template: its parameters replaced, the modules beside it put in, the imports merged."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from selector.benchmark.template import (
    ImportStatement,
    Module,
    comment_after,
    fault,
    parameters_of,
    parsed,
    part_of,
    read_module,
    with_values,
)
from selector.errors import SelectorError
from selector.text import quoted

_OLDEST_PYTHON = (3, 10)
_IMPORT_WIDTH = 100


def render(template: Path, values: Mapping[str, object], about: str = "") -> str:
    """The text of one script: the template with these values, complete in itself.

    Parameters without a value keep their default. `about` becomes a comment line at the top; it is ours, not a user's.
    SelectorError for a name that is no parameter, a value that is no plain literal or of another kind than its
    parameter, and (exit code 1) for a broken template.
    """
    main = parsed(template, with_values(read_module(template), values))
    beside: dict[str, Module] = {}
    _collect(main, (template,), beside)
    _refuse_clashes([main, *beside.values()])
    text = _assembled(main, list(beside.values()), about)
    try:
        tree = ast.parse(text, feature_version=_OLDEST_PYTHON)
        compile(tree, template.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise fault(template, error.lineno, f"the script made of it is wrong: {error.msg}") from None
    return text


def render_known(template: Path, values: Mapping[str, object], about: str = "") -> str:
    """The same with those of the values that the template has a parameter for."""
    known = template_parameters(template)
    return render(template, {key: value for key, value in values.items() if key in known}, about)


def template_parameters(template: Path) -> dict[str, object]:
    """The parameters of a template, in their order, with the defaults."""
    return {name: parameter.default for name, parameter in parameters_of(read_module(template)).items()}


# What is put in -------------------------------------------------------------------------------------------------------


def _collect(module: Module, path_here: tuple[Path, ...], found: dict[str, Module]) -> None:
    """Put the modules that this one needs into `found`, each after those that it needs itself."""
    for statement in module.imports.beside:
        name = str(statement.module)
        path = part_of(module.path, name)
        if path in path_here:
            raise fault(module.path, statement.lineno, f"{name} is imported in a circle")
        if name not in found:
            needed = read_module(path)
            _collect(needed, (*path_here, path), found)
            found[name] = needed
        for alias in statement.names:
            if alias.name not in found[name].bound:
                raise fault(module.path, statement.lineno, f"{path.name} has no {alias.name}")


def _refuse_clashes(modules: Sequence[Module]) -> None:
    """A fault for a name that would stand for two things in one file."""
    seen: dict[str, str] = {}
    for module in modules:
        for name, meaning in _meanings(module).items():
            if seen.setdefault(name, meaning) != meaning:
                raise fault(module.path, None, f"the name {name} would be both {seen[name]} and {meaning}")


def _meanings(module: Module) -> dict[str, str]:
    """What the names of a module stand for: an import, or else something of its own.

    Names out of modules beside it are left out: those that define them tell.
    """
    meanings = {name: f"one of {module.path.name}" for name, assigned in module.bound.items() if assigned}
    for statement in _outside_functions(module.tree.body):
        if statement not in module.imports.beside:
            for alias in statement.names:
                name, meaning = _meaning(statement, alias)
                meanings.setdefault(name, meaning)
    return meanings


def _outside_functions(body: Iterable[ast.AST]) -> Iterator[ImportStatement]:
    """The imports of a module that run when it is imported: at its top level and in blocks like `if` and `try`."""
    for node in body:
        if isinstance(node, ImportStatement):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from _outside_functions(getattr(node, block, []))


def _meaning(statement: ImportStatement, alias: ast.alias) -> tuple[str, str]:
    """(Name that an import gives, what it stands for)."""
    if isinstance(statement, ast.ImportFrom):
        return alias.asname or alias.name, f"{statement.module}.{alias.name}"
    root = alias.name.partition(".")[0]
    return (alias.asname, alias.name) if alias.asname else (root, root)


# Assembling -----------------------------------------------------------------------------------------------------------


def _assembled(main: Module, beside: Sequence[Module], about: str) -> str:
    """The script: the template, before its main block the modules beside it, all imports at the top."""
    guard = _guard(main)
    head = _with_about(main.lines[: _comments_above(main, main.imports.first) - 1], about)
    block = import_block([main, *beside])
    parts = [_stripped(head), _stripped(block), _stripped(main.lines[main.imports.last : guard])]
    text = "\n\n".join(part for part in parts if part)
    for module in beside:
        parts = [_heading(module), _stripped(module.lines[module.imports.last :])]
        text = "\n\n\n".join(part for part in (text, *parts) if part)
    return f"{text}\n\n\n{_stripped(main.lines[guard:])}\n"


def _stripped(lines: Iterable[str]) -> str:
    return "\n".join(lines).strip("\n")


def _comments_above(module: Module, line: int) -> int:
    """The first line of the comment that stands right above a line; marker lines are not part of one."""
    while line > 1 and re.match(r"#(?!!| (---|///))", module.lines[line - 2]):
        line -= 1
    return line


def _guard(module: Module) -> int:
    """How many lines come before the main block of a template and the comment above it."""
    body = module.tree.body
    if not body or [s for s in body if _is_guard(s)] != body[-1:]:
        raise fault(module.path, None, 'it must end in one `if __name__ == "__main__":`')
    return _comments_above(module, body[-1].lineno) - 1


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def _heading(module: Module) -> str:
    """The comment made from the first sentence of a module's docstring, which it replaces."""
    for statement in module.tree.body:
        if _is_guard(statement):
            raise fault(module.path, statement.lineno, "only the template itself has a main block")
    docstring = ast.get_docstring(module.tree)
    if not docstring:
        return f"# --- {module.path.stem} ---"
    comment_after(module, module.tree.body[0])
    sentence = docstring.splitlines()[0].partition(". ")[0].rstrip(".")
    return f"# --- {module.path.stem}: {sentence} ---"


def _with_about(lines: list[str], about: str) -> list[str]:
    """A comment line after the PEP 723 block, or at the top where there is none."""
    if not about:
        return lines
    if not about.isprintable():
        raise SelectorError(f"about: {quoted(about)} is not one line of text", exit_code=1)
    after = lines.index("# ///") + 1 if "# ///" in lines else int(bool(lines) and lines[0].startswith("#!"))
    return [*lines[:after], *([""] if after else []), f"# {about}", "", *lines[after:]]


def import_block(modules: Sequence[Module]) -> list[str]:
    """All imports of the standard library at the top of these modules, each once."""
    plain: set[str] = set()
    of: dict[str, set[str]] = {}
    for statement in (statement for module in modules for statement in module.imports.library):
        names = {ast.unparse(alias) for alias in statement.names}
        if isinstance(statement, ast.ImportFrom):
            of.setdefault(str(statement.module), set()).update(names)
        else:
            plain |= names
    future = [f"from __future__ import {', '.join(sorted(of.pop('__future__')))}", ""] if "__future__" in of else []
    named = [line for module in sorted(of) for line in _import_lines(module, sorted(of[module], key=_constants_first))]
    return [*future, *(f"import {name}" for name in sorted(plain)), *named]


def _constants_first(name: str) -> tuple[bool, str]:
    return not name.isupper(), name


def _import_lines(module: str, names: list[str]) -> list[str]:
    """One import; of a long list each name gets a line."""
    line = f"from {module} import {', '.join(names)}"
    return [line] if len(line) <= _IMPORT_WIDTH else [f"from {module} import (", *(f"    {n}," for n in names), ")"]
