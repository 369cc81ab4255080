"""A template as source: its parameters take values of their kind, and what is wrong with it is named."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from sample_template import GUARD, MARKED, fails, parameters_in, with_block, with_modules, written

from selector.benchmark.render import render, template_parameters
from selector.errors import SelectorError


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return with_modules(tmp_path)


# Values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "written_as"),
    [
        ("TASKS", 10**30, "1" + "0" * 30),
        ("TASKS", -3, "-3"),
        ("CPU_MS", 3, "3.0"),
        ("CPU_MS", 2**53, "9007199254740992.0"),
        ("CPU_MS", -0.0, "-0.0"),
        ("CPU_MS", 1e-7, "1e-07"),
        ("CPU_MS", 1.5e300, "1.5e+300"),
        ("LIMIT_MB", 12, "12.0"),
        ("LABELS", ("a", "b"), "('a', 'b')"),
        ("LABELS", ["a"], "('a',)"),
        ("LABELS", (), "()"),
        ("WORKERS", {}, "{}"),
        ("PLAIN", [1, 2.5], "[1.0, 2.5]"),
        ("ANY", {1: "a", None: True, 2.5: ()}, "{1: 'a', None: True, 2.5: ()}"),
        ("ANY", {("a", 1): [()]}, "{('a', 1): [()]}"),
        ("NAME", 'say "hi"', "'say \"hi\"'"),
        ("NAME", 'it\'s "it"', "'it\\'s \"it\"'"),
        ("NAME", "it's", '"it\'s"'),
        ("NAME", "a\\b", "'a\\\\b'"),
        ("NAME", "é\u202e\ud800\x7f\x00", "'\\xe9\\u202e\\ud800\\x7f\\x00'"),
    ],
)
def test_a_value_is_written_as_the_literal_its_parameter_wants(
    template: Path, name: str, value: object, written_as: str
) -> None:
    text = render(template, {name: value})
    assert re.search(rf"^{name}\b[^=]*= {re.escape(written_as)}(  #.*)?$", text, re.MULTILINE)


class Text(str):
    """Text whose repr is code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "__import__('os').system('x')"


def endless() -> list[object]:
    nested: list[object] = []
    nested.append(nested)
    return nested


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAME", None),
        ("NAME", b"bytes"),
        ("ANY", Text("x")),
        ("TASKS", "64"),
        ("TASKS", 64.0),
        ("TASKS", True),
        ("TASKS", -(10**5000)),
        ("CPU_MS", "5"),
        ("CPU_MS", float("nan")),
        ("CPU_MS", float("inf")),
        ("CPU_MS", True),
        ("CPU_MS", 2**53 + 1),
        ("CPU_MS", 10**400),
        ("FAST", 1),
        ("LABELS", "text"),
        ("LABELS", ("a", 1)),
        ("LABELS", [["a"]]),
        ("LABELS", None),
        ("WORKERS", [("threads", 2)]),
        ("WORKERS", {"threads": "2"}),
        ("WORKERS", {1: 2}),
        ("PLAIN", [None]),
        ("ANY", [object]),
        ("ANY", [[float("nan")]]),
        ("ANY", {"a": Text("x")}),
        ("ANY", endless()),
        ("ANY", json.loads("[" * 500 + "]" * 500)),
        ("ANY", os.environ),
    ],
    ids=lambda value: str(type(value).__name__)[:20] if not isinstance(value, str) else value,
)
def test_a_value_of_another_kind_is_refused(template: Path, name: str, value: object) -> None:
    error = fails(template, f"parameter {name} is .*, not ", {name: value}, code=2)
    assert len(str(error)) < 300


def test_tuples_of_fixed_length(tmp_path: Path) -> None:
    template = with_block(tmp_path, 'A: dict[str, tuple[int, float]] = {"a": (1, 2.0)}')
    assert parameters_in(render(template, {"A": {"b": (3, 4)}})) == {"A": {"b": (3, 4.0)}}
    fails(template, "parameter A is ", {"A": {"b": (3,)}}, code=2)
    fails(template, "parameter A is ", {"A": {"b": ("3", 4.0)}}, code=2)


