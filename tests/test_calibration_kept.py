"""The files that keep calibrations: what holds is loaded, what is torn, altered or not ours counts as nothing."""

from __future__ import annotations

import json
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_calibrations import COST, CPUS, HERE, VALUES, a_file, entry, loaded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector import SelectorError
from selector.calibration import kept
from selector.calibration.kept import (
    Machine,
    calibration_folder,
    keep_entry,
    kept_entries,
    load_calibration,
    this_machine,
)
from selector.calibration.measure import calibrate
from selector.cost.sheet import HostCosts, MeasuredCosts
from selector.recommend.knowledge import load_knowledge

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="owners, modes and links of POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("CONCURRENCY_SELECTOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def write_file(text: bytes, name: str = "python-2cpu-0.json") -> Path:
    calibration_folder().mkdir(parents=True, exist_ok=True)
    file = calibration_folder() / name
    file.write_bytes(text)
    return file


def as_kept(python: str, **changes: Any) -> dict[str, Any]:
    return {"schema": 2, **HERE._asdict(), "interpreter": entry(python)} | changes


def test_what_is_kept_is_loaded_with_what_it_was_measured_under(folder):
    one, other = a_file(folder, "one"), a_file(folder, "other")
    keep_entry(HERE, entry(one))
    keep_entry(HERE, entry(other, tag="3.14t", free_threaded=True, measured_at="2026-11-28T01:00:00Z"))
    assert load_calibration() == (
        MeasuredCosts("3.14t", "3.14.0", other, True, "fork", CPUS, "2026-11-28", VALUES),  # the newest first
        MeasuredCosts("3.14", "3.14.0", one, False, "fork", CPUS, "2026-11-21", VALUES),
    )


def test_a_cost_that_is_too_noisy_is_kept_and_not_used(folder):
    python = a_file(folder, "python")
    noisy = {"value": 9.0, "low": 1.0, "high": 90.0, "samples": 2, "quality": "noisy"}
    keep_entry(HERE, entry(python, costs={"thread_start_ms": COST, "asyncio_task_ms": noisy}))
    assert loaded() == {python: VALUES}
    assert set(kept_entries(HERE)[python]["costs"]) == {"thread_start_ms", "asyncio_task_ms"}


def test_without_a_file_nothing_is_known(folder):
    assert load_calibration() == ()
    assert kept_entries(HERE) == {}


def test_an_environment_may_be_given(folder):
    environ = {"CONCURRENCY_SELECTOR_CACHE_DIR": str(folder / "elsewhere")}
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python), environ)
    assert loaded(environ) == {python: VALUES}
    assert loaded() == {}


def test_a_python_that_was_replaced_is_not_known_any_more(folder):
    python, other = a_file(folder, "python"), a_file(folder, "other")
    keep_entry(HERE, entry(python))
    Path(python).write_text("a newer one")
    assert loaded() == {}
    keep_entry(HERE, entry(other))
    assert list(kept_entries(HERE)) == [other]
    keep_entry(HERE, entry(python))
    Path(other).unlink()
    assert loaded() == {python: VALUES}


def test_a_python_that_is_measured_again_is_replaced(folder):
    python = a_file(folder, "python")
    first = keep_entry(HERE, entry(python, rounds=1))
    assert keep_entry(HERE, entry(python, rounds=2)) == first
    assert [kept["rounds"] for kept in kept_entries(HERE).values()] == [2]
    assert os.listdir(calibration_folder()) == [first.name]


@pytest.mark.parametrize(
    "change", [{"cpu_model": "another"}, {"system": "Linux 2.6 x86_64"}, {"memory_mb": (HERE.memory_mb or 0) * 2 + 9}]
)
def test_two_hosts_that_share_a_home_directory_keep_both(folder, change):
    python = a_file(folder, "python")
    there = HERE._replace(**change)
    keep_entry(there, entry(python))
    assert load_calibration() == ()
    assert list(kept_entries(there)) == [python]
    keep_entry(HERE, entry(python, rounds=7))
    assert [kept_entries(host)[python]["rounds"] for host in (there, HERE)] == [3, 7]


def test_a_container_with_one_cpu_does_not_overwrite_the_machine(folder):
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python))
    keep_entry(HERE._replace(cpus=CPUS + 1), entry(python, rounds=1))
    assert sorted(found.cpus for found in load_calibration()) == [CPUS, CPUS + 1]
    assert kept_entries(HERE)[python]["rounds"] == 3
    assert kept_entries(HERE._replace(cpus=CPUS + 2)) == {}


def test_a_little_more_memory_is_the_same_host_and_its_older_file_goes(folder):
    python = a_file(folder, "python")
    old = keep_entry(HERE._replace(memory_mb=int((HERE.memory_mb or 0) * 0.95)), entry(python))
    assert loaded() == {python: VALUES}
    new = keep_entry(HERE, entry(python, rounds=1))
    assert (new.exists(), old.exists()) == (True, False)


def test_the_oldest_go_where_there_are_too_many(folder, monkeypatch):
    monkeypatch.setattr(kept, "MOST_FILES", 3)
    pythons = [a_file(folder, f"python{number}") for number in range(4)]
    for age, python in enumerate(pythons):
        os.utime(keep_entry(HERE, entry(python)), (age, age))
    keep_entry(HERE, entry(pythons[3]))
    assert sorted(loaded()) == pythons[1:]


def test_the_machine_is_described():
    assert HERE.cpus == CPUS
    assert (HERE.memory_mb or 0) > 100
    assert sys.platform in {"win32", "darwin"} or HERE.system.startswith(os.uname().sysname)


