"""The probe's part of `deps`: what is installed, importing it, the modules that a package may lack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from function_probe import PROBE, ask, modules

from selector.host import interpreter_at
from selector.measure.children import Job, Laboratory, Said
from selector.measure.python import ChosenPython
from selector.readiness.kept import hangs
from selector.readiness.verdicts import end_of

SUFFIX = ".abi3.so" if sys.platform != "win32" else ".pyd"


@pytest.fixture(scope="module")
def probe() -> Iterator[SimpleNamespace]:
    with modules() as found:
        yield found


def test_the_modules_among_the_files_of_a_distribution(probe: SimpleNamespace) -> None:
    files = [
        "numpy/__init__.py", f"numpy/core/_umath{SUFFIX}", "numpy/core/__init__.py", f"numpy/core/_umath_tests{SUFFIX}",
        "numpy/tests/test_all.py", f"_backend{SUFFIX}", "six.py", "ruamel/yaml/__init__.py", "ruamel/yaml/main.py",
        "tests/__init__.py", "numpy-2.dist-info/METADATA", "../../bin/f2py.py", "no-module.py", f"flat/fast{SUFFIX}",
    ]  # fmt: skip
    found = probe.installed.modules_in(files)
    assert found.modules == ["numpy", "six", "ruamel.yaml", "flat.fast"]
    assert found.late == ["numpy.core._umath", "_backend"] and found.native
    assert probe.installed.modules_in(["_private.py", "types-stubs/__init__.pyi"]).modules == ["_private"]
    assert probe.installed.modules_in([]) == ([], [], False)
    namespace = [f"google/api{number}/part_pb2.py" for number in range(80)]  # googleapis-common-protos has 68
    assert len(probe.installed.modules_in(namespace).modules) == 80


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("try:\n    from . import _fast\nexcept ImportError:\n    _fast = None", [True]),
        ("try:\n    from pkg._fast import f\nexcept (ValueError, ModuleNotFoundError):\n    pass", [True]),
        ("try:\n    import pkg._fast\nexcept:\n    pass", [True]),
        ("try:\n    pass\nexcept ImportError:\n    import pkg._fast", [False]),
        ("try:\n    import pkg._fast\nexcept ValueError:\n    pass", [False]),
        ("with suppress(ImportError):\n    from ._fast import f", [True]),
        ("if TYPE_CHECKING:\n    from pkg import _fast\nelse:\n    from pkg import _fast", [False]),
        ("def f():\n    from pkg import _fast, other", [False]),
        ("import other._fast\nfrom . import other\nfrom pkg import other", []),
        ("no python (", []),
    ],
)
def test_whether_an_import_may_fail(probe: SimpleNamespace, source: str, found: list[bool]) -> None:
    assert probe.around.imports_in(source, "pkg._fast") == found


@pytest.mark.parametrize(
    ("source", "lacks"), [("", False), ("try:\n    from . import _x\nexcept ImportError: ...", True)]
)
def test_a_package_may_lack_a_module_if_all_its_code_says_so(
    probe: SimpleNamespace, source: str, lacks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "may_lack_it").mkdir()
    (tmp_path / "may_lack_it" / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert probe.around.may_lack("may_lack_it._x") is lacks
    assert not probe.around.may_lack("nowhere_to_be_found._x")


def test_importing_is_timed_and_what_raises_is_told(tmp_path: Path) -> None:
    said = ask(tmp_path, "imports", modules=["colorsys", "absent.part", "this_is_none"], folder=str(tmp_path))
    assert said.code == 0 and said["phase"] == "done"
    assert said["failed"]["absent.part"] == {
        "error": "ModuleNotFoundError: No module named 'absent'",
        "lacks": "absent",
    }
    assert said["import_ms"] > 0 and said["gil_module"] is None and said["loaded"] == []


@pytest.mark.parametrize(
    ("then", "lacks"),
    [("raise ImportError(f'install it: {error}') from None", "absent"), ("from json import no", None)],
)
def test_a_missing_module_is_told_where_a_library_says_so_in_its_own_words(
    probe: SimpleNamespace, then: str, lacks: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"try:\n    import absent\nexcept ImportError as error:\n    {then}"
    (tmp_path / "in_own_words.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert probe.imports.lacks(probe.imports.error_of("in_own_words")) == lacks


def test_what_is_installed_is_told_without_importing_it(tmp_path: Path) -> None:
    said = ask(tmp_path, "installed")
    pytest_itself = said["dist pytest"]
    assert pytest_itself["version"] == pytest.__version__ and "pytest" in pytest_itself["modules"]
    assert any(need.startswith("pluggy") for need in pytest_itself["requires"]) and len(pytest_itself["stamp"]) == 64
    assert said["markers"]["python_version"] == ".".join(map(str, sys.version_info[:2]))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no subinterpreters with a GIL of their own")
def test_importing_in_subinterpreters_of_this_python(tmp_path: Path) -> None:
    said = ask(tmp_path, "isolated", modules=["colorsys"], folder=str(tmp_path))
    assert said["subinterpreter"] is True and said["refused"] == {}


# Imports that do not end ----------------------------------------------------------------------------------------------


def home() -> ChosenPython:
    return ChosenPython(sys.executable, "as given", interpreter_at(sys.executable))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_import_that_computes_nothing_is_ended_with_its_stack(tmp_path: Path) -> None:
    (tmp_path / "sleeps_for_ever.py").write_text("import time\ntime.sleep(1000)\n")
    (tmp_path / "is_quick.py").write_text("")
    told: list[int] = []
    with Laboratory({"folder": str(tmp_path)}, {**os.environ, "PYTHONPATH": str(tmp_path)}) as laboratory:
        jobs = [Job("imports", home(), 60, {"modules": [name]}) for name in ("sleeps_for_ever", "is_quick")]
        sleeps, quick = laboratory.run_all(jobs, 2, told.append, idle_seconds=2.0)
    assert sleeps.overdue and hangs(sleeps) and "sleeps_for_ever.py" in sleeps.errors
    assert quick.done and quick.facts["failed"] == {} and told[-1] == 2
    end = end_of(sleeps)
    assert end is not None and end.fatal and end.module == "sleeps_for_ever" and "nothing happened for" in end.words


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.slow
def test_an_import_that_computes_for_ever_is_ended_by_the_system(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\nimport function.channel as c\n"
        "c.take_over(None, 60, None, while_open=False).limit_cpu(0)\nwhile True: pass"
    )
    done = subprocess.run([sys.executable, "-c", code, str(PROBE.parent)], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGXCPU and b'"<string>", line 4' in done.stderr
    said = Said("imports", home(), {"importing": "app"}, "import", code=done.returncode, errors=done.stderr.decode())
    end = end_of(said)
    assert hangs(said) and end is not None and end.words.startswith("hangs: it computes without end")
