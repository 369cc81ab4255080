"""What names a function and its items is read as text, and what cannot be meant is refused with a remedy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from selector.errors import SelectorError
from selector.measure.python import choose_python, named_python
from selector.measure.target import functions_in, parse_items, parse_target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "resize.py").write_text(
        "raise SystemExit('never run')\ndef thumbnail(p): ...\nasync def fetch(u): ...\ndef _own(): ...\nITEMS = []"
    )
    (tmp_path / "not-a-name.py").write_text("def f(): ...")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    (tmp_path / "a b.png").write_text("")
    (tmp_path / "pack").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "place", "name", "module"),
    [
        ("resize.py:thumbnail", "resize.py", "thumbnail", "resize"),
        ("package.module:Class.method", "package.module", "Class.method", "package.module"),
        ("./resize.py:thumbnail", "./resize.py", "thumbnail", "resize"),
    ],
)
def test_a_target_is_a_place_and_a_name(folder: Path, text: str, place: str, name: str, module: str) -> None:
    target = parse_target(text, folder)
    assert (target.place, target.name, target.module, str(target)) == (place, name, module, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resize.py", "its functions: resize.py:thumbnail or resize.py:fetch"),
        ("resize", "give module:function"),
        ("resize.py:", "no function's name"),
        ("resize.py:a-b", "no function's name"),
        (":f", "neither a module nor a .py file"),
        ("a/b:f", "neither a module nor a .py file"),
        ("resise.py:f", 'did you mean "resize.py"?'),
        ("nowhere/resize.py:f", "no such file"),
        ("not-a-name.py:f", "rename the file"),
    ],
)
def test_what_is_no_target_is_refused(folder: Path, text: str, words: str) -> None:
    with pytest.raises(SelectorError) as error:
        parse_target(text, folder)
    assert words in str(error.value)
    assert error.value.hint
    assert error.value.exit_code == 2


def test_functions_of_a_file_are_read_and_nothing_is_run(folder: Path) -> None:
    assert functions_in(folder / "resize.py") == ["thumbnail", "fetch"]
    assert functions_in(folder / "nowhere.py") == []


def test_a_name_that_a_file_has_nowhere_is_refused_unless_it_may_come_from_elsewhere(folder: Path) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_target("resize.py:thumbnial", folder, "--function")
    assert caught.value.message == (
        '--function "resize.py:thumbnial": resize.py has no "thumbnial" (did you mean "thumbnail"?)'
    )
    for line in ("from there import *", "def __getattr__(name): ...", "globals()['a' + 'b'] = len"):
        (folder / "open.py").write_text(line)
        assert parse_target("open.py:f", folder).name == "f"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("40", "number"),
        ("1_000", "number"),
        ("-", "stdin"),
        ("rows.csv", "file"),
        ("*.png", "glob"),
        ("resize.py:ITEMS", "target"),
        ("mod.items:make", "target"),
    ],
)
def test_items_are_of_five_kinds(folder: Path, text: str, kind: str) -> None:
    assert parse_items(text, folder).kind == kind


@pytest.mark.parametrize(
    "text", ["0", "nowhere.json", "*.gif", "rows.parquet", "resize.py", "nowhere.py:ITEMS", "", "1.5"]
)
def test_what_gives_no_items_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(SelectorError) as error:
        parse_items(text, folder)
    assert error.value.hint


# Python ---------------------------------------------------------------------------------------------------------------


def environment(folder: Path) -> Path:
    """Something like a virtual environment of the Python that runs this."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    return folder


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links and bin/python")


@posix_only
def test_the_active_environment_comes_before_the_projects_and_that_before_the_path(tmp_path: Path) -> None:
    active, project = environment(tmp_path / "active"), tmp_path / "project"
    environment(project / ".venv")
    (project / "pyproject.toml").write_text("")
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    path = {"PATH": str(active / "bin")}
    assert choose_python(None, {"VIRTUAL_ENV": str(active)}, below).path == str(active / "bin" / "python")
    assert choose_python(None, path, below).path == str(project / ".venv" / "bin" / "python")
    assert "on PATH" in choose_python(None, path, tmp_path).why
    assert named_python(str(project / ".venv")).path == str(project / ".venv" / "bin" / "python")


def test_the_tools_own_python_is_never_taken_without_a_word(tmp_path: Path) -> None:
    own = Path(os.path.abspath(sys.executable)).parent.parent
    if not (own / "bin" / "python").exists():
        pytest.skip("not in an environment")
    assert "which this tool runs in, too" in choose_python(None, {"VIRTUAL_ENV": str(own)}, tmp_path).why


@posix_only
@pytest.mark.parametrize(("variable", "name"), [("UV", "a1B2c3"), ("PRE_COMMIT", "py_env-python3")])
def test_an_environment_made_for_this_tool_alone_is_not_meant(
    variable: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, users = environment(tmp_path / name), environment(tmp_path / "users")
    monkeypatch.setattr(sys, "executable", str(made / "bin" / "python"))
    around = {variable: "1", "PATH": f"{made / 'bin'}{os.pathsep}{users / 'bin'}"}
    if variable == "PRE_COMMIT":
        around["VIRTUAL_ENV"] = str(made)
    assert choose_python(None, around, tmp_path).path == str(users / "bin" / "python")
    alone = choose_python(None, {**around, "PATH": str(made / "bin")}, tmp_path)
    assert (alone.path, alone.why) == (str(made / "bin" / "python"), "python on PATH, which this tool runs in, too")


@posix_only
def test_an_environment_that_uv_runs_a_project_in_is_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = environment(tmp_path / "own"), environment(tmp_path / "other")
    monkeypatch.setattr(sys, "executable", str(own / "bin" / "python"))
    around = {"UV": "uv", "VIRTUAL_ENV": str(own), "PATH": f"{own / 'bin'}{os.pathsep}{other / 'bin'}"}
    assert choose_python(None, around, tmp_path).path == str(own / "bin" / "python")


@pytest.mark.parametrize("given", ["/bin/nowhere", "3.99"])
def test_a_python_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(SelectorError) as error:
        named_python(given)
    assert error.value.exit_code == 2


def test_without_any_python_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SelectorError, match="no Python to run the function"):
        choose_python(None, {"PATH": str(tmp_path)}, tmp_path)
