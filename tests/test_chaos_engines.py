"""The loss table: what counts as lost and as twice, how it goes on where it was, and a run of each fault for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_projects import PYTHON, needs_engine

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import bench_engines  # noqa: E402  # they lie beside the package
import chaos_engines  # noqa: E402
import delayed_hosts  # noqa: E402
import engine_faults  # noqa: E402
import loss_table  # noqa: E402


def line(task: int, mark: str = "1-1000000000") -> loss_table.Line:
    (found,) = loss_table.read_ledger(f"{task} {mark}\n")
    return found


def result(task: int, said: str = "", *, ok: bool = True) -> dict[str, Any]:
    return {"key": f"{task}-abc", "ok": ok, "value": said or f"{task} 1-1000000000"}


def record(**more: Any) -> dict[str, Any]:
    found = {"engine": "rq", "settings": "safe", "fault": "worker", "number": 0, "tasks": 40, "wrong": []}
    return {
        **found, "lost": 0, "failed": 0, "twice": 0, "in_effect": 0, "pause_s": 0.25, "all_s": 12.0, **more,
    }  # fmt: skip


def test_lost_is_what_has_no_result_and_twice_what_ended_twice() -> None:
    ledger = [line(0), line(1), line(1, "2-3500000000"), line(2, "2-4000000000")]
    kept = [result(0), result(1), {"key": "3-x", "ok": False, "error": "its worker ended"}]
    found = loss_table.counted(5, ledger, kept, {0: "0 1-1000000000"}, fault_at=2.0)
    assert (found.lost, found.failed, found.twice, found.in_effect) == (2, 1, 1, 0)
    assert (found.pause_s, found.all_s) == (2.0, 2.0), "an end for the second time is no news"


def test_twice_in_effect_is_another_result_or_two() -> None:
    kept = [result(0, "0 9-9"), result(1), result(1)]
    found = loss_table.counted(2, [line(0), line(1)], kept, {0: "0 1-1000000000", 1: "1 1-1000000000"}, 5.0)
    assert (found.lost, found.in_effect, found.pause_s, found.all_s) == (0, 2, None, None)
    assert loss_table.invented([line(1)], kept) == ["0-abc"]


def test_a_line_that_was_cut_off_is_not_there() -> None:
    assert [it.task for it in loss_table.read_ledger("3 1-5\n4 1")] == [3]


def test_a_table_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "records"
    for number, wrong in ((0, []), (1, ["it never ended"])):
        chaos_engines.append(file, record(number=number, wrong=wrong))
    file.write_text(file.read_text() + '{"engine": "rq", "sett', "utf-8")
    records = chaos_engines.read(file)
    assert len(records) == 2
    cells = [("rq", "safe", "worker"), ("dramatiq", "default", "broker")]
    cases = chaos_engines.missing(records, cells, 2)
    assert [(it.engine, it.number) for it in cases] == [("rq", 2), ("dramatiq", 0), ("dramatiq", 1)]
    assert cases[0].patience_s < 60 < cases[1].patience_s


def test_a_promise_that_was_not_kept_is_told() -> None:
    kinds = [record(lost=1), record(in_effect=1), record(failed=1), record(wrong=["2 processes were left"])]
    assert len(chaos_engines.broken(kinds)) == 4
    assert chaos_engines.broken([record(twice=3), record(settings="default", lost=5)]) == []


def test_the_table_counts_what_was_disturbed() -> None:
    shown = loss_table.table([record(), record(lost=2, failed=1, pause_s=3.0), record(wrong=["never ready"])])
    assert shown.splitlines()[2:] == [
        "| rq | safe | worker | 2 | 80 | 3 (1 told as failed) | 0 | 0 | 1.62 (≤ 3.00) s | 12 (≤ 12) s |"
    ]


def test_what_is_no_name_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (chaos_engines, bench_engines):
        monkeypatch.setattr(sys, "argv", ["it", "--engines", "celery,rabbit"])
        with pytest.raises(SystemExit) as ended:
            module.main()
        assert ended.value.code == 2 and "'rabbit': " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ["huey", "rq"])  # test_engines.py kills those of all engines
@pytest.mark.parametrize("fault", loss_table.FAULTS)
def test_safe_settings_lose_nothing(tmp_path: Path, engine: str, fault: str) -> None:
    needs_engine(engine)
    if (engine, fault) in loss_table.NOT_THERE:
        return
    engine_faults.project(tmp_path / engine, engine, PYTHON)
    (case,) = chaos_engines.missing([], [(engine, "safe", fault)], 1)
    found = engine_faults.run_case(case, tmp_path / engine, PYTHON)
    assert chaos_engines.broken([found]) == [], json.dumps(found)


@pytest.mark.slow
def test_a_packet_between_our_hosts_takes_as_long_as_asked() -> None:
    if reason := delayed_hosts.why_not():
        pytest.skip(reason)
    served = "import socket; s = socket.create_server(('10.77.0.2', 7000)); print(flush=True); s.accept()[0].recv(1)"
    asks = "import socket, time; a = time.monotonic(); socket.create_connection(('10.77.0.2', 7000)); print(time.monotonic() - a)"
    with (
        delayed_hosts.hosts(2, 0.05) as (one, two),
        subprocess.Popen(two.command(sys.executable, "-c", served), stdout=subprocess.PIPE) as server,
    ):
        assert server.stdout is not None
        server.stdout.readline()
        said = subprocess.check_output(one.command(sys.executable, "-c", asks))
    assert float(said) >= 0.1
