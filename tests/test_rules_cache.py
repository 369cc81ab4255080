"""The cache of rules: what is recalled is what was read, and whatever lies in its place is harmless."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from conftest import CACHE_VARIABLE
from own_rules import (
    RULES,
    cache_files,
    change,
    engine_for,
    folder,
    not_as_root,
    own_cache,
    refusal,
)
from strategies import FIXED_HOST

from selector import Selector, pipeline
from selector.recommend import cache as knowledge_cache
from selector.recommend import knowledge
from selector.recommend.knowledge import (
    Knowledge,
    load_knowledge,
    read_knowledge,
)

__all__ = ["folder", "own_cache"]  # fixtures


# The cache ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, ...]]:
    """The folders whose YAML was read, one entry for each time."""
    found: list[tuple[Path, ...]] = []

    def noting(folders: tuple[Path, ...]) -> Any:
        found.append(folders)
        return read_knowledge(folders)

    monkeypatch.setattr(knowledge, "read_knowledge", noting)
    return found


def test_rules_are_read_once_and_then_recalled(own_cache: Path, reads: list[Any]) -> None:
    first, second = load_knowledge(), load_knowledge()
    assert len(reads) == 1
    assert len(cache_files(own_cache)) == 1
    assert first.costs.documented == second.costs.documented
    assert first.move("threads", "asyncio") == second.move("threads", "asyncio")
    assert [t.rules for t in first.tables.values()] == [t.rules for t in second.tables.values()]
    facts = {"durable": True, "machines": 1, "parallelizable": True, "mode": "batch", "workload_type": "io"}
    assert second.tables["classify"].decide(facts).matched == ["durable"]


def test_a_changed_added_or_removed_file_is_seen_at_once(folder: Path, own_cache: Path, reads: list[Any]) -> None:
    assert engine_for(folder) == "dask"
    file = change(folder, "engine", "then: {engine: dask}", "then: {engine: ray}")
    assert engine_for(folder) == "ray"
    change(folder, "engine", "then: {engine: dask}", "then: {engine: rq}  # as long as before, almost")
    assert engine_for(folder) == "rq"
    file.unlink()
    assert engine_for(folder) == "dask"
    (folder / "migration").mkdir()
    shutil.copy(RULES / "migration" / "threads.yaml", folder / "migration" / "threads.yaml")
    assert engine_for(folder) == "dask"
    assert len(reads) == 5
    assert len(cache_files(own_cache)) == 1  # editing replaces what was kept


def test_a_touched_or_replaced_file_of_the_same_size_is_read_again(folder: Path, reads: list[Any]) -> None:
    file = change(folder, "engine", "then: {engine: dask}", "then: {engine: ray} ")
    assert engine_for(folder) == "ray"
    other = folder / "new.yaml~"
    other.write_bytes(file.read_bytes().replace(b"engine: ray} ", b"engine: dask}"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert engine_for(folder) == "dask"
    os.utime(file, ns=(0, 0))
    assert engine_for(folder) == "dask"
    assert len(reads) == 3


def test_each_set_of_folders_has_its_own_place(folder: Path, own_cache: Path, reads: list[Any]) -> None:
    for _ in range(2):
        load_knowledge()
        load_knowledge(folder)
    assert len(reads) == 2
    assert len(cache_files(own_cache)) == 2


def test_an_error_is_not_kept(folder: Path, own_cache: Path) -> None:
    file = change(folder, "engine", "hit_policy: first", "hit_policy: last")
    refusal(folder)
    refusal(folder)
    assert cache_files(own_cache) == []
    file.unlink()
    load_knowledge(folder)


def same(a: Knowledge, b: Knowledge) -> bool:
    """Whether two are equal down to types (1, 1.0 and True differ) and order; objects of these classes have no `==`."""
    return knowledge_cache.flattened(a) == knowledge_cache.flattened(b) and repr(a) == repr(b)


def test_what_is_recalled_is_what_was_read(own_cache: Path, folder: Path) -> None:
    change(folder, "engine", "then: {engine: dask}", "then: {engine: ray}")
    for folders in ((RULES,), (folder, RULES)):
        read, state = read_knowledge(folders), knowledge_cache.state_of(folders)
        knowledge_cache.keep(state, read)
        recalled = knowledge_cache.recall(state)
        assert recalled is not None, "a class is missing in knowledge_cache.CLASSES"
        assert same(recalled, read)
        assert recalled.folders == folders
        assert [t.source for t in recalled.tables.values()] == [t.source for t in read.tables.values()]
    assert len(cache_files(own_cache)) == 2


TABLE = """
table: engine
hit_policy: first
inputs: {machines: {type: number, optional: true}, durable: {type: boolean}, mode: {type: string, values: [batch, service]}}
outputs: {engine: {values: [celery, rq, dask, ray]}, odd: {}}
rules: [%s]
default: {engine: ray, odd: null}
"""


def test_every_value_of_a_table_survives(folder: Path, reads: list[Any]) -> None:
    """Numbers of every size, true beside 1 and 1.0, null, and more rules than JSON's numbers have bits."""
    values = [
        "1",
        "1.0",
        "true",
        "-0.0",
        "0",
        "1e300",
        "5e-324",
        "123456789012345678901234567890",
        '"\\u65e5 \\n"',
        "null",
    ]
    cells = ["'>= 3'", "'[2..4.5)'", "'not(7,8)'", "null", "'-'", "'1,2,> 1e300'"]
    rows = [
        f"{{when: {{machines: {cells[i % len(cells)]}, durable: {'false' if i % 2 else '-'}}}, "
        f"then: {{engine: rq, odd: {values[i % len(values)]}}}}}"
        for i in range(100)
    ]
    (folder / "engine.yaml").write_text(TABLE % ", ".join(rows), "utf-8")
    first, second = load_knowledge(folder), load_knowledge(folder)
    assert len(reads) == 1
    assert same(first, second)
    for machines in (None, 0, 1, 2, 3.5, 4.5, 7, 1e301):
        given = {"machines": machines, "durable": True, "mode": "batch"}
        assert repr(first.tables["engine"].decide(given)) == repr(second.tables["engine"].decide(given))


