"""What a project requires: read of its files; what is wrong with one is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from readiness import distribution, environment

from selector.errors import SelectorError
from selector.readiness.graph import Graph
from selector.readiness.plan import plan_of
from selector.readiness.reading import read_project, read_requirements
from selector.readiness.request import request_of

PYPROJECT = """
[project]
dependencies = ["numpy>=2", "rich[jupyter] ; python_version >= '3.11'"]
[project.optional-dependencies]
web = ["starlette"]
[dependency-groups]
dev = ["pytest", {include-group = "lint"}]
lint = ["ruff"]
"""
UV = """
[[package]]
name = "mine"
version = "1"
source = { editable = "." }
dependencies = [{ name = "pandas", extra = ["excel"] }]
[[package]]
name = "pandas"
version = "3.1.1"
dependencies = [{ name = "numpy", marker = "python_full_version >= '3.11'" }]
sdist = { url = "https://example.org/pandas-3.1.1.tar.gz" }
wheels = [{ url = "https://example.org/a/pandas-3.1.1-cp314-cp314t-manylinux_2_17_x86_64.whl" }]
[[package]]
name = "numpy"
version = "2.5.5"
"""
POETRY = """
[[package]]
name = "Pandas"
version = "3.1.1"
files = [{file = "pandas-3.1.1-py3-none-any.whl", hash = "sha256:1"}]
[package.dependencies]
numpy = {version = ">=2", markers = "python_version >= '3.11'"}
lxml = {version = "*", optional = true}
[[package]]
name = "numpy"
version = "2.5.5"
"""
PDM = """
[[package]]
name = "pandas"
version = "3.1.1"
dependencies = ["numpy>=2; python_version >= '3.11'"]
files = [{file = "pandas-3.1.1.tar.gz", hash = "sha256:1"}]
[[package]]
name = "numpy"
version = "2.5.5"
"""


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return folder


def test_a_project_has_its_dependencies_and_those_of_the_groups_named(tmp_path: Path) -> None:
    written(tmp_path, pyproject__toml=PYPROJECT)
    assert read_project(tmp_path).names == ["numpy", "rich"]
    assert read_project(tmp_path, ("Web", "dev")).names == ["numpy", "rich", "starlette", "pytest", "ruff"]


@pytest.mark.parametrize(("name", "text"), [("uv.lock", UV), ("poetry.lock", POETRY), ("pdm.lock", PDM)])
def test_a_lock_tells_versions_files_and_what_needs_what(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    asked = read_project(tmp_path)
    assert (asked.source, asked.names, set(asked.locked) - {"mine"}) == (name, ["pandas"], {"pandas", "numpy"})
    assert asked.locked["pandas"].version == "3.1.1"
    assert [each.name for each in asked.locked["pandas"].requires] == ["numpy"]
    assert all(file.startswith("pandas-3.1.1") and "/" not in file for file in asked.locked["pandas"].files)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "uv.lock",
            """[[package]]\nname = "web"\nversion = "1"\n[package.optional-dependencies]\nfast = [{name = "loop", marker = "os_name == 'posix'"}]""",
        ),
        (
            "poetry.lock",
            """[[package]]\nname = "web"\nversion = "1"\n[package.dependencies]\nloop = {version = ">=1", optional = true}\n[package.extras]\nfast = ["loop (>=1)"]""",
        ),
        (
            "pdm.lock",
            """[[package]]\nname = "web"\nversion = "1"\n[[package]]\nname = "web"\nversion = "1"\nextras = ["fast"]\ndependencies = ["loop>=1"]""",
        ),
    ],
)
def test_an_extra_of_a_lock_is_needed_where_it_is_asked_for(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    locked = read_project(tmp_path).locked
    graph = Graph({package: lock.requires for package, lock in locked.items()}, [{"os_name": "posix"}])
    assert list(graph.ways([Requirement("web[fast]")])) == ["web", "loop"]
    assert list(graph.ways([Requirement("web")])) == ["web"]


def test_the_project_says_what_it_asks_for_and_the_lock_what_comes_of_it(tmp_path: Path) -> None:
    written(tmp_path, pyproject__toml=PYPROJECT, uv__lock=UV)
    asked = read_project(tmp_path)
    assert (asked.source, asked.names) == ("pyproject.toml and uv.lock", ["numpy", "rich"])
    assert set(asked.locked) == {"mine", "pandas", "numpy"}


def test_members_of_a_workspace_lead_on_and_are_no_packages(tmp_path: Path) -> None:
    lock = """
