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

import pytest
import yaml
from example_answers import PROFILES, selector
from guides import ENDS, OURS, RULES, guide
from strategies import slow_after

from selector.decision import load_table
from selector.migration.compose import TRAITS, Way, way_between
from selector.migration.guide import MigrationGuide
from selector.migration.parts import ENGINES
from selector.recommend.knowledge import read_knowledge
from selector.workload.profile import APPROACHES, ApproachId

PAIRS = list(itertools.permutations(APPROACHES, 2))
SECTIONS = ("needs", "steps", "pitfalls", "measure", "rollback")
CANNOT_RUN_HERE = 3  # exit code of an end whose interpreter, package or broker is missing


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
    used |= {text for pair in PAIRS for text in _served(*pair).steps()}
    for written in _written_texts():
        assert written in used, f"in no guide: {written}"


def _written_texts() -> Iterator[str]:
    for approach in APPROACHES:
        end = yaml.safe_load((RULES / "migration" / f"{approach}.yaml").read_text())
        for side in (end["leaving"], end["arriving"]):
            for line in itertools.chain(*side.values()):
                yield _text_of(line)
    pairs = yaml.safe_load((RULES / "migration" / "pairs.yaml").read_text())
    for note in pairs["notes"]:
        for section in SECTIONS:
            yield from map(_text_of, note.get(section, []))


def _text_of(line: str | dict[str, str]) -> str:
    return line if isinstance(line, str) else line["text"]


def _served(from_: ApproachId, to: ApproachId) -> Way:
    ends = {approach: OURS.end(approach) for approach in (from_, to)}
    return way_between(OURS.approaches[from_], OURS.approaches[to], ends, OURS.pairs, served=True)


def test_the_first_steps_of_what_a_server_runs_are_those_of_a_service() -> None:
    batch = ("item", "pool.map", "chunk", "asyncio.run(main())", "whole batch", "whole run", "loop body")
    by_servers = [approach for approach in APPROACHES if approach not in ("distributed", "subinterpreters")]
    for pair in itertools.permutations(by_servers, 2):
        steps = _served(*pair).summary("low").steps
        assert not [text for text in steps for word in batch if word in text], pair
    assert any("handlers" in text for text in _served("single_threaded", "asyncio").summary("low").steps)
    assert "handler" not in " ".join(guide("single_threaded", "asyncio").steps)
    result = selector().recommend(PROFILES["web-api-backend"], changes="none")
    assert result.capacity is not None and result.capacity.server is not None
    assert any("server starts the loop" in step for step in result.migration.steps)


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


@pytest.mark.parametrize("approach", slow_after(3, PLAIN))
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
