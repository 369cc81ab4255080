"""The questions that are worth asking, held against trying everything."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, product

import pytest
from strategies import slow_after

from selector.recommend.chain import Situation
from selector.recommend.changes import alternatives_of, input_names
from selector.recommend.facts import HostFacts
from selector.recommend.knowledge import Knowledge, load_knowledge, read_knowledge, rules_folders
from selector.recommend.line import is_number
from selector.recommend.numbers import axis_of
from selector.recommend.questions import Memory, questions, values_alone, values_in_pairs
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile

pytestmark = pytest.mark.one_python

HOST = HostFacts("linux", 4, (("3.13", "/usr/bin/python3.13"), ("3.14", "/usr/bin/python3.14")))
NOTHING_ASKED: frozenset[str] = frozenset()
UNKNOWN_AMOUNT = frozenset({"tasks", "concurrency"})  # asked and not known: no times are predicted, rows alone decide


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def after_five(knowledge, workload_type="hybrid", **more) -> Situation:
    """What the first five questions leave open."""
    profile = WorkloadProfile(
        workload_type=workload_type,
        latency_requirement_ms=100.0,
        memory_budget_mb=256.0,
        cpu_cores=4,
        has_expensive_startup=False,
        **more,
    )
    return Situation(profile, HOST, knowledge)


def random_situation(seed: int, knowledge: Knowledge) -> tuple[Situation, frozenset[str]]:
    """A workload with some fields set, others skipped, the rest open."""
    rng = random.Random(seed)
    set_share, skipped_share = rng.choice([(0.1, 0.0), (0.3, 0.2), (0.3, 0.5), (0.5, 0.3)])
    values = {"workload_type": rng.choice(["cpu", "io", "hybrid"])}
    skipped = set()
    for field in input_names():
        draw = rng.random()
        if draw < set_share:
            values[field] = rng.choice(alternatives_of(field))
        elif draw < set_share + skipped_share:
            skipped.add(field)
    return Situation(WorkloadProfile(**values), HOST, knowledge), frozenset(skipped)


def grid_of(field):
    """Every value of a field; of a number what is near a literal of a table, and eight numbers a decade."""
    if not is_number(field):
        return alternatives_of(field)
    whole, low, high = axis_of(field)
    found = {low, high, *(10 ** (step / 8) for step in range(-32, 97))}
    for table in load_knowledge().tables.values():
        bounds = table.thresholds(field) if field in table.input_names else ()
        for bound in (bound for bound in bounds if bound is not None):
            found |= {bound * 0.999, bound - 1, bound, bound + 1, bound * 1.001}
    values = {round(v) if whole else float(v) for v in found}
    return tuple(sorted(v for v in values if low <= v <= high))


GRIDS = {field: grid_of(field) for field in input_names()}


class BruteForce:
    """Everything tried, nothing remembered: what `questions` must come to."""

    def __init__(self, situation, asked):
        self.situation = situation
        self.fields = [f for f in input_names() if f not in asked and f not in situation.profile.model_fields_set]
        self.now = self.answer({})

    def answer(self, changes):
        return self.situation.changed(**changes).answer

    def values_alone(self, field):
        return values_alone(self.situation, field)

    def values_in_pairs(self, field):
        return values_in_pairs(self.situation, field)

    def changes_alone(self, field, base=None):
        base = base or {}
        now = self.answer(base)
        return [v for v in self.values_alone(field) if self.answer({**base, field: v}) != now]

    def others_on_the_grid(self, field):
        return {a for v in GRIDS[field] if (a := self.answer({field: v})) != self.now}

    def alone(self):
        return [f for f in self.fields if self.others_on_the_grid(f) or self.changes_alone(f)]

    def rank_alone(self, field, alone):
        values = self.values_alone(field)
        settled = [
            not self.changes_alone(other, {field: value}) for value in values for other in alone if other != field
        ]
        return sum(settled) / len(values), len(self.changes_alone(field)) / len(values)

    def in_pairs(self):
        """Each field with the share of its pairs that change the answer, if any does."""
        tried = {f: [] for f in self.fields}
        for one, other in combinations(self.fields, 2):
            for v, w in product(self.paired(one, other), self.paired(other, one)):
                changed = self.answer({one: v, other: w}) != self.now
                tried[one].append(changed)
                tried[other].append(changed)
        return {f: sum(found) / len(found) for f, found in tried.items() if any(found)}

    def paired(self, field, other):
        """The values of a field to try with another one: all rungs of a number beside what is none."""
        numbers = [is_number(f) for f in (field, other)]
        return {*self.values_in_pairs(field), *(alternatives_of(field) if numbers == [True, False] else ())}

    def changes_with(self, one, other, rng, trials):
        """Whether one of so many pairs of values of the grids changes the answer."""
        pairs = ((rng.choice(GRIDS[one]), rng.choice(GRIDS[other])) for _ in range(trials))
        return any(self.answer({one: v, other: w}) != self.now for v, w in pairs)


@pytest.mark.parametrize("seed", slow_after(1, range(20)))
def test_exactly_the_fields_that_matter_alone_are_asked(seed, knowledge):
    situation, asked = random_situation(seed, knowledge)
    brute = BruteForce(situation, asked)
    found = questions(situation, asked)
    if alone := brute.alone():
        assert {q.field for q in found} == set(alone)
        assert all(q.alone for q in found)
        for q in found:
            answers = [brute.answer({q.field: v}) for v in brute.values_alone(q.field)]
            assert q.answers == tuple(dict.fromkeys(a for a in answers if a != brute.now))
            assert brute.others_on_the_grid(q.field) <= set(q.answers)
    else:
        assert not any(q.alone for q in found)


@pytest.mark.parametrize("seed", slow_after(1, [101, 100, 102, 103, 104]))
def test_the_most_decisive_question_comes_first(seed, knowledge):
    situation, asked = random_situation(seed, knowledge)
    brute = BruteForce(situation, asked)
    alone = brute.alone()
    model_order = list(WorkloadProfile.model_fields)
    ranks = {f: brute.rank_alone(f, alone) for f in alone}
    expected = sorted(alone, key=lambda f: (-ranks[f][0], -ranks[f][1], model_order.index(f)))
    assert [q.field for q in questions(situation, asked) if q.alone] == expected


def skip_what_matters_alone(situation, asked):
    while (found := questions(situation, asked)) and found[0].alone:
        asked |= {q.field for q in found}
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("seed", slow_after(1, [204, *range(200, 204), *range(205, 210)]))
def test_pairs_are_looked_at_when_nothing_matters_alone(seed, knowledge):
    situation, asked = random_situation(seed, knowledge)
    asked = skip_what_matters_alone(situation, asked)
    brute = BruteForce(situation, asked)
    assert not brute.alone()
    shares = brute.in_pairs()
    found = questions(situation, asked)
    assert [q.field for q in found] == sorted(shares, key=lambda f: -shares[f])
    assert not any(q.alone for q in found)


@pytest.mark.parametrize("seed", slow_after(1, range(500, 508)))
def test_no_pair_on_the_grid_matters_that_is_not_asked(seed, knowledge):
    situation, asked = random_situation(seed, knowledge)
    asked = skip_what_matters_alone(situation, asked)
    brute = BruteForce(situation, asked)
    left = {q.field for q in questions(situation, asked)}
    rng = random.Random(seed)
    silent = [pair for pair in combinations(brute.fields, 2) if not left & set(pair)]
    assert not [pair for pair in silent if brute.changes_with(*pair, rng, 40)]


@pytest.mark.slow
def test_a_pair_that_only_together_changes_the_answer(tmp_path, knowledge):
    knowledge = with_strategy(tmp_path, "gpu: true, notebook: true")
    found = questions(after_five(knowledge, "io"), UNKNOWN_AMOUNT)
    assert [(q.field, q.alone, q.answers) for q in found] == [
        ("notebook", False, (("threads", None),)),
        ("gpu", False, (("threads", None),)),
    ]
    then = questions(after_five(knowledge, "io", gpu=True), UNKNOWN_AMOUNT)
    assert [(q.field, q.alone) for q in then] == [("notebook", True)]
    assert questions(after_five(knowledge, "io", gpu=False), UNKNOWN_AMOUNT) == ()
    assert questions(after_five(knowledge, "io"), UNKNOWN_AMOUNT | {"gpu"}) == ()


def with_strategy(folder, when: str) -> Knowledge:
    """Our knowledge with a strategy of two rows: threads under a condition, else asyncio, and nothing ruled out."""
    (folder / "strategy.yaml").write_text(
        "table: strategy\nhit_policy: rule_order\ninputs:\n"
        "  gpu: {type: boolean, optional: true}\n  notebook: {type: boolean, optional: true}\n"
        "outputs:\n  approach: {type: string, values: [threads, asyncio]}\n"
        "  standing: {type: string, values: [contender, fallback]}\nrules:\n"
        f"  - {{id: a, when: {{{when}}}, then: {{approach: threads, standing: contender}}}}\n"
        "  - {id: b, then: {approach: asyncio, standing: contender}}\n"
    )
    (folder / "eligibility.yaml").write_text(
        "table: eligibility\nhit_policy: collect\ninputs:\n  machines: {type: number}\n"
        "outputs:\n  ruled_out: {type: boolean, values: [true]}\n  kind: {type: string, values: [slow]}\nrules:\n"
        "  - {id: never, when: {machines: '< 0'}, then: {ruled_out: true, kind: slow}}\n"
    )
    return read_knowledge(rules_folders(folder))


def test_the_tables_say_what_is_asked_not_a_list(tmp_path, knowledge):
    ours = {q.field for q in questions(after_five(knowledge, "io"), NOTHING_ASKED)}
    changed = with_strategy(tmp_path, "notebook: true")
    theirs = {q.field for q in questions(after_five(changed, "io"), NOTHING_ASKED)}
    assert theirs == {"notebook"}
    assert "notebook" not in ours and {"durable", "machines", "async_library"} <= ours


@pytest.mark.parametrize("workload_type", slow_after(1, ["io", "cpu", "hybrid"]))
def test_what_overrides_everything_is_asked_early(workload_type, knowledge):
    found = [q.field for q in questions(after_five(knowledge, workload_type), NOTHING_ASKED)]
    assert {"machines", "durable"} <= set(found[:4])


@pytest.mark.parametrize("seed", slow_after(1, range(300, 310)))
def test_nothing_is_asked_twice_or_that_the_tables_cannot_see(seed, knowledge):
    situation, asked = random_situation(seed, knowledge)
    found = [q.field for q in questions(situation, asked)]
    assert len(found) == len(set(found))
    assert not set(found) & (asked | situation.profile.model_fields_set | {"name", "description", "current_approach"})
    assert set(found) <= set(input_names())
    assert questions(situation, asked) == questions(situation, asked)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [400, 401, 402, 403, 404, 405])
def test_a_conversation_ends_with_nothing_left_that_matters(seed, knowledge):
    rng = random.Random(seed)
    situation, asked = after_five(knowledge, rng.choice(["cpu", "io", "hybrid"])), NOTHING_ASKED
    for _ in range(len(input_names()) + 1):
        found = questions(situation, asked)
        if not found:
            break
        field = found[0].field
        if rng.random() < 0.4:
            asked |= {field}
        else:
            situation = situation.changed(**{field: rng.choice(alternatives_of(field))})
    assert found == ()
    brute = BruteForce(situation, asked)
    assert not brute.alone() and not brute.in_pairs()


@pytest.mark.slow
@pytest.mark.parametrize("seed", slow_after(1, range(700, 706)))
def test_memory_changes_nothing_but_the_time(seed, knowledge):
    rng, memory = random.Random(seed), Memory()
    situation, asked = random_situation(seed, knowledge)
    while found := questions(situation, asked, memory):
        assert found == questions(situation, asked)
        field = found[0].field
        if rng.random() < 0.5:
            asked |= {field}
        else:
            situation = situation.changed(**{field: rng.choice(alternatives_of(field))})


@pytest.mark.parametrize(("field", "default"), [("machines", 1), ("durable", False)])
def test_what_is_set_to_its_default_is_answered(field, default, knowledge):
    memory = Memory()
    profiles = WorkloadProfile(workload_type="io"), WorkloadProfile(workload_type="io", **{field: default})
    assert profiles[0] == profiles[1]
    unsaid, said = (Situation(profile, HOST, knowledge) for profile in profiles)
    assert field in {q.field for q in questions(unsaid, NOTHING_ASKED, memory)}
    assert field not in {q.field for q in questions(said, NOTHING_ASKED, memory)}
    assert field not in {q.field for q in questions(unsaid, {field}, memory)}


@pytest.mark.parametrize("seed", slow_after(1, range(600, 610)))
def test_values_to_try_are_among_those_a_field_may_have(seed, knowledge):
    situation, _ = random_situation(seed, knowledge)
    for field in input_names():
        alone = values_alone(situation, field)
        pairs = values_in_pairs(situation, field)
        assert set(alternatives_of(field)) <= set(alone)
        if is_number(field):
            _, low, high = axis_of(field)
            assert low <= min(*alone, *pairs) and max(*alone, *pairs) <= high
            assert list(alone) == sorted(set(alone)) and list(pairs) == sorted(set(pairs))
        else:
            assert alone == pairs == alternatives_of(field)


def test_every_field_has_values_to_try() -> None:
    def kinds() -> Iterator[str]:
        for field in input_names():
            assert len(alternatives_of(field)) >= 2
            yield field_kind(field).kind

    assert set(kinds()) == {"choice", "several", "flag", "count", "number", "versions"}
