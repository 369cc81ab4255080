"""A system tried out: the skeleton is rendered and runs, what it measures is judged, and the system is fitted to this host."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import call, run
from pages_read import embedded
from printed import text_of
from strategies import FIXED_HOST
from tried import BUSY, SYSTEMS, judged, measured

from selector import Selector
from selector.benchmark.programs import template_names
from selector.benchmark.render import render
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.report.system import trial_document
from selector.system.answer import answer_of, plan_system, recommend_system
from selector.system.models import SystemRecommendation
from selector.system.skeleton import skeleton_notes, skeleton_script
from selector.system.trial import system_here
from selector.system.verdict import TrialEvent, judge_system
from selector.workload.system import SystemProfile, system_from_mapping


def script_of(system: SystemProfile) -> tuple[str, SystemRecommendation]:
    selector = Selector(host=FIXED_HOST)
    plan = plan_system(selector, system)
    answer = answer_of(plan, selector)
    return skeleton_script(plan, answer), answer


def parts_in(script: str) -> dict[str, dict[str, Any]]:
    """The parameter PARTS of a script, by name."""
    tree = ast.parse(script)
    (value,) = (n.value for n in tree.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "PARTS")
    assert value is not None
    return {part["name"]: part for part in ast.literal_eval(value)}


# The skeleton ---------------------------------------------------------------------------------------------------------


def test_the_skeleton_has_each_part_as_recommended() -> None:
    script, answer = script_of(SYSTEMS["api-with-pipeline"])
    parts = parts_in(script)
    assert parts.keys() == {part.name for part in answer.parts}
    assert parts["api"]["feeds"] == (("clean", 1.0), ("thumbnail", 0.2))
    assert (parts["api"]["loop"], parts["api"]["per_second"]) == (True, 40.0)
    assert (parts["clean"]["pool"], parts["clean"]["workers"], parts["clean"]["per_second"]) == ("processes", 3, None)
    assert parts["thumbnail"]["gil_share"] == 0
    assert {part["bound"] for part in parts.values()} >= {joint.bound for joint in answer.joints}


def test_names_of_the_user_are_only_literals_in_it() -> None:
    nasty = 'a"; import os\nos.system("x")  # \x1b[31m'
    parts = [{"name": nasty, "workload_type": "io", "io_wait_ms_per_task": 1, "requests_per_second": 1}]
    script, _ = script_of(system_from_mapping({"name": nasty, "parts": parts}))
    assert parts_in(script).keys() == {nasty}
    assert script.isascii() and script.count("os.system") == 2  # the two literals
    assert "\x1b" not in script


def test_what_the_skeleton_leaves_out_is_said() -> None:
    part = {"name": "mail", "workload_type": "io", "durable": True, "requests_per_second": 1}
    _, answer = script_of(system_from_mapping({"parts": [part]}))
    notes = skeleton_notes(answer)
    assert notes[0] == "Not known, and left out in the skeleton: mail.io_wait_ms_per_task."
    assert '"mail" runs in processes of this machine' in notes[1]


def test_it_is_no_template_to_name() -> None:
    assert "system" not in template_names()


def test_generate_writes_it_once(tmp_path: Path) -> None:
    out = tmp_path / "system.py"
    found = call("generate", "ten-agents", "-o", str(out))
    assert found.code == 0
    assert "run it with: " in found.err
    compile(out.read_text("utf-8"), "system.py", "exec")
    assert call("generate", "ten-agents", "-o", str(out)).code == 2
    assert call("generate", "ten-agents", "-o", "-").out == out.read_text("utf-8")
    assert call("generate", "ten-agents", "-o", "-", "--seed", "1").code == 2


def part(name: str, *feeds: tuple[str, float], **more: Any) -> dict[str, object]:
    """A part of a skeleton that hardly does anything."""
    return {
        "name": name, "feeds": feeds, "approach": "x", "loop": False, "pool": "none", "own_process": False,
        "workers": 2, "at_once": 2, "bound": 3, "cpu_ms": 0.0, "gil_share": 1.0, "io_wait_ms": 1.0, "blocks": False,
        "payload_kb": 0.1, "per_second": None, "items": None, **more,
    }  # fmt: skip


def skeleton(folder: Path, *parts: dict[str, object], code: tuple[str, str] = ("", "")) -> Path:
    """A skeleton of such parts; a piece of its text may be replaced."""
    text = render(resource_dir("templates") / "system.py", {"NAME": "S", "PARTS": parts})
    assert code[0] in text
    (folder / "system.py").write_text(text.replace(*code), "utf-8")
    return folder / "system.py"


def ran(script: Path, *options: str, python: str = sys.executable) -> list[dict[str, Any]]:
    done = subprocess.run([python, str(script), "--json", *options], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_batch_is_done_to_its_last_item_and_what_fails_goes_no_further(tmp_path: Path) -> None:
    parts = (
        part("in", ("a", 1.0), ("b", 0.5), loop=True, items=40),
        part("a", ("out", 2.0), loop=True, pool="threads", cpu_ms=0.01),
        part("b", ("out", 1.0)),
        part("out", gil_share=0.5),
    )
    fails = "    burn(part.steps)\n", "    burn(part.steps)\n    assert part.name != 'b', 'so'\n"
    (event,) = ran(skeleton(tmp_path, *parts, code=fails))
    rows = {row["name"]: row for row in event["parts"]}
    assert {name: (row["done"], row["errors"]) for name, row in rows.items()} == {
        "in": (40, 0), "a": (40, 0), "b": (0, 20), "out": (80, 0),
    }  # fmt: skip
    assert rows["b"]["last_error"] == "AssertionError: so"


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["3.14", "3.15", "3.13t", None])
def test_every_kind_of_part_hands_on_every_item(tmp_path: Path, needs: Callable[[str], str], tag: str | None) -> None:
    last = {"pool": "interpreters"} if tag in ("3.14", "3.15") else {}
    parts = (
        part("in", ("a", 1.0), ("b", 0.5), loop=True, items=60),
        part("a", ("c", 1.0), pool="processes"),
        part("b", ("c", 2.0), loop=True, pool="threads", blocks=True),
        part("c", ("d", 1.0), own_process=True),
        part("d", ("e", 1.0), own_process=True, loop=True, at_once=3),
        part("e", ("f", 1.0), loop=True, pool="processes", cpu_ms=0.1),
        part("f", **last),
    )
    (event,) = ran(skeleton(tmp_path, *parts), python=sys.executable if tag is None else needs(tag))
    assert [row["done"] for row in event["parts"]] == [60, 60, 30, 120, 120, 120, 120]


@pytest.mark.slow
def test_a_part_starts_once_in_each_process(tmp_path: Path) -> None:
    parts = (
        part("in", ("a", 1.0), loop=True, items=20),
        part("a", ("b", 1.0), pool="processes"),
        part("b", own_process=True),
    )
    notes = (
        "def first_item(",
        "import os\n\n_start = start\n\n\ndef start(part):\n    print(part.name, file=open(NOTES, 'a'))\n\n\ndef first_item(",
    )
    said = tmp_path / "notes.txt"
    ran(skeleton(tmp_path, *parts, code=(notes[0], notes[1].replace("NOTES", repr(str(said))))))
    assert sorted(said.read_text("utf-8").split()) == ["a", "a", "b", "in"]


@pytest.mark.slow
def test_measuring_runs_each_part_and_then_all(tmp_path: Path) -> None:
    parts = part("a", ("b", 1.0), loop=True, per_second=5.0), part("b", io_wait_ms=20.0)
    events = [TrialEvent.model_validate_json(json.dumps(e)) for e in ran(skeleton(tmp_path, *parts), "--measure", "4")]
    assert [(event.event, len(event.parts)) for event in events] == [("alone", 1), ("alone", 1), ("together", 2)]
    together = events[-1].parts
    assert together[1].busy > together[0].busy
    assert together[0].per_second == pytest.approx(together[1].per_second, rel=0.5)


# This host ------------------------------------------------------------------------------------------------------------

PYTHONS = {"3.14": "/x/python3.14", "3.14t": "/x/python3.14t"}


def test_with_fewer_cpus_the_system_is_chosen_for_what_they_can_do() -> None:
    system, notes = system_here(SYSTEMS["ten-agents"], 2, "linux", PYTHONS)
    assert system.cpu_cores == 2
    assert system.parts[0].profile.interpreters == ("3.14", "3.14t")
    rate = system.parts[0].profile.requests_per_second
    assert rate is not None and rate * 0.35 <= 1.601
    assert notes[0].startswith("The system has 8 CPUs, and there are 2 here")
    assert notes[1].startswith("More arrives than 2 CPUs can do: the parts are chosen for 57 % of it")


def test_a_system_that_fits_stays_as_it_is() -> None:
    system, notes = system_here(SYSTEMS["api-with-pipeline"], 8, "linux", PYTHONS)
    assert notes == []
    assert [part.profile.requests_per_second for part in system.parts] == [40, None, 8, None]


def test_parts_that_ask_for_more_cpus_than_there_are_share_anew() -> None:
    parts = [{"name": n, "workload_type": "cpu", "cpu_cores": 4} for n in "ab"]
    system, notes = system_here(system_from_mapping({"parts": parts}), 2, "linux", PYTHONS)
    assert [part.profile.cpu_cores for part in system.parts] == [None, None]
    assert notes == ["The parts ask for more CPUs than there are here: they are shared out anew."]


def test_interpreters_that_are_not_here_are_an_error() -> None:
    system = system_from_mapping({"interpreters": ["3.9"], "parts": [{"name": "a", "workload_type": "io"}]})
    with pytest.raises(SelectorError, match=r'part "a": none of its interpreters is here: 3\.9'):
        system_here(system, 2, "linux", PYTHONS)


# The verdict ----------------------------------------------------------------------------------------------------------


def test_the_predicted_bottleneck_at_the_predicted_pace_is_confirmed() -> None:
    report = judged(*measured(70))
    assert (report.verdict, report.bottleneck_measured, report.complete) == ("confirmed", "clean", True)
    assert report.saturation_measured_per_s == 70
    assert [p.name for p in report.parts if p.whole_predicted_per_s == report.saturation_predicted_per_s] == [
        "api",
        "clean",
    ]


@pytest.mark.parametrize(("rate", "warnings", "verdict"), [
    (30, (), "refuted"), (30, (BUSY,), "inconclusive"), (150, (), "confirmed"), (70, (BUSY,), "confirmed"),
])  # fmt: skip
def test_another_pace_refutes_it_unless_others_took_cpus(rate: float, warnings: tuple[str, ...], verdict: str) -> None:
    assert judged(*measured(rate), warnings=warnings).verdict == verdict


def test_another_bottleneck_refutes_it_unless_both_are_near_their_limit() -> None:
    assert judged(*measured(70, "store")).verdict == "refuted"
    assert judged(*measured(70, "store"), warnings=(BUSY,)).verdict == "inconclusive"
    near = judged(*measured(70, "thumbnail"))  # predicted: 17/s of 8, and 78/s of 40
    assert near.verdict == "tie"
    assert '"thumbnail" was the busiest (98 %), not "clean" (40 %)' in near.reason


def test_too_little_is_no_verdict() -> None:
    assert judged().reason == "The run ended before all parts had run together."
    assert judged(*measured(70, done=3)).reason == 'Only 3 items came through "clean": give a longer --budget.'
    failed = judged(*measured(70, errors=2, last_error="ValueError: \x1b"))
    assert (failed.verdict, failed.reason[:27]) == ("inconclusive", '"api" failed on 2 items: Va')
    system = system_from_mapping({"parts": [{"name": "a", "workload_type": "io", "feeds": []}]})
    unknown = judge_system(recommend_system(Selector(host=FIXED_HOST), system), [], "3.14")
    assert unknown.reason.endswith("not known is a.io_wait_ms_per_task.")
    mail = {"name": "mail", "workload_type": "io", "durable": True, "requests_per_second": 1, "io_wait_ms_per_task": 9}
    lasting = recommend_system(Selector(host=FIXED_HOST), system_from_mapping({"parts": [mail]}))
    assert judge_system(lasting, [], "3.14").reason.endswith("(without: --set mail.durable=false).")


def test_the_report_shows_predicted_beside_measured() -> None:
    text = text_of(trial_document(judged(*measured(70), warnings=(BUSY,))))
    assert max(map(len, text.splitlines())) <= 80
    assert "Verdict:    confirmed: " in text
    assert "Whole:      predicted 78/s, measured 70/s (0.90x)" in text
    assert "other programs took 1.6 of 2 CPUs" in text
    assert "failed on 2 items" in text_of(trial_document(judged(*measured(70, errors=2, last_error="so"))))


@pytest.mark.slow
def test_validate_runs_it_here_and_keeps_all(tmp_path: Path) -> None:
    parts = [
        {"name": "in", "feeds": ["out"], "workload_type": "io", "mode": "service", "concurrency": 4, "cpu_ms_per_task": 0,
         "io_wait_ms_per_task": 5, "async_library": True, "event_loop": True},
        {"name": "out", "workload_type": "io", "concurrency": 2, "cpu_ms_per_task": 0, "io_wait_ms_per_task": 40},
    ]  # fmt: skip
    (tmp_path / "s.json").write_text(json.dumps({"cpu_cores": 1, "parts": parts}))
    found = run("validate", str(tmp_path / "s.json"), "--budget", "8s", "--json", "--save", str(tmp_path / "kept"))
    assert found.code == 0
    assert (found.json["bottleneck_predicted"], found.json["bottleneck_measured"]) == ("out", "out")
    assert embedded((tmp_path / "kept" / "report.html").read_text("utf-8")) == found.json
    assert {file.name for file in (tmp_path / "kept").iterdir()} == {
        "system.py", "plan.json", "events.jsonl", "results.json", "report.md", "report.html",
    }  # fmt: skip
