"""The tools that `deps` asks, uv, pip and ruff, as scripts that answer as they do; and what is kept of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from measured import python
from readiness import ended, imported

from selector.errors import SelectorError
from selector.files import resource_dir
from selector.measure.clients import load_clients
from selector.readiness.installing import Answer, Resolver, Want, ask, find_resolver
from selector.readiness.kept import HANG_SECONDS, INDEX_SECONDS, Kept
from selector.readiness.loop import finding, load_remedies, look_for_blocking
from selector.readiness.wheels import fitting, has_source, is_native

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="tools that are shell scripts")
RULES = (resource_dir("rules"),)


def script(folder: Path, name: str, body: str) -> Path:
    """A tool that notes what it is asked."""
    file = folder / name
    file.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "$@" >> {folder}/asked\n{body}\n')
    file.chmod(0o755)
    return file


def questions(folder: Path) -> list[str]:
    file = folder / "asked"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def answers(folder: Path, resolver: Resolver, *wants: Want, kept: Kept | None = None) -> dict[str, Answer]:
    found = ask(wants, python("3.13t"), resolver, kept or Kept(folder / "cache"), folder)
    return {want.name: answer for want, answer in found.items()}


# uv -------------------------------------------------------------------------------------------------------------------

UV = """
case "$*" in
  *numpy*lxml*|*lxml*numpy*) echo "error: No solution found when resolving dependencies" >&2; exit 1;;
  *numpy*) printf 'Would install 1 package\\n + numpy==2.4.6\\n' >&2;;
  *"lxml<6.1"*) printf ' + lxml==5.3.0\\n' >&2;;
  *no-binary*lxml*) echo "No solution found: lxml has no usable wheels" >&2; exit 1;;
  *no-binary*torch*) echo "No solution found: torch has no source distribution" >&2; exit 1;;
  *lxml*|*torch*) echo "error: No solution found: Because it has no usable wheels" >&2; exit 1;;
  *odd*) echo "what?" ; exit 3;;
  *absent*) echo "error: No solution found: absent was not found in the package registry" >&2; exit 1;;
  *) echo "error: Failed to fetch: https://example.org/simple" >&2; exit 2;;
esac"""


def test_uv_is_asked_for_all_at_once_and_then_for_each(tmp_path: Path) -> None:
    uv = Resolver("uv", (str(script(tmp_path, "uv", UV)),))
    found = answers(tmp_path, uv, Want("numpy", "2.1+cpu"), Want("lxml", "6.1"), Want("torch", None, ">=2"))
    assert found["numpy"] == Answer("2.4.6")
    assert found["lxml"] == Answer(None, source=True, earlier="5.3.0") and found["torch"] == Answer(None, source=False)
    asked = questions(tmp_path)
    assert "--resolution lowest" in asked[0] and "numpy>=2.1 lxml>=6.1" in asked[0]
    assert "--dry-run --no-deps --only-binary :all:" in asked[0]
    assert "--resolution highest" in asked[1] and asked[1].endswith("torch>=2")
    assert all(not Path(line.partition("--target ")[2].split()[0]).exists() for line in asked)


def test_what_uv_answered_is_kept_and_what_it_did_not_is_asked_again(tmp_path: Path) -> None:
    uv = Resolver("uv", (str(script(tmp_path, "uv", UV)),))
    kept = Kept(tmp_path / "cache")
    assert answers(tmp_path, uv, Want("numpy", "2"), kept=kept)["numpy"].version == "2.4.6"
    assert "what?" in answers(tmp_path, uv, Want("odd", "2"), kept=kept)["odd"].problem
    assert "does not know it" in answers(tmp_path, uv, Want("absent", "2"), kept=kept)["absent"].problem
    kept.save()
    questions(tmp_path)
    again = answers(tmp_path, uv, Want("numpy", "2"), Want("odd", "2"), kept=Kept(tmp_path / "cache"))
    assert again["numpy"].version == "2.4.6" and len(questions(tmp_path)) == 1


def test_an_index_out_of_reach_is_asked_once(tmp_path: Path) -> None:
    uv = Resolver("uv", (str(script(tmp_path, "uv", UV)),))
    found = answers(tmp_path, uv, Want("a", "1"), Want("b", "1"), Want("c", None))
    assert all("the index cannot be reached" in answer.problem for answer in found.values())
    assert len(questions(tmp_path)) == 1
    assert answers(tmp_path, Resolver("uv", ("/absent/uv",)), Want("a", "1"))["a"].problem
    nobody = ask([Want("a", "1")], python(), None, Kept(tmp_path / "cache"), tmp_path)
    assert "neither uv nor pip" in nobody[Want("a", "1")].problem


# pip ------------------------------------------------------------------------------------------------------------------

PIP = """
case "$*" in
  *"versions numpy --only-binary"*) echo "Available versions: 2.4.6, 2.3.0, odd, 1.26";;
  *"versions numpy --no-binary"*) echo "Available versions: 3.0";;
  *"versions lxml --no-binary"*) echo "Available versions: 6.1";;
  *lxml*) echo "ERROR: No matching distribution found for lxml" >&2; exit 1;;
  *) echo "ERROR: Could not fetch URL https://example.org/simple: connection error" >&2; exit 1;;
