"""The user's function and items, found by the texts that name them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from function_probe import modules


@pytest.fixture
def target(monkeypatch) -> Iterator[SimpleNamespace]:
    """The module under test; what it puts on the path and imports is gone afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    with modules() as found:
        yield found.target
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a user's code and data."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "shop.py").write_text(
        "import itertools\nclass Cart:\n    @staticmethod\n    def price(x): return x + 1\n"
        "endless = itertools.count\ndef broken():\n    yield 1\n    yield 2\n    raise OSError('no disk')\n"
        "def fails(): return 1 / 0\nasync def later(): yield 1\nasync def gone(): return [1]\nname = 'abc'\nnumber = 5\n"
    )
    (tmp_path / "needs.py").write_text("import no_such_library\n")
    (tmp_path / "not_python.py").write_text("def f(:\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "stops.py").write_text("x = 1\n1 / 0\n")
    (tmp_path / "json.py").write_text("def f(): pass\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "part.py").write_text("from . import other\nf = other.f\n")
    (tmp_path / "pack" / "other.py").write_text("def f(x): return x\n")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n\n[2]\n')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "bad.jsonl").write_text("1\n{\n")
    return tmp_path


def test_a_function_is_found_in_a_file_or_a_module(target, here):
    assert target.load_target("sub/shop.py:Cart.price", str(here))(1) == 2
    assert target.load_target("pack.part:f", str(here))(5) == 5
    assert target.load_target("sub/shop.py:Cart.price", str(here)).__module__ == "shop"
    assert sys.path[0] == str(here / "sub")


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("shop", "bad_target", "give module:function or path/file.py:function"),
        ("sub/shop.py:a b", "bad_target", "give module:function"),
        ("sub/shop:f", "bad_target", "neither a module nor a .py file"),
        ("absent.py:f", "no_such_file", "no such file in"),
        ("sub/shop.py:Cart.prise", "no_such_name", "sub/shop.py has no Cart.prise; it has price"),
        ("sub/shop.py:brokn", "no_such_name", "it has broken"),
        ("absent.part:f", "no_such_module", "there is no module absent in"),
        ("absent:f", "no_such_module", "there is no module absent in " + sys.executable),
        ("needs.py:f", "cannot_import", "it needs no_such_library, which is not installed in"),
        ("not_python.py:f", "cannot_import", "not_python.py, line 1: "),
        ("leaves.py:f", "import_exits", "if __name__ == '__main__':"),
        ("stops.py:f", "cannot_import", "stops.py, line 2"),
        ("json.py:f", "cannot_import", "another module is called json, too; rename the file"),
        ("pack/part.py:f", "cannot_import", "name it package.module:function"),
    ],
)
def test_what_cannot_be_found_is_told_with_its_place_and_a_remedy(target, here, text, kind, says):
    with pytest.raises(target.TargetError) as caught:
        target.load_target(text, str(here))
    assert caught.value.kind == kind
    assert says in caught.value.text


@pytest.mark.parametrize(
    ("source", "items"),
    [
        ("3", [0, 1, 2]),
        ("rows.csv", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("rows.jsonl", [{"a": 1}, [2]]),
        ("list.json", [1, 2]),
        ("lines.txt", ["one", "two"]),
        ("sub/shop.py:endless", [0, 1, 2, 3, 4]),
    ],
)
def test_items_come_from_any_source_and_only_what_is_taken(target, here, source, items):
    assert list(itertools.islice(target.iterate_items(source, str(here)), 5)) == items


def test_a_glob_gives_paths_as_the_user_would_write_them(target, here, monkeypatch):
    assert list(target.iterate_items("*.txt", str(here))) == [str(here / "lines.txt")]
    monkeypatch.chdir(here)
    assert list(target.iterate_items("li*.*", str(here))) == ["lines.txt", "list.json"]


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("absent.json", "no_such_file", "absent.json: no such file in"),
        ("*.png", "bad_items", "no file matches"),
        ("something", "bad_items", "is none of these"),
        ("object.json", "bad_items", "must be [item, item, ...]"),
        ("bad.jsonl", "bad_items", "bad.jsonl, line 2"),
        ("sub/shop.py:broken", "items_fail", "raises after 2 items: OSError: no disk"),
        ("sub/shop.py:fails", "items_fail", "ZeroDivisionError"),
        ("sub/shop.py:name", "bad_items", "put it into a list"),
        ("sub/shop.py:number", "bad_items", "gives int, not an iterable"),
        ("sub/shop.py:later", "bad_items", "is asynchronous"),
    ],
)
def test_items_that_cannot_be_had_are_told(target, here, source, kind, says):
    with pytest.raises(target.TargetError) as caught:
        list(target.iterate_items(source, str(here)))
    assert caught.value.kind == kind
    assert says in caught.value.text
