"""Migration guides: every pair composes, every end runs, and broken parts are refused by name."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from selector.decision import load_table
from selector.errors import SelectorError
from selector.migration.compose import TRAITS
from selector.migration.guide import MigrationGuide, guide_of, migration_guide
from selector.migration.parts import ENGINES, Parts
from selector.recommend.knowledge import read_knowledge
from selector.workload.profile import APPROACHES, ApproachId

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "rules"
ENDS = ROOT / "rules" / "migration" / "code"
PAIRS = list(itertools.permutations(APPROACHES, 2))
OURS = Parts((RULES,))
SECTIONS = ("needs", "steps", "pitfalls", "measure", "rollback")
CANNOT_RUN_HERE = 3  # exit code of an end whose interpreter, package or broker is missing


@cache
def guide(from_: ApproachId, to: ApproachId) -> MigrationGuide:
    return guide_of(from_, to, OURS)


def sentences(of: MigrationGuide) -> list[str]:
    return [text for section in SECTIONS for text in getattr(of, section)]


def interpreter(*names: str) -> str:
    """The first of these commands on PATH; without one the test is skipped, and fails in CI."""
    for name in names:
        if path := shutil.which(name):
            return path
    reason = f"none of {', '.join(names)} on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(python: str, script: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [python, *options, *(["-c", script] if isinstance(script, str) else [str(script)])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def checksum() -> str:
    """What the baseline prints, and every other end must print too."""
    done = run(sys.executable, ENDS / "classify_single_threaded.py")
    assert done.stdout.startswith("totals "), done.stderr
    return done.stdout


# the guides


def test_every_pair_has_a_whole_guide() -> None:
    for pair in PAIRS:
        made = guide(*pair)
        assert (made.from_approach, made.to_approach) == pair
        assert made.effort in ("low", "medium", "high"), pair
        assert made.effort_reason, pair
        for section in SECTIONS:
            assert getattr(made, section), (pair, section)
        assert len(made.steps) >= 3, pair
        assert made.before_code != made.after_code, pair
        assert len(made.engines) == (len(ENGINES) if pair[1] == "distributed" else 0), pair


def test_no_sentence_is_said_twice() -> None:
    words = cache(lambda text: frozenset(word.strip(".,;:()`").lower() for word in text.split()))
    compared = set()
    for pair in PAIRS:
        said = sentences(guide(*pair))
        assert len(set(said)) == len(said), pair
        compared.update(itertools.combinations(sorted(said), 2))
    for one, other in compared:
        a, b = words(one), words(other)
        assert len(a & b) / len(a | b) < 0.6, f"nearly the same:\n{one}\n{other}"


def test_sentences_are_sentences() -> None:
    for text in {text for pair in PAIRS for text in sentences(guide(*pair))}:
        assert text.endswith("."), text
        assert len(text) <= 220, text
        assert "  " not in text, text
        assert text[0].isupper() or text[0] == "`" or text.startswith(("threadpoolctl", "asyncio")), text


def test_every_part_is_used_by_some_guide() -> None:
    used = {text for pair in PAIRS for text in sentences(guide(*pair))}
    for written in _written_texts():
        assert written in used, f"in no guide: {written}"


def _written_texts() -> Iterator[str]:
    for approach in APPROACHES:
        end = yaml.safe_load((RULES / "migration" / f"{approach}.yaml").read_text())
        for side in (end["leaving"], end["arriving"]):
            for line in itertools.chain(*side.values()):
                yield line if isinstance(line, str) else line["text"]
    pairs = yaml.safe_load((RULES / "migration" / "pairs.yaml").read_text())
    for note in pairs["notes"]:
        for section in SECTIONS:
            yield from note.get(section, [])


def test_at_least_25_pairs_have_words_of_their_own() -> None:
    assert len({(f, t) for note in OURS.pairs["notes"] for f in note["from"] for t in note["to"] if f != t}) >= 25


def test_what_only_concerns_a_newcomer_is_left_out_between_relatives() -> None:
    assert not any("asyncio.run(main())`" in s for s in guide("asyncio", "asyncio_threads").steps if "debug" not in s)
    assert any("asyncio.run(main())`" in s for s in guide("threads", "asyncio_threads").steps)
    assert not any("wheels" in s for s in guide("free_threaded", "asyncio_free_threaded").steps)


@pytest.mark.parametrize(
    ("from_", "to", "said"),
    [
        ("threads", "free_threaded", "sys._is_gil_enabled()"),
        ("threads", "free_threaded", "turns the GIL back on"),
        ("threads", "free_threaded", "read-modify-write"),
        ("threads", "multiprocessing", "`forkserver` on POSIX other than macOS from 3.14"),
        ("threads", "multiprocessing", "Process.interrupt()"),
        ("threads", "multiprocessing", "do not pickle"),
        ("threads", "asyncio", "python -m asyncio ps PID"),
        ("threads", "asyncio_threads", "run_coroutine_threadsafe"),
        ("multiprocessing", "subinterpreters", "no security boundary"),
        ("threads", "native_parallel", "OMP_NUM_THREADS"),
        ("multiprocessing", "distributed", "safe to run twice"),
    ],
)
def test_guides_say_what_matters(from_: ApproachId, to: ApproachId, said: str) -> None:
    assert any(said in text for text in sentences(guide(from_, to)))


@pytest.mark.parametrize("approach", APPROACHES)
def test_from_an_approach_to_itself_nothing_changes(approach: ApproachId) -> None:
    made = guide(approach, approach)
    assert made.effort == "none"
    assert made.steps == (f"Nothing changes: the code already uses {made.to_title}.",)
    assert (made.pitfalls, made.measure, made.rollback, made.engines) == ((), (), (), ())
    assert made.before_code == made.after_code


def test_every_engine_says_when_to_choose_it() -> None:
    engines = guide("threads", "distributed").engines
    assert [choice.engine for choice in engines] == list(ENGINES)
    for choice in engines:
        assert choice.choose_when and choice.needs and choice.steps and choice.pitfalls
        assert choice.title.lower() in choice.code.lower()
    celery = engines[0]
    assert "visibility_timeout" in " ".join(celery.steps)
    assert celery.code == guide("threads", "distributed").after_code


def test_guides_survive_json() -> None:
    made = guide("threads", "distributed")
    assert MigrationGuide.model_validate_json(made.model_dump_json()) == made


def test_a_move_is_a_short_form_of_the_guide() -> None:
    knowledge = read_knowledge((RULES,))
    for from_, to in itertools.product(APPROACHES, repeat=2):
        made, move = guide(from_, to), knowledge.move(from_, to)
        assert move.effort == made.effort, (from_, to)
        assert set(move.steps) <= set(made.steps), (from_, to)
        assert set(move.pitfalls) <= set(made.pitfalls), (from_, to)
        lengths = {len(move.steps), len(move.pitfalls)}
        assert lengths <= {2, 3} if from_ != to else lengths == {1, 0}, (from_, to)
        assert knowledge.move(from_, to) is move


def test_titles_are_those_of_the_catalogue() -> None:
    catalogue = yaml.safe_load((RULES / "approaches.yaml").read_text())
    assert {a: guide(a, a).to_title for a in APPROACHES} == {a: catalogue[a]["title"] for a in APPROACHES}


def test_what_a_sentence_may_ask_of_an_approach_follows_from_its_traits() -> None:
    found = {a: {word for word, has in TRAITS.items() if has(OURS.approaches[a].traits)} for a in APPROACHES}
    assert found == {
        "single_threaded": {"serial"},
        "native_parallel": {"serial", "native"},
        "threads": {"threads"},
        "asyncio": {"loop"},
        "asyncio_threads": {"loop", "threads"},
        "free_threaded": {"threads", "no_gil"},
        "asyncio_free_threaded": {"loop", "threads", "no_gil"},
        "subinterpreters": {"copies"},
        "multiprocessing": {"copies", "processes"},
        "asyncio_processes": {"loop", "copies", "processes"},
        "distributed": {"copies", "queue"},
    }


# the effort table


def test_every_row_of_the_effort_table_settles_some_pair() -> None:
    table = load_table(RULES / "migration_effort.yaml")
    fired = set()
    for from_, to in itertools.product(APPROACHES, repeat=2):
        decision = table.decide({"from": from_, "to": to, "same": from_ == to})
        assert decision.output["effort"] == "none" if from_ == to else decision.output["effort"] != "none"
        fired.update(decision.matched)
    assert fired == {rule.id for rule in table.rules}
    assert all(rule.because for rule in table.rules)


def test_the_examples_of_the_effort_table_hold() -> None:
    table = load_table(RULES / "migration_effort.yaml")
    assert len(table.examples) >= 10
    for example in table.examples:
        assert table.decide(example.given).output == example.expect


# the code of the ends

ALL_ENDS = sorted(ENDS.glob("classify_*.py"))
PLAIN = [
    "single_threaded", "asyncio", "threads", "free_threaded", "multiprocessing", "asyncio_threads",
    "asyncio_processes", "asyncio_free_threaded",
]  # fmt: skip


def test_every_approach_and_engine_has_its_code() -> None:
    names = {f"classify_{approach}.py" for approach in APPROACHES}
    names |= {f"classify_distributed_{engine}.py" for engine in ENGINES if engine != "celery"}
    assert {path.name for path in ALL_ENDS} == names


@pytest.mark.parametrize("path", ALL_ENDS, ids=lambda path: path.stem)
def test_code_compiles_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    compile(text, str(path), "exec")
    assert 25 <= len(text.splitlines()) <= 65


@pytest.mark.parametrize("approach", PLAIN)
def test_ends_give_the_same_result(approach: str, checksum: str) -> None:
    done = run(sys.executable, ENDS / f"classify_{approach}.py", "-W", "error")
    assert (done.returncode, done.stdout) == (0, checksum), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("approach", PLAIN)
@pytest.mark.parametrize("python", ["python3.14", "python3.13t"])
def test_ends_give_the_same_result_under_other_pythons(approach: str, python: str, checksum: str) -> None:
    done = run(interpreter(python), ENDS / f"classify_{approach}.py", "-W", "error")
    assert (done.returncode, done.stdout) == (0, checksum), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("approach", ["free_threaded", "asyncio_free_threaded"])
def test_free_threaded_ends_warn_only_where_the_gil_is_on(approach: str) -> None:
    free = run(interpreter("python3.14t", "python3.13t"), ENDS / f"classify_{approach}.py")
    assert (free.returncode, free.stderr) == (0, "")
    with_gil = run(interpreter("python3.14t", "python3.13t"), ENDS / f"classify_{approach}.py", "-X", "gil=1")
    assert with_gil.stderr.startswith("warning: the GIL is on")


def test_the_subinterpreter_end_runs_on_3_14(checksum: str) -> None:
    done = run(interpreter("python3.14"), ENDS / "classify_subinterpreters.py")
    assert (done.returncode, done.stdout) == (0, checksum), done.stderr


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="subinterpreters run here")
def test_the_subinterpreter_end_says_what_it_needs() -> None:
    done = run(sys.executable, ENDS / "classify_subinterpreters.py")
    assert (done.returncode, done.stdout) == (CANNOT_RUN_HERE, "")
    assert done.stderr == "needs Python 3.14 or later: concurrent.futures.InterpreterPoolExecutor\n"


def test_the_native_end_runs_where_numpy_is(checksum: str) -> None:
    done = run(sys.executable, ENDS / "classify_native_parallel.py")
    if done.returncode == CANNOT_RUN_HERE:
        assert done.stderr == "needs NumPy: pip install numpy\n"
    else:
        assert (done.returncode, done.stdout) == (0, checksum), done.stderr


@pytest.mark.parametrize("path", [p for p in ALL_ENDS if "distributed" in p.stem], ids=lambda path: path.stem)
def test_distributed_ends_say_what_to_install(path: Path) -> None:
    done = run(sys.executable, path, "-S", "-I")  # -S: without site-packages, so without any engine
    assert (done.returncode, done.stdout) == (CANNOT_RUN_HERE, "")
    assert "pip install" in done.stderr


# what the guides claim about Python 3.14, asked of it

CLAIMS = """
import asyncio, inspect, multiprocessing, sys
from concurrent import futures, interpreters
assert hasattr(multiprocessing.Process, "interrupt")
assert {"terminate_workers", "kill_workers"} <= set(dir(futures.ProcessPoolExecutor))
assert "buffersize" in inspect.signature(futures.ThreadPoolExecutor.map).parameters
if sys.platform == "linux":
    assert multiprocessing.get_start_method() == "forkserver"
