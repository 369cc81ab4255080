"""Which Python a recommendation names: of what the user has, what his profile lists, and what an approach needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from command import posix_only

from selector.pipeline import application_tag
from selector.recommend.facts import HostFacts, tag_for
from selector.workload.reading import profile_from_mapping


@pytest.mark.parametrize(
    ("listed", "needs", "tag"),
    [
        (None, "any", "3.11"),
        (["3.11", "3.15"], "any", "3.11"),  # it may be the one he has: nobody is sent away from it
        (["3.14", "3.15"], "any", "3.15"),
        (["3.11", "3.15"], "subinterpreters", "3.15"),
        (["3.11", "3.14t"], "free_threaded", "3.14t"),
    ],
)
def test_the_python_of_the_users_code_is_the_one_to_use_where_it_may_be(
    listed: list[str] | None, needs: str, tag: str
) -> None:
    host = HostFacts("linux", 2, (("3.11", "/x"), ("3.15", "/y")), application="3.11")
    assert tag_for(needs, profile_from_mapping({"workload_type": "cpu", "interpreters": listed}), host) == tag


@posix_only
def test_the_python_of_an_environment_made_for_this_tool_alone_is_nobodys_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, target in (("made", sys.executable), ("users", os.__file__)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "python3").symlink_to(os.path.realpath(target))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "made" / "python3"))
    found = {"3.11": str(tmp_path / "made" / "python3"), "3.12": str(tmp_path / "users" / "python3")}
    path = {"PATH": os.pathsep.join(str(tmp_path / name) for name in ("made", "users"))}
    monkeypatch.chdir(tmp_path)
    assert application_tag(found, path) == "3.11"
    assert application_tag(found, {**path, "UV": "uv"}) == "3.12"