[[package]]
name = "app"
source = { editable = "." }
dependencies = [{ name = "app-core", extra = ["server"] }]
[[package]]
name = "app-core"
source = { editable = "core" }
dependencies = [{ name = "low" }]
[package.optional-dependencies]
server = [{ name = "web" }]
client = [{ name = "http" }]
[[package]]
name = "low"
version = "1"
[[package]]
name = "web"
version = "1"
"""
    written(
        tmp_path,
        pyproject__toml='[project]\ndynamic = ["dependencies"]\n[dependency-groups]\ndev = ["low"]\n',
        uv__lock=lock,
    )
    for groups in ((), ("dev",)):
        asked = read_project(tmp_path, groups)
        assert not asked.notes
        assert plan_of(asked, [environment()]).ways == {"low": ("low",), "web": ("web",)}
        assert "app-core" in plan_of(asked, [environment(distribution("app-core", "low"))]).ways


def test_a_lock_without_a_project_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    ring = [("app", ["pydantic"]), ("pydantic", ["email; extra == 'mail'"]), ("email", []), ("a", ["b"]), ("b", ["a"])]
    text = "".join(f'[[package]]\nname = "{name}"\nversion = "1"\ndependencies = {needs}\n' for name, needs in ring)
    (tmp_path / "pdm.lock").write_text(text, "utf-8")
    asked = read_project(tmp_path)
    assert asked.names == ["app", "email", "a"]
    assert plan_of(asked, [environment()]).ways["b"] == ("a", "b")


def test_requirements_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    text = (
        "\ufeff# all of it\nnumpy>=2 # the newest\n-r more.txt\n--index-url https://example.org/simple\n"
        "rich==15 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\n-e ./own\nlxml @ https://example.org/lxml.whl\n./a.whl\n"
    )
    written(tmp_path, requirements__txt=text, more__txt="-rrequirements.txt\npandas ; sys_platform == 'linux'\n")
    asked = read_project(tmp_path)
    assert asked.names == ["numpy", "pandas", "rich", "lxml"]
    assert [note.rpartition(": ")[2] for note in asked.notes] == [
        "-e ./own has no name and is left out.", "./a.whl has no name and is left out."
    ]  # fmt: skip


def test_poetry_before_it_knew_the_standard_and_dependencies_of_a_build(tmp_path: Path) -> None:
    written(tmp_path, pyproject__toml='[tool.poetry.dependencies]\npython = "^3.11"\nnumpy = "^2"\n')
    assert read_project(tmp_path).names == ["numpy"]
    written(tmp_path, pyproject__toml='[project]\ndynamic = ["dependencies"]\n')
    assert "worked out when it is built" in read_project(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("pyproject.toml", b"[project\n", "no TOML: Expected ']'"),
        ("pyproject.toml", b"\xff", "not UTF-8 text (byte 0)"),
        ("pyproject.toml", b"project = 1", "project is 1"),
        ("pyproject.toml", b"[project]\ndependencies = 'numpy'", 'dependencies is "numpy"'),
        ("pyproject.toml", b"[project]\ndependencies = ['numpy ~ 2']", '"numpy ~ 2" is no requirement'),
        ("pyproject.toml", b"[project]\ndependencies = ['\\u001b[31mnumpy$']", "is no requirement"),
        ("uv.lock", b"package = 1", "package is 1"),
        ("uv.lock", b"[[package]]\nversion = '1'", "package 1 has the name null"),
        ("uv.lock", b"[[package]]\nname = 'a'\nversion = 2", "and the version 2"),
        ("pdm.lock", b"[[package]]\nname = '--index-url=x'\nversion = '2'", 'has the name "--index-url=x"'),
        ("requirements.txt", b"numpy\n\nrich ==", "requirements.txt:3: "),
        ("requirements.txt", b"-r absent.txt", "there is no such file"),
        ("setup.py", b"", "nothing in it says what the project requires"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SelectorError) as error:
        read_project(tmp_path)
    assert words in error.value.message and error.value.hint and error.value.exit_code == 2
    assert error.value.message.isprintable()


def test_what_else_cannot_be_meant(tmp_path: Path) -> None:
    written(tmp_path, pyproject__toml=PYPROJECT + 'round = [{include-group = "round"}]\nodd = [1]\n')
    for groups, words in (
        (("wep",), '(did you mean "web"?)'),
        (("round",), "includes itself"),
        (("odd",), "1 is no req"),
    ):
        with pytest.raises(SelectorError, match=words.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
            read_project(tmp_path, groups)
    with pytest.raises(SelectorError, match="this is no folder"):
        request_of(str(tmp_path / "absent"))
    (tmp_path / "r.txt").write_text("numpy")
    with pytest.raises(SelectorError, match="have no groups"):
        request_of(None, files=(str(tmp_path / "r.txt"),), groups=("dev",))
    with pytest.raises(SelectorError, match="no file of at most"):
        read_requirements((tmp_path,))