for value in (1, 1.5, "text", b"bytes", True, None, (1, "a"), memoryview(b"x"), interpreters.create_queue()):
    assert interpreters.is_shareable(value), value
assert not any(map(interpreters.is_shareable, ([], {}, object())))
try:
    asyncio.get_event_loop()
    raise SystemExit("get_event_loop made a loop")
except RuntimeError:
    pass
try:
    futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"), max_tasks_per_child=1)
    raise SystemExit("fork took max_tasks_per_child")
except ValueError:
    pass
"""


def test_claims_about_python_3_14() -> None:
    python = interpreter("python3.14")
    done = run(python, CLAIMS)
    assert done.returncode == 0, done.stderr
    usage = run(
        python, "import runpy, sys; sys.argv[1:] = ['--help']; runpy.run_module('asyncio', run_name='__main__')"
    )
    assert "ps" in usage.stdout and "pstree" in usage.stdout


# a user's own parts


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "migration").mkdir()
    return tmp_path


def broken(own: Path, name: str, text: str, from_: ApproachId = "threads", to: ApproachId = "asyncio") -> str:
    """The message of the error that this file of a user's leads to."""
    (own / name).write_text(text, encoding="utf-8")
    with pytest.raises(SelectorError) as caught:
        migration_guide(from_, to, (own, RULES))
    assert Path(name).name in caught.value.message
    assert caught.value.hint
    return caught.value.message


