"""Tables that follow their files: edits arrive, broken ones leave the last good table and are told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from shared import wait_until

from selector.decision.watch import Tables
from selector.errors import SelectorError
from selector.files import write_atomically

WAIT_SECONDS = 30  # far more than it takes


def table(price: object = 3, name: str = "shipping") -> str:
    return (
        f"table: {name}\nhit_policy: first\ninputs: {{kg: {{type: number}}}}\noutputs: {{price: {{type: number}}}}\n"
        f"rules:\n  - {{then: {{price: {price}}}}}\n"
    )


def write(file: Path, text: str) -> None:
    """In place, as an editor does it; a step of the clock later than before, however coarse the file system's is."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text, encoding="utf-8")
    later = max(file.stat().st_mtime_ns, before + 10**9)
    os.utime(file, ns=(later, later))


def price(tables: Tables, name: str = "shipping") -> object:
    return tables[name].decide({"kg": 1}).output["price"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shipping.yaml"
    write(path, table())
    return path


@pytest.fixture
def tables(file: Path) -> Tables:
    return Tables(file.parent)


def test_a_folder_gives_its_tables_by_the_names_of_their_files(file: Path) -> None:
    write(file.parent / "fee.yaml", table(5, name="something else"))
    for ignored in ("notes.txt", ".#shipping.yaml", "table.schema.json"):
        (file.parent / ignored).write_text("no table", encoding="utf-8")
    tables = Tables(str(file.parent))
    assert list(tables) == ["fee", "shipping"]
    assert len(tables) == 2
    assert (price(tables), price(tables, "fee")) == (3, 5)
    assert "other" not in tables
    assert dict(tables.problems) == {}
    assert tables.refresh() == ()


@pytest.mark.parametrize(
    "as_source", [str, Path, lambda f: [f], lambda f: [str(f)]], ids=["str", "Path", "list", "strs"]
)
def test_files_may_be_given_instead_and_others_are_not_looked_at(file: Path, as_source: object) -> None:
    assert callable(as_source)
    (file.parent / "broken.yaml").write_text("{", encoding="utf-8")
    tables = Tables(as_source(file))
    assert list(tables) == ["shipping"]
    write(file, table(4))
    assert tables.refresh() == ("shipping",)
    assert price(tables) == 4


def test_a_hidden_file_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / ".mine.yaml", table())
    assert price(Tables([tmp_path / ".mine.yaml"]), ".mine") == 3
    assert list(Tables(tmp_path)) == []


def test_what_is_broken_at_the_beginning_is_refused_as_there_is_no_good_table(file: Path) -> None:
    write(file, table("much"))
    with pytest.raises(SelectorError, match=r"shipping.yaml:6:\d+: .*\"much\" is not a number"):
        Tables(file.parent)
    with pytest.raises(SelectorError, match="cannot be read"):
        Tables(file.parent / "missing")


def test_files_of_one_name_are_refused(file: Path) -> None:
    with pytest.raises(SelectorError, match="one name"):
        Tables([file, file.parent / "elsewhere" / "shipping.yaml"])


def test_an_edit_arrives_once(tables: Tables, file: Path) -> None:
    write(file, table(4))
    assert price(tables) == 3
    assert tables.refresh() == ("shipping",)
    assert price(tables) == 4
    assert tables.refresh() == ()


@pytest.mark.parametrize(
    "broken",
    [table("much"), table()[:60], "", "\0", "table: [", table().replace("hit_policy: first\n", "")],
    ids=["a wrong type", "half written", "truncated", "binary", "not YAML", "a key missing"],
)
def test_a_broken_edit_keeps_the_last_good_table_and_says_so_until_it_is_mended(
    tables: Tables, file: Path, broken: str
) -> None:
    good = tables["shipping"]
    write(file, broken)
    assert tables.refresh() == ("shipping",)
    assert tables["shipping"] is good
    assert list(tables.problems) == ["shipping"]
    assert str(file) in tables.problems["shipping"]
    assert tables.refresh() == ()
    assert tables.problems
    write(file, table(4))
    assert tables.refresh() == ("shipping",)
    assert dict(tables.problems) == {}
    assert price(tables) == 4


def test_one_broken_file_does_not_hold_the_others_up(tables: Tables, file: Path) -> None:
    write(file.parent / "fee.yaml", table(1))
    write(file, "broken")
    assert tables.refresh() == ("fee", "shipping")
    assert (price(tables), price(tables, "fee")) == (3, 1)
    assert list(tables.problems) == ["shipping"]