esac"""


def test_pip_says_which_versions_have_a_wheel(tmp_path: Path) -> None:
    pip = Resolver("pip", (str(script(tmp_path, "pip", PIP)),))
    found = answers(tmp_path, pip, Want("numpy", "2.0"), Want("lxml", "6.1"))
    assert found == {"numpy": Answer("2.3.0"), "lxml": Answer(None, source=True)}
    assert answers(tmp_path, pip, Want("numpy", None))["numpy"] == Answer("2.4.6")
    assert answers(tmp_path, pip, Want("numpy", "3.0"))["numpy"] == Answer(None, source=True, earlier="2.4.6")
    assert "cannot be reached" in answers(tmp_path, pip, Want("other", "1"))["other"].problem


def test_the_resolver_is_the_one_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = script(tmp_path, "uv", "")
    assert find_resolver(python(), [], {"PATH": str(tmp_path)}) == Resolver("uv", (str(uv),))
    assert find_resolver(python(), [str(tmp_path)], {"PATH": "/absent"}) == Resolver("uv", (str(uv),))
    own = script(tmp_path, "python", "exit 0")
    assert find_resolver(python(path=str(own)), [], {"PATH": "/absent"}) == Resolver("pip", (str(own), "-m", "pip"))
    bare = script(tmp_path, "bare", "exit 1")
    monkeypatch.setattr(sys, "executable", str(bare))
    assert find_resolver(python(path=str(bare)), [], {"PATH": "/absent"}) is None


# ruff -----------------------------------------------------------------------------------------------------------------


def found_by_ruff(folder: Path, body: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    script(folder, "ruff", body)
    found = look_for_blocking(folder, [], RULES, environ or {"PATH": str(folder)})
    assert found.found == () and found.by is None
    return found.notes


def test_ruff_that_is_not_there_or_too_old_or_broken_is_told(tmp_path: Path) -> None:
    assert "pip install ruff" in found_by_ruff(tmp_path, "", {"PATH": "/absent"})[0]
    assert "ruff 0.4.9" in found_by_ruff(tmp_path, "echo ruff 0.4.9")[0]
    broken = "test $1 = --version && echo ruff 0.17.6 && exit; echo bad settings >&2; exit 2"
    assert "ruff says bad settings" in found_by_ruff(tmp_path, broken)[0]
    assert "not looked at" in found_by_ruff(tmp_path, "test $1 = --version && echo ruff 0.17.6 && exit; echo '{}'")[0]


def test_blocking_calls_are_found_with_what_to_do_instead(tmp_path: Path) -> None:
    code = "import requests, time\nasync def f():\n    time.sleep(1)\n    requests.get('x')\n    open('y')\ntime.sleep(2)\n"
    (tmp_path / "app.py").write_text(code)
    (tmp_path / "broken.py").write_text("async def (")
    found = look_for_blocking(tmp_path, [os.path.dirname(sys.executable)], RULES, os.environ)
    assert found.by is not None and found.by.startswith("ruff ") and found.notes == ()
    assert [(call.file, call.line, call.rule) for call in found.found] == [
        ("app.py", 3, "ASYNC251"), ("app.py", 4, "ASYNC210"), ("app.py", 5, "ASYNC230")
    ]  # fmt: skip
    assert [call.text for call in found.found] == ["time.sleep(1)", "requests.get('x')", "open('y')"]
    assert found.found[0].remedy == "await asyncio.sleep(...)" and "httpx.AsyncClient" in found.found[1].remedy


def test_a_finding_is_data(tmp_path: Path) -> None:
    clients, remedies = load_clients(RULES), load_remedies(RULES)
    odd = {"code": "ASYNC299", "filename": "/else/\x1bx.py", "location": {"row": "1"}, "message": "m\n\x1b[31m"}
    told = finding(odd, tmp_path, remedies, clients)
    assert told is not None and told.file == "/else/\\x1bx.py" and told.line == 0 and told.text == "m \\x1b[31m"
    assert "asyncio.to_thread" in told.remedy
    assert finding({"code": None, "message": "no Python"}, tmp_path, remedies, clients) is None


@pytest.mark.parametrize("text", ["[]", "ASYNC251: 3", "ASYNC251: {remedy: 3, source: x}"])
def test_remedies_of_another_form_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "blocking_calls.yaml").write_text(text)
    with pytest.raises(SelectorError, match=r"blocking_calls\.yaml"):
        load_remedies((tmp_path,))


# Wheels and what is kept ----------------------------------------------------------------------------------------------


def test_abi3_is_not_for_free_threaded_builds() -> None:
    abi3, abi3t = "a-1-cp311-abi3-manylinux_2_17_x86_64.whl", "a-1-cp315-abi3t-manylinux_2_17_x86_64.whl"
    plain, own = "a-1-py3-none-any.whl", "a-1-cp313-cp313t-manylinux_2_17_x86_64.whl"
    if sys.platform == "linux":
        assert fitting([abi3], "3.14") == abi3 and fitting([abi3], "3.13t") is None
        assert fitting([abi3t, abi3], "3.14t") is None and fitting([abi3t], "3.15t") == abi3t
        assert fitting([abi3, own], "3.13t") == own and fitting([own], "3.14t") is None
    assert fitting(["odd.whl", plain], "3.15t") == plain
    assert has_source(["a-1.tar.gz"]) and not has_source([plain])
    assert is_native(["py3-none-manylinux_2_17_x86_64"]) and not is_native(["py3-none-any"])


def test_a_look_is_kept_whole_but_not_what_a_signal_from_outside_did(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("whole", imported(import_ms=5.0))
    kept.keep("crashed", ended())
    kept.keep("killed", ended(code=-9))
    kept.keep("not started", ended("start", None))
    kept.save()
    again = Kept(tmp_path)
    for key, said in (
        ("whole", imported(import_ms=5.0)),
        ("crashed", ended()),
        ("killed", None),
        ("not started", None),
    ):
        assert again.said(key, python()) == said
    assert Kept(tmp_path, fresh=True).said("whole", python()) is None


def test_hangs_and_answers_hold_for_a_day(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("hangs", ended(code=1, errors="Timeout (0:00:14)!"))
    kept.keep_answer("index", {"version": "1"})
    kept.save()
    assert kept.said("hangs", python()) is not None and kept.answer("index") is not None
    file = tmp_path / "readiness.json"
    data = json.loads(file.read_text())
    for key, seconds in (("hangs", HANG_SECONDS), ("index", INDEX_SECONDS)):
        data["entries"][key]["at"] -= seconds + 1
    file.write_text(json.dumps(data))
    old = Kept(tmp_path)
    assert old.said("hangs", python()) is None and old.answer("index") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", '{"version": 1}', '{"version": 0, "entries": {}}', '{"version": 1, "entries": {"whole": 3}}',
        '{"version": 1, "entries": {"whole": {"at": 1e12}}}', '{"version": 1, "entries": {"whole": {"at": "x", "mode": 1}}}',
    ],
)  # fmt: skip
def test_a_cache_of_another_form_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "readiness.json").write_text(text)
    assert Kept(tmp_path).said("whole", python()) is None