def test_a_machine_that_says_nothing_of_itself_is_one_too(folder, monkeypatch):
    known = kept.memory()
    monkeypatch.setattr(kept, "memory", lambda: known.model_copy(update={"total_mb": None}))
    monkeypatch.setattr(kept, "cpu_model_of", lambda *_: None)
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python))
    assert loaded() == {}
    keep_entry(this_machine(CPUS), entry(python))
    assert loaded() == {python: VALUES}


BROKEN_ENTRIES: list[Any] = [
    None, [], {}, "text", {"costs": {}}, {"costs": []}, {"costs": {"x": 1}}, {"costs": {"x": {"value": 1}}},
    {"costs": {"x": COST | {"value": "1,"}}}, {"costs": {"x": COST | {"value": -1}}},
    {"costs": {"x": COST | {"value": None}}}, {"costs": {"x": COST | {"value": 10**400}}},
    {"costs": {"x": COST | {"quality": "fine"}}}, {"path": 7}, {"path": "\0"}, {"stamp": None}, {"stamp": 3},
    {"path": []}, {"tag": None}, {"version": 3.14}, {"measured_at": "today"}, {"free_threaded": 1},
]  # fmt: skip


def test_what_is_no_entry_counts_as_nothing(folder):
    python = a_file(folder, "python")
    for broken in BROKEN_ENTRIES:
        whole = entry(python) | broken if isinstance(broken, dict) and broken else broken
        write_file(json.dumps(as_kept(python, interpreter=whole)).encode())
        assert load_calibration() == (), broken
    keep_entry(HERE, entry(python))
    assert loaded() == {python: VALUES}


def test_a_file_of_another_kind_counts_as_nothing(folder):
    for changes in ({"schema": 1}, {"cpus": 0}, {"cpus": True}, {"cpus": "2"}, {"memory_mb": "2"}):
        write_file(json.dumps(as_kept(a_file(folder, "python"), **changes)).encode())
        assert load_calibration() == (), changes


NOT_OURS = [
    b"", b"null", b"[]", b"7", b"\xff\xfe", b"{", b'{"schema": 2}', b"[" * 100_000, b'{"schema": 2, "cpus": 2}',
    b'{"a": 1}' + b" " * 1_000_000,
]  # fmt: skip


def test_a_file_that_is_not_ours_counts_as_none(folder):
    for text in NOT_OURS:
        write_file(text)
        assert loaded() == {}, text[:20]
        assert kept_entries(HERE) == {}, text[:20]
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python))
    assert loaded() == {python: VALUES}


def test_figures_that_older_versions_measured_do_no_harm(folder):
    python = a_file(folder, "python")
    keep_entry(HERE, entry(python, costs={"thread_start_ms": COST, "gil_convoy_ms": COST}))
    assert loaded() == {python: VALUES | {"gil_convoy_ms": COST["value"]}}
    (measured,) = load_calibration()
    sheet = HostCosts(load_knowledge().costs.documented, measured=(measured,), platform="linux")
    assert "gil_convoy_ms" not in sheet.sheet("3.14", "3.14", "linux").middle


def test_the_file_of_older_versions_is_left_alone(folder):
    python = a_file(folder, "python")
    old = calibration_folder().parent / "calibration.json"
    old.parent.mkdir()
    old.write_text(json.dumps({"schema": 1, **HERE._asdict(), "interpreters": [entry(python)]}), "utf-8")
    assert load_calibration() == ()
    assert old.exists()


@posix_only
def test_a_generous_umask_does_no_harm(folder):
    before = os.umask(0)
    try:
        python = a_file(folder, "python")
        keep_entry(HERE, entry(python))
    finally:
        os.umask(before)
    assert loaded() == {python: VALUES}


@posix_only
def test_a_file_that_is_not_the_users_own_is_not_read(folder):
    python = a_file(folder, "python")
    text = json.dumps(as_kept(python)).encode()
    file = write_file(text)
    assert loaded() == {python: VALUES}
    file.chmod(0o666)
    assert loaded() == {}
    file.unlink()
    elsewhere = folder / "elsewhere.json"
    elsewhere.write_bytes(text)
    file.symlink_to(elsewhere)
    assert loaded() == {}
    file.unlink()
    os.mkfifo(file)  # opening one waits for somebody who writes
    assert loaded() == {}
    file.unlink()
    file.symlink_to("/dev/zero")
    assert loaded() == {}
    file.unlink()
    file.mkdir()
    assert loaded() == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["schema", *Machine._fields, "interpreter"]), value=JSON, cut=st.integers(0, 400))
def test_a_file_that_is_torn_or_altered_does_no_harm(folder, key, value, cut):
    python = a_file(folder, "python")
    write_file(json.dumps(as_kept(python, **{key: value})).encode())
    assert loaded() in ({}, {python: VALUES})
    write_file(json.dumps(as_kept(python)).encode()[:cut])
    assert loaded() == {}


@given(key=st.sampled_from(sorted(entry("x"))), value=JSON)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_entry_that_was_altered_does_no_harm(folder, key, value):
    python = a_file(folder, "python")
    write_file(json.dumps(as_kept(python, interpreter=entry(python) | {key: value})).encode())
    for found in load_calibration():
        assert all(0 <= cost < math.inf for cost in found.costs.values())
    with pytest.raises(SelectorError, match="no Python to measure"):
        calibrate([])


def test_of_many_that_keep_at_once_nothing_is_lost(folder):
    pythons = [a_file(folder, f"python{number}") for number in range(4)]

    def keep_and_load(python: str) -> None:
        for _ in range(10):
            keep_entry(HERE, entry(python))
            assert loaded()[python] == VALUES

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_and_load, pythons))
    assert set(loaded()) == set(pythons)
    assert len(list(calibration_folder().iterdir())) == 4