def test_a_file_that_is_gone_leaves_its_table_and_says_so(tables: Tables, file: Path) -> None:
    file.unlink()
    assert tables.refresh() == ("shipping",)
    assert price(tables) == 3
    assert "cannot be read" in tables.problems["shipping"]
    assert tables.refresh() == ()
    write(file, table(4))
    assert tables.refresh() == ("shipping",)
    assert (price(tables), dict(tables.problems)) == (4, {})


def test_a_folder_that_is_gone_leaves_its_tables(tables: Tables, file: Path) -> None:
    file.unlink()
    file.parent.rmdir()
    assert tables.refresh() == ("shipping",)
    assert price(tables) == 3


def test_a_new_file_is_added_and_a_broken_new_one_only_told(tables: Tables, file: Path) -> None:
    new = file.parent / "fee.yaml"
    write(new, "half of it")
    assert tables.refresh() == ("fee",)
    assert "fee" not in tables
    assert "fee" in tables.problems
    new.unlink()
    assert tables.refresh() == ("fee",)
    assert dict(tables.problems) == {}, "nobody misses a table that never was"
    write(new, table(7))
    assert tables.refresh() == ("fee",)
    assert price(tables, "fee") == 7


def test_a_file_put_in_place_by_renaming_is_seen_even_with_the_time_and_size_of_the_old(
    tables: Tables, file: Path
) -> None:
    before = file.stat()
    other = file.parent / "saved"
    other.write_text(table(9), encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    other.replace(file)
    assert tables.refresh() == ("shipping",)
    assert price(tables) == 9


def test_whoever_holds_a_table_keeps_it_whole(tables: Tables, file: Path) -> None:
    held, problems = tables["shipping"], tables.problems
    write(file, table(4))
    write(file.parent / "fee.yaml", "broken")
    tables.refresh()
    assert held.decide({"kg": 1}).output == {"price": 3}
    assert dict(problems) == {}


class Heard:
    """What `on_change` was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.names: list[tuple[str, ...]] = []
        self.event = threading.Event()

    def __call__(self, names: tuple[str, ...]) -> None:
        self.names.append(names)
        self.event.set()

    def wait(self) -> None:
        assert self.event.wait(WAIT_SECONDS), "on_change was never called"
        self.event.clear()


def test_watching_tells_of_edits_broken_and_good_and_ends_with_the_block(tables: Tables, file: Path) -> None:
    heard = Heard()
    with tables.watch(heard, interval_seconds=0.01) as watched:
        assert watched is tables
        write_atomically(file, table(4).encode())
        heard.wait()
        assert price(tables) == 4
        write_atomically(file, b"broken: [")
        heard.wait()
        assert price(tables) == 4
        assert "shipping" in tables.problems
        write_atomically(file, table(5).encode())
        heard.wait()
        assert price(tables) == 5
    assert dict(tables.problems) == {}
    assert set(heard.names) == {("shipping",)}
    assert not any(thread.name == "watch tables" for thread in threading.enumerate())


def test_a_file_that_never_stands_still_is_not_read_and_holds_no_other_up(
    tables: Tables, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file.parent / "fee.yaml", table(1))
    stamps, looks, heard = tables._stamps, [0], Heard()

    def restless() -> dict[Path, tuple[int, int, int] | None]:
        looks[0] += 1
        return {**stamps(), file: (looks[0], 0, 0)}

    monkeypatch.setattr(tables, "_stamps", restless)
    with tables.watch(heard, interval_seconds=0.01):
        heard.wait()
        seen = looks[0]
        wait_until(lambda: looks[0] >= seen + 5)
    assert heard.names == [("fee",)]


def test_what_on_change_raises_is_reported_and_the_watching_goes_on(
    tables: Tables, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = Heard()
    monkeypatch.setattr(threading, "excepthook", lambda told: reported((str(told.exc_value),)))

    def fail(names: tuple[str, ...]) -> None:
        raise RuntimeError(f"no use for {names[0]}")

    with tables.watch(fail, interval_seconds=0.01):
        for number in (4, 5):
            write_atomically(file, table(number).encode())
            reported.wait()
            assert price(tables) == number
    assert set(reported.names) == {("no use for shipping",)}


def test_watching_without_on_change_still_reads(tables: Tables, file: Path) -> None:
    with tables.watch(interval_seconds=0.01):
        write_atomically(file, table(4).encode())
        wait_until(lambda: price(tables) == 4)


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_an_interval_is_some_time(tables: Tables, interval: float) -> None:
    with pytest.raises(SelectorError, match="interval_seconds is"), tables.watch(interval_seconds=interval):
        pytest.fail("it must not begin")