def test_a_class_that_a_cache_does_not_know_is_not_kept(own_cache: Path) -> None:
    state = knowledge_cache.state_of((RULES,))
    odd = replace(read_knowledge((RULES,)), approaches={"threads": tmp_class()})
    with pytest.raises(ValueError, match="Odd has no place in a rules cache"):
        knowledge_cache.flattened(odd)
    knowledge_cache.keep(state, odd)
    assert cache_files(own_cache) == []


def tmp_class() -> Any:
    @dataclass
    class Odd:
        pass

    return Odd()


def kept(state: knowledge_cache.State, content: object) -> bytes:
    """A file of the right form and checksum, whatever is in it."""
    body = json.dumps([repr(state), *content] if isinstance(content, list) else content).encode()
    return b"concurrency-selector rules %08x\n%s" % (crc32(body), body)


def hostile() -> dict[str, bytes]:
    """Files that somebody or something may have left where the cache is."""
    state = knowledge_cache.state_of((RULES,))
    values, groups = knowledge_cache.flattened(read_knowledge((RULES,)))
    good = kept(state, [values, groups])
    old = state._replace(files=())
    kinds = range(-18, 18)
    return {
        "empty": b"",
        "garbage": os.urandom(1000),
        "text": b"hello\n",
        "a pickle that runs a command": b"cos\nsystem\n(S'false'\ntR.",
        "the first half": good[: len(good) // 2],
        "one byte more": good + b" ",
        "no checksum": good.partition(b"\n")[2],
        "another state": kept(old, [values, groups]),
        "no knowledge": kept(state, [[], []]),
        "null": kept(state, None),
        "a number": kept(state, 1),
        "a number as knowledge": kept(state, [[1], []]),
        "no nodes": kept(state, [values, []]),
        "no values": kept(state, [[], groups]),
        "a node less": kept(state, [values, groups[:-1]]),
        "values as nodes": kept(state, [groups, values]),
        "nodes of no kind": kept(state, [values, [*groups, [99, [[0]]]]]),
        "parts that are not there": kept(state, [values, [*groups, [0, [[10**6]]]]]),
        "deep": b"concurrency-selector rules %08x\n%s" % (crc32(b"[" * 10**5), b"[" * 10**5),
        **{f"kind {kind} of nothing": kept(state, [[1], [[kind, [[]]]]]) for kind in kinds},
        **{f"kind {kind} of one part": kept(state, [[1], [[kind, [[0]]]]]) for kind in kinds},
        **{f"kind {kind} of six parts": kept(state, [[1], [[kind, [[0] * 6]]]]) for kind in kinds},
    }


def test_whatever_lies_in_the_cache_is_replaced(own_cache: Path, reads: list[Any]) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good, state = file.read_bytes(), knowledge_cache.state_of((RULES,))
    for case, bad in hostile().items():
        file.write_bytes(bad)
        assert knowledge_cache.recall(state) is None, case
    load_knowledge()
    assert len(reads) == 2
    assert file.read_bytes() == good


def test_no_bit_that_flips_is_taken_for_rules(own_cache: Path) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good, state = file.read_bytes(), knowledge_cache.state_of((RULES,))
    draw = random.Random(12)
    for _ in range(100):
        place, bit = draw.randrange(len(good)), draw.randrange(8)
        file.write_bytes(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
        assert knowledge_cache.recall(state) is None
    file.write_bytes(good)
    assert knowledge_cache.recall(state) is not None


def test_a_cache_holds_no_path_of_rules_and_names_no_class(own_cache: Path, folder: Path) -> None:
    """It says neither where anything lies (but for the state, which is compared and no more) nor what is made."""
    load_knowledge(folder)
    (file,) = cache_files(own_cache)
    state, values, groups = json.loads(file.read_bytes().partition(b"\n")[2])
    assert str(folder) in state
    assert str(folder) not in json.dumps([values, groups])
    assert str(RULES) not in json.dumps([values, groups])
    assert not re.search(r"selector\.|pathlib|Knowledge", json.dumps([values, groups]))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(("name", "mode"), [("", 0o777), ("", 0o720), ("file", 0o602), ("file", 0o660)])
def test_what_others_may_write_to_is_not_read(own_cache: Path, reads: list[Any], name: str, mode: int) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    (file if name else own_cache).chmod(mode)
    load_knowledge()
    assert len(reads) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and links of POSIX")
def test_a_fifo_a_device_or_a_link_in_its_place_is_not_read(own_cache: Path, tmp_path: Path, reads: list[Any]) -> None:
    load_knowledge()
    (file,) = cache_files(own_cache)
    good = file.read_bytes()
    (tmp_path / "copy").write_bytes(good)
    for make in (
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/dev/zero"),
        lambda: file.symlink_to(tmp_path / "copy"),
    ):
        file.unlink()
        make()
        load_knowledge()
        assert file.read_bytes() == good  # replaced
    assert len(reads) == 4
    assert (tmp_path / "copy").read_bytes() == good


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_cache_folder_is_made_for_its_owner_only(own_cache: Path) -> None:
    load_knowledge()
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700


def test_where_no_cache_can_be_written_the_rules_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way", "utf-8")
    for place in (file, file / "below"):
        monkeypatch.setenv(CACHE_VARIABLE, str(place))
        assert engine_for(None) == "dask"
    assert file.read_text("utf-8") == "in the way"


@not_as_root
def test_a_cache_folder_without_permission_to_write_is_no_error(own_cache: Path) -> None:
    own_cache.mkdir(mode=0o500)
    assert engine_for(None) == "dask"
    assert cache_files(own_cache) == []


def test_a_full_disk_leaves_no_half_written_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert engine_for(None) == "dask"
    assert list(own_cache.iterdir()) == []


@pytest.mark.slow
def test_many_processes_may_start_at_once_on_a_cold_cache(own_cache: Path) -> None:
    command = [sys.executable, "-m", "selector", "recommend", "--set", "workload_type=io", "--format", "json"]

    def run(_: int) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stderr, done.stdout

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(3)))
    assert {result[:2] for result in results} == {(0, "")}
    assert len({result[2] for result in results}) == 1
    assert [file.suffix for file in own_cache.iterdir() if file.name.startswith(".")] == []
    assert len(cache_files(own_cache)) == 1


def test_what_was_kept_for_another_version_is_not_used(
    own_cache: Path, reads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_knowledge()
    monkeypatch.setattr(knowledge_cache, "VERSION", "99.0")
    load_knowledge()
    assert len(reads) == 2


def test_the_pipeline_takes_what_is_recalled(own_cache: Path, folder: Path) -> None:
    fresh = Selector(folder, FIXED_HOST)
    again = Selector(folder, FIXED_HOST)
    profiles = [profile for _, profile in pipeline.example_profiles()]
    for profile in profiles:
        assert fresh.recommend(profile, changes="none") == again.recommend(profile, changes="none")
    assert fresh.explain(profiles[0]) == again.explain(profiles[0])