def test_comments_in_a_value_stay_while_it_is_the_default(tmp_path: Path) -> None:
    block = "A: tuple[float, ...] = (\n    1.0,  # one\n    2.0,\n)  # all\nB = True\nC: float = 5"
    template = with_block(tmp_path, block)
    assert block in render(template, {"A": (1, 2.0), "B": True})
    assert "A: tuple[float, ...] = (1.0, 3.0)  # all\nB = False\nC: float = 6.0\n" in render(
        template, {"A": (1, 3), "B": False, "C": 6}
    )


def test_an_unknown_name_is_refused_with_the_one_that_is_meant(template: Path) -> None:
    error = fails(template, re.escape('template.py has no parameter "TASK" (did you mean "TASKS"?)'), {"TASK": 1}, 2)
    assert "NAME, TASKS, CPU_MS" in error.hint
    fails(template, "no parameter", {"NAME\nimport os": 1}, 2)
    fails(template, "no parameter", {"main": 1}, 2)


# Broken templates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("A = B", "A must be a literal"),
        ("A = [1, print()]", "A must be a literal"),
        ("A = f'{1}'", "A must be a literal"),
        ("A = {[]: 1}", "A must be a literal"),
        ("A = b'x'", "A must be a literal"),
        ("A = {1}", "A must be a literal"),
        ("A = 1 + 2j", "A must be a literal"),
        ("A = ...", "A must be a literal"),
        ("A: int = '1'", "A must be a literal"),
        ("A: bytes = b'1'", "A must be a literal"),
        ("A: dict[int] = {}", "A must be a literal"),
        ("A: set[int] = []", "A must be a literal"),
        ("A: int", "only NAME = literal"),
        ("A, B = 1, 2", "only NAME = literal"),
        ("A = B = 1", "only NAME = literal"),
        ("A.b = 1", "only NAME = literal"),
        ("A.b: int = 1", "only NAME = literal"),
        ("A += 1", "only NAME = literal"),
        ("import os", "only NAME = literal"),
        ("'text'", "only NAME = literal"),
        ("if True:\n    A = 1", "only NAME = literal"),
        ("def f():\n    pass", "only NAME = literal"),
        ("A = 1\nA = 2", "line 5: A is there twice"),
        ("A = (", "it is no Python"),
        ("A = 1\n# --- parameters: end ---", "must be there once; it is there 2 times"),
        ("# --- parameters: begin ---", "must be there once; it is there 2 times"),
    ],
)
def test_what_may_not_stand_between_the_markers(tmp_path: Path, block: str, message: str) -> None:
    template = with_block(tmp_path, block)
    fails(template, message)
    with pytest.raises(SelectorError, match=message):
        template_parameters(template)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'# --- parameters: begin ---' must be there once; it is there 0 times"),
        ("# --- parameters: begin ---\n", "'# --- parameters: end ---' must be there once"),
        ('"""\n# --- parameters: begin ---\n# --- parameters: end ---\n"""\n', "line 1: only whole statements"),
        ("# --- parameters: end ---\n# --- parameters: begin ---\n", "line 1: the parameters end before they begin"),
        (f"def f():\n    pass\n{MARKED}    return\n{GUARD}", "it is no Python"),
        ("X = [\n# --- parameters: begin ---\n1]\n# --- parameters: end ---\n", "line 1: only whole statements"),
        ("# --- parameters: begin ---\nX = [\n# --- parameters: end ---\n1]\n", "line 2: only whole statements"),
        ("def f(:\n", "line 1: it is no Python"),
        ("A = 1\0", "it is no Python"),
        (MARKED, "must end in one `if __name__"),
        ("# --- parameters: begin ---\n# --- parameters: end ---\n", "must end in one `if __name__"),
        (MARKED + GUARD + "X = 1\n", "must end in one `if __name__"),
        (MARKED + GUARD * 2, "must end in one `if __name__"),
        (MARKED + "if __name__ == '__mp_main__':\n    pass\n", "must end in one `if __name__"),
        (f"from os import *\n{MARKED}{GUARD}", "line 1: import names, not"),
        (f"import os; import sys\n{MARKED}{GUARD}", "line 1: write one statement a line"),
        (f"from one import X; X()\n{MARKED}{GUARD}", "line 1: write one statement a line"),
        (f"import numpy.linalg\n{MARKED}{GUARD}", "numpy is neither in the standard library nor beside"),
        (f"from harnes import main\n{MARKED}{GUARD}", "harnes is neither in the standard library nor beside"),
        (f"import one\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"import os, one.sub\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from one.sub import X\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from . import one\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from .one import X\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from one import X as Y\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from one import *\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"if True:\n    from one import X\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"def f():\n    import one\n{MARKED}{GUARD}", "from MODULE import NAME"),
        (f"from one import Y\n{MARKED}{GUARD}", "line 1: one.py has no Y"),
        (f"from one import X\nX = 2\n{MARKED}{GUARD}", "the name X would be both one of template.py and one of one.py"),
        (f"from one import X\nfrom os import path as json\n{MARKED}{GUARD}", "json would be both os.path and json"),
        (f"from one import X\nimport os as json\n{MARKED}{GUARD}", "json would be both os and json"),
        (f"from one import X\ndef json():\n    pass\n{MARKED}{GUARD}", "json would be both"),
        (
            f"from one import X\nimport json\njson = None\n{MARKED}{GUARD}",
            "json would be both one of template.py and json",
        ),
        (f"from one import X\n{MARKED}for X in ():\n    pass\n{GUARD}", "the name X"),
        (f"from loop import X\n{MARKED}{GUARD}", "loop.py, line 1: template is imported in a circle"),
        (f"from ring import X\n{MARKED}{GUARD}", "ring.py, line 1: ring is imported in a circle"),
        (f"from main import X\n{MARKED}{GUARD}", "main.py, line 2: only the template itself has a main block"),
        (f"from doc import X\n{MARKED}{GUARD}", "doc.py, line 1: write one statement a line"),
        (f"from broken import X\n{MARKED}{GUARD}", "broken.py, line 1: it is no Python"),
        (f"{MARKED}try:\n    pass\nexcept* OSError:\n    pass\n{GUARD}", "the script made of it is wrong"),
        (f"{MARKED}return\n{GUARD}", "the script made of it is wrong: 'return' outside function"),
    ],
)
def test_other_faults_of_a_template(tmp_path: Path, text: str, message: str) -> None:
    beside = {
        "one": "import json\n\nX = json\n",
        "loop": "from template import A\n\nX = A\n",
        "ring": "from ring import X\n",
        "main": "X = 1\nif __name__ == '__main__':\n    pass\n",
        "doc": '"""Doc."""; X = 1\n',
        "broken": "X =\n",
    }
    fails(written(tmp_path, text, **beside), message)