def changed(approach: str, keys: dict[str, Any]) -> str:
    """The file of an approach with some keys replaced, or left out by `...`."""
    end = yaml.safe_load((RULES / "migration" / f"{approach}.yaml").read_text())
    return yaml.safe_dump({k: v for k, v in {**end, **keys}.items() if v is not ...})


def test_a_users_file_replaces_ours_of_the_same_name(own: Path) -> None:
    (own / "migration" / "pairs.yaml").write_text("notes: [{from: threads, to: asyncio, steps: [Ask Ada.]}]")
    made = migration_guide("threads", "asyncio", [own, RULES])
    assert "Ask Ada." in made.steps
    assert read_knowledge((own, RULES)).move("threads", "asyncio").steps[0] == "Ask Ada."
    assert "Ask Ada." not in guide("threads", "asyncio").steps
    (own / "migration" / "asyncio.yaml").write_text(changed("asyncio", {"needs": ["Patience."], "sources": ...}))
    assert migration_guide("threads", "asyncio", (own, RULES)).needs[0] == "Patience."


def test_an_empty_users_pairs_file_is_enough(own: Path) -> None:
    (own / "migration" / "pairs.yaml").write_text("always: {steps: [Breathe.]}")
    assert migration_guide("threads", "asyncio", (own, RULES)).steps[0] == "Breathe."
    (own / "second" / "migration").mkdir(parents=True)
    (own / "second" / "migration" / "pairs.yaml").write_text("{}")
    assert migration_guide("threads", "asyncio", (own / "second", RULES)).steps


