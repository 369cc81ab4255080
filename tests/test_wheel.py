"""The wheel, built through the sdist as an installer builds it: what is in both, and that it runs without a checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from selector import __version__

pytestmark = pytest.mark.slow  # it builds both

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.pyc", "*.egg-info", "dist", "build", "htmlcov", "node_modules"
)  # fmt: skip


def hatchling(project: Path, target: str, out: Path) -> Path:
    """Build one distribution with the hatchling of this environment, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `sdist` (unpacked), `wheel` (unpacked) and the files they came from."""
    pytest.importorskip("hatchling")
    base = tmp_path_factory.mktemp("wheel")
    project = base / "project"
    shutil.copytree(ROOT, project, ignore=LEFT_OUT)
    sdist = hatchling(project, "sdist", base / "made-sdist")
    shutil.rmtree(project)
    with tarfile.open(sdist) as archive:
        if sys.version_info >= (3, 11, 4):
            archive.extractall(base / "sdist", filter="data")
        else:
            archive.extractall(base / "sdist")
    (unpacked,) = (base / "sdist").iterdir()
    wheel = hatchling(unpacked, "wheel", base / "made-wheel")
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        archive_of_wheel.extractall(base / "wheel")
    return base


def files_below(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def ours(folder: str, pattern: str = "*") -> set[str]:
    """The files of a folder of the checkout, without what tools leave there."""
    found = (file.relative_to(ROOT) for file in (ROOT / folder).rglob(pattern) if file.is_file())
    return {f.as_posix() for f in found if not any(part.startswith((".", "__pycache__")) for part in f.parts)}


def run(built: Path, empty: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command out of the wheel alone, in an empty folder."""
    environment = {**os.environ, "PYTHONPATH": str(built / "wheel")}
    return subprocess.run(
        [sys.executable, "-m", "selector", *arguments],
        cwd=empty, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_wheel_holds_the_package_its_types_and_its_data(built: Path) -> None:
    found = files_below(built / "wheel")
    assert ours("selector", "*.py") | ours("selector", "*.html") | ours("selector", "*.md") <= found
    assert "selector/py.typed" in found
    for folder in ("rules", "templates", "programs", "probes", "examples"):
        assert {f"selector/_data/{file}" for file in ours(folder)} <= found, folder


def test_the_wheel_holds_nothing_else(built: Path) -> None:
    allowed = ("selector/", f"concurrency_selector-{__version__}.dist-info/")
    assert [file for file in files_below(built / "wheel") if not file.startswith(allowed)] == []
    assert [file for file in files_below(built / "wheel") if "__pycache__" in file or file.endswith(".pyc")] == []


def test_the_metadata_name_the_command_the_licence_and_the_readme(built: Path) -> None:
    folder = built / "wheel" / f"concurrency_selector-{__version__}.dist-info"
    assert "concurrency-selector = selector.cli:main" in (folder / "entry_points.txt").read_text("utf-8")
    metadata = (folder / "METADATA").read_text("utf-8")
    assert f"Version: {__version__}\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert (ROOT / "README.md").read_text("utf-8").splitlines()[0] in metadata
    assert list((folder / "licenses").iterdir())


def test_the_sdist_holds_what_builds_and_tests_it(built: Path) -> None:
    (folder,) = (built / "sdist").iterdir()
    found = files_below(folder)
    for part in ("selector", "rules", "templates", "programs", "probes", "examples"):
        assert ours(part) <= found, part
    assert ours("tests", "*.py") <= found
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "PKG-INFO"} <= found


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    return folder


def test_it_runs_from_the_wheel_in_an_empty_folder(built: Path, empty: Path) -> None:
    example = run(built, empty, "examples", "web-scraper")
    assert example.returncode == 0, example.stderr
    (empty / "workload.json").write_text(example.stdout, "utf-8")
    result = run(built, empty, "recommend", "workload.json", "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["approach"]
    assert "=== Table strategy ===" in run(built, empty, "recommend", "workload.json", "--explain").stdout


def test_everything_it_reads_lies_in_the_wheel(built: Path, empty: Path) -> None:
    data = built / "wheel" / "selector" / "_data"
    tables = run(built, empty, "rules", "show", "engine")
    assert (tables.returncode, tables.stderr) == (0, "")
    shown = "".join(line.strip() for line in tables.stdout.split("Hit policy")[1].splitlines())
    assert f"{data / 'rules' / 'engine.yaml'}".replace(" ", "") in shown.replace(" ", "")
    script = "import selector.files as r; print(r.resource_dir('rules'), r.resource_dir('templates'))"
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(built / "wheel")}
    found = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == f"{data / 'rules'} {data / 'templates'}\n"


@pytest.mark.parametrize(
    "arguments",
    [("rules", "test"), ("migrate", "threads", "distributed"), ("examples",), ("--version",), ("--help",)],
    ids=" ".join,
)
def test_every_command_works_from_the_wheel(built: Path, empty: Path, arguments: tuple[str, ...]) -> None:
    result = run(built, empty, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout
    assert list(empty.iterdir()) == []