def test_names_that_are_the_same_import_do_not_clash(tmp_path: Path) -> None:
    block = "if sep:\n    import abc\nelse:\n    from ast import walk\n"
    text = f"import os.path\nimport json as j\nfrom os import sep\nfrom one import X\n\n{block}\n{MARKED}{GUARD}"
    one = f"import abc\nimport os\nimport json as j\nfrom os import sep\n\n{block}\nX = os, j, sep\n"
    script = render(written(tmp_path, text, one=one), {})
    assert script.startswith("import abc\nimport json as j\nimport os\nimport os.path\nfrom os import sep\n\nif sep:")
    assert script.count(block) == 2


def test_an_import_in_a_block_that_may_fail_clashes(tmp_path: Path) -> None:
    block = "try:\n    import psutil\nexcept ImportError:\n    psutil = None\n"
    template = written(tmp_path, f"from one import X\n\n{block}\n{MARKED}{GUARD}", one=f"{block}\nX = psutil\n")
    fails(template, "psutil would be both one of template.py and one of one.py")
    block = "with open(__file__):\n    import abc\ndef ast():\n    import abc.nothing as abc\n"
    template = written(tmp_path, f"from one import X\n\n{block}\n{MARKED}{GUARD}", one="import ast as abc\nX = abc\n")
    fails(template, "abc would be both abc and ast")


def test_a_template_that_cannot_be_read(tmp_path: Path) -> None:
    fails(tmp_path / "none.py", "none.py: cannot be read: No such file")
    fails(tmp_path, "cannot be read")
    (tmp_path / "latin.py").write_bytes(b"# \xff\n")
    fails(tmp_path / "latin.py", "latin.py: cannot be read: it is not UTF-8")


def test_parameters_that_cannot_be_replaced(tmp_path: Path) -> None:
    fails(with_block(tmp_path, "A = 1; B = 2"), "line 4: write one statement a line", {"A": 3})