def test_a_users_effort_table_replaces_ours(own: Path) -> None:
    ids = ", ".join(APPROACHES)
    (own / "migration_effort.yaml").write_text(
        f"table: migration_effort\nhit_policy: first\ninputs:\n  from: {{type: string, values: [{ids}]}}\n"
        f"  to: {{type: string, values: [{ids}]}}\n  same: {{type: boolean}}\noutputs: {{effort: {{type: string}}}}\n"
        "rules:\n  - {when: {from: threads}, then: {effort: low}}\n  - {when: {from: asyncio}, then: {effort: huge}}\n"
        "default: {effort: medium}\n"
    )
    mine = Parts((own, RULES))
    assert mine.effort("threads", "asyncio") == ("low", "")
    assert mine.effort("distributed", "asyncio") == ("medium", "")
    with pytest.raises(SelectorError, match=r"migration_effort.yaml: gives no effort from asyncio to threads"):
        mine.effort("asyncio", "threads")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"needs": ...}, 'the file has no "needs"'),
        ({"neads": "x"}, 'unknown key "neads" (did you mean "needs"?)'),
        ({"title": "x"}, 'the file has an unknown key "title"'),
        ({"approach": "threads"}, 'approach is "threads", and the file is asyncio.yaml'),
        ({"needs": []}, "needs is [], not a list of at least one item"),
        ({"needs": "Python"}, 'needs is "Python", not a list'),
        ({"needs": ["x", " "]}, 'needs.2 is " ", not text'),
        ({"leaving": ["x"]}, "leaving is"),
        ({"leaving": {"steps": ["x"], "pitfalls": ["x"]}}, 'leaving has no "rollback"'),
        ({"sources": [1]}, "sources.1 is 1, not text"),
    ],
)
def test_a_broken_end_is_named(own: Path, keys: dict[str, Any], says: str) -> None:
    assert says in broken(own, "migration/asyncio.yaml", changed("asyncio", keys))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"text": "x", "only": "lop"}, 'arriving.steps.1.only has "lop" (did you mean "loop"?)'),
        ({"text": "x", "unless": 3}, "arriving.steps.1.unless is 3, not a list"),
        ({"text": "x", "when": "loop"}, 'arriving.steps.1 has an unknown key "when"'),
        ({"only": "loop"}, 'arriving.steps.1 has no "text"'),
        ({"text": 1}, "arriving.steps.1.text is 1, not text"),
        (None, "arriving.steps.1 is null, not text"),
    ],
)
def test_a_broken_line_is_named(own: Path, line: object, says: str) -> None:
    arriving = {"steps": [line], "pitfalls": ["x"], "measure": ["x"], "rollback": ["x"]}
    assert says in broken(own, "migration/asyncio.yaml", changed("asyncio", {"arriving": arriving}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("notes: [{from: threads, to: treads, steps: [x]}]", 'notes.1.to has "treads" (did you mean "threads"?)'),
        ("notes: [{from: threads, steps: [x]}]", 'notes.1 has no "to"'),
        ("notes: [{from: threads, to: asyncio, steps: x}]", 'notes.1.steps is "x", not a list'),
        ("notes: 1", "notes is 1, not a list"),
        ("[]", "the file is [], not a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_broken_pairs_are_named(own: Path, text: str, says: str) -> None:
    assert says in broken(own, "migration/pairs.yaml", text)


def test_broken_engines_are_named(own: Path) -> None:
    message = broken(own, "migration/engines.yaml", "celery: {title: Celery}", to="distributed")
    assert 'the file has no "rq"' in message


@pytest.mark.parametrize(
    "name", ["../engines.yaml", "/etc/hostname", "a/b.py", "..", ".", "", "a\\b.py", "c:x.py", ".x"]
)
def test_the_name_of_a_file_of_code_is_no_path(own: Path, name: str) -> None:
    engines = yaml.safe_load((RULES / "migration" / "engines.yaml").read_text())
    engines["rq"]["code"] = name
    message = broken(own, "migration/engines.yaml", yaml.safe_dump(engines), to="distributed")
    assert "rq.code is " in message and ("not the name of a file" in message or not name)


def test_a_missing_file_says_where_it_was_looked_for(own: Path) -> None:
    with pytest.raises(SelectorError, match=r"no migration/threads\.yaml in"):
        migration_guide("threads", "asyncio", (own,))
