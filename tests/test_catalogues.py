"""Costs, approaches and guides in a folder of a user's: what is not fully described is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from own_rules import RULES, change, folder, our_files_read_once, own_cache, refusal

__all__ = ["folder", "our_files_read_once", "own_cache"]  # fixtures


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


def test_a_broken_migration_text_is_refused_with_its_file(folder: Path) -> None:
    (folder / "migration").mkdir()
    file = change(folder, "migration/threads", "approach: threads", "approach: thread")
    assert refusal(folder).message.startswith(f"{file}: approach is")
