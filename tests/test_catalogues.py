"""Costs, approaches and guides in a folder of a user's: what is not fully described is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from own_rules import RULES, change, folder, own_cache, refusal

from selector import Selector

__all__ = ["folder", "own_cache"]  # fixtures


# Catalogues -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gil_switch_ms: {value: 5, source:", "gil_switch_ms: {value: 5, sources:", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: -5,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: 0,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: five,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch_ms: {value: true,", "gil_switch_ms is"),
        ("gil_switch_ms: {value: 5,", "gil_switch: {value: 5,", "missing or unknown costs: gil_switch, gil_switch_ms"),
        ("base_memory_mb: {value: 23,", "base_memory_mb: {value: 23, x: 1,", "base_memory_mb is"),
    ],
    ids=["no source", "negative", "zero", "text", "boolean", "misnamed", "more"],
)
def test_a_cost_that_is_no_value_with_a_source_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    file = change(folder, "costs", old, new)
    error = refusal(folder)
    assert error.message.startswith(f"{file}: ")
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize("source", ['""', '"  "', "null", "5", "[]"])
def test_a_cost_without_a_source_is_refused(folder: Path, source: str) -> None:
    text = (RULES / "costs.yaml").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("gil_switch_ms"))
    (folder / "costs.yaml").write_text(text.replace(line, f"gil_switch_ms: {{value: 5, source: {source}}}"), "utf-8")
    assert "gil_switch_ms is" in refusal(folder).message
    assert "source" in refusal(folder).hint


@pytest.mark.parametrize("text", ["[]", "5", "", "text"])
@pytest.mark.parametrize("name", ["costs", "approaches"])
def test_a_catalogue_that_is_no_mapping_is_refused(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    assert refusal(folder).message.startswith(str(folder / f"{name}.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\nthreads:", "\nthread:", "missing or unknown approaches: thread, threads"),
        ("runs_in: own,", "runs_in: elsewhere,", "runs_in is"),
        ("runs_loop: false,", "runs_loop: 0,", "runs_loop is 0"),
        ("pool: none,", "pool: nones,", 'pool is "nones"'),
        (", debugging: easy}", "}", "traits are"),
        ("title: Threads", "titel: Threads", "threads is"),
        ("title: Threads", "title: [Threads]", "threads: title is"),
    ],
    ids=["approach misnamed", "unknown place", "number for a flag", "unknown pool", "trait missing", "key", "no text"],
)
def test_an_approach_that_is_not_fully_described_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    file = change(folder, "approaches", old, new)
    error = refusal(folder)
    assert error.message.startswith(f"{file}: ")
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("worker_mb: 21", "worker_mb: true", "uvicorn: worker_mb is true"),
        ("worker_mb: 21", "worker_mb: -1", "uvicorn is "),
        ("worker_mb: 21", "worker_gb: 21", "uvicorn is "),
        ("free_threaded: true", "free_threaded: 3", "uvicorn: free_threaded is 3"),
        ("interface: asgi", "interface: http", 'uvicorn: interface is "http"'),
        ('"uvicorn {app} --workers {workers}"', "uvicorn", "uvicorn is "),
        ('"uvicorn {app} --workers {workers}"', "[uvicorn]", 'uvicorn: command is ["uvicorn"]'),
    ],
)
def test_a_server_that_is_not_fully_described_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    text = (RULES / "servers.yaml").read_text("utf-8")
    file = folder / "servers.yaml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    error = refusal(folder)
    assert error.message.startswith(f"{file}: {problem}")
    assert error.hint


def test_servers_of_a_users_own_are_offered(folder: Path) -> None:
    entry = (
        "ours: {interface: asgi, threads: false, free_threaded: true, windows: true, command: 'serve {app} -n {workers}',"
        " worker_mb: 50, note: '', checked: '1.0', source: 'our wiki'}"
    )
    (folder / "servers.yaml").write_text(entry, "utf-8")
    fields = {"workload_type": "io", "requests_per_second": 20, "io_wait_ms_per_task": 50, "event_loop": True}
    result = Selector(folder).recommend({**fields, "async_library": True, "cpu_ms_per_task": 1}, changes="none")
    assert result.capacity is not None and result.capacity.server is not None
    assert (result.capacity.server.command, result.capacity.other_servers) == ("serve app:app -n 1", ())


def test_a_broken_migration_text_is_refused_with_its_file(folder: Path) -> None:
    (folder / "migration").mkdir()
    file = change(folder, "migration/threads", "approach: threads", "approach: thread")
    assert refusal(folder).message.startswith(f"{file}: approach is")
