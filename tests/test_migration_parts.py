"""A user's own parts of guides, and broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from guides import RULES, guide

from selector.errors import SelectorError
from selector.migration.guide import migration_guide
from selector.migration.parts import Parts
from selector.recommend.knowledge import read_knowledge
from selector.workload.profile import APPROACHES, ApproachId


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
