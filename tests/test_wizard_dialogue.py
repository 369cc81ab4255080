"""The dialogue: which questions come when, going back, the review. No terminal takes part."""

from __future__ import annotations

import pytest
from partners import DEFAULTS, SEED, SEED_VALUES, Listed, NothingOpen, Script, tables

from selector.errors import SelectorError
from selector.recommend.changes import input_names
from selector.recommend.questions import OpenQuestion
from selector.wizard.answers import (
    Answers,
    answers_from,
    parsed,
)
from selector.wizard.dialogue import (
    MOST_FOLLOW_UPS,
    Interview,
    Reply,
    ask,
    converse,
    edited,
    first_questions,
    follow_ups,
    review,
    unasked_quantities,
)
from selector.wizard.words import FIRST, POINTLESS_AFTER, WORDS
from selector.workload.fields import field_kind
from selector.workload.profile import WorkloadProfile
from selector.workload.reading import profile_from_mapping

pytestmark = pytest.mark.one_python

# The first five ------------------------------------------------------------------------------------------------------


def test_the_five_come_first_in_the_order_of_the_seed():
    script = Script(*SEED)
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert script.asked == [
        "Enter workload type",
        "Latency requirement (ms)",
        "Memory budget (mb)",
        "CPU cores",
        "Has expensive startup (y/n)",
    ]
    assert answers == Answers(SEED_VALUES)
    assert answers.profile() == WorkloadProfile(**SEED_VALUES)


def test_enter_takes_what_this_host_has():
    answers = first_questions(Answers(), Interview(Script("io", "", "", "", "")), DEFAULTS)
    assert answers.values == {
        "workload_type": "io", "cpu_cores": 4, "has_expensive_startup": False,
    }  # fmt: skip
    assert answers.unknown == {"latency_requirement_ms", "memory_budget_mb"}


def test_what_was_given_is_not_asked():
    given = answers_from({"workload_type": "I/O bound", "cpu_cores": 2, "memory_budget_mb": None}, "--set")
    script = Script("50", "yes")
    answers = first_questions(given, Interview(script), DEFAULTS)
    assert script.asked == ["Latency requirement (ms)", "Has expensive startup (y/n)"]
    assert answers.values["workload_type"] == "io"
    assert answers.unknown == {"memory_budget_mb"}


@pytest.mark.parametrize("bad", ["fast", "-5", "0", "nan", "inf", "1e400", "10 kg", "12,5", "0x10", "²"])
def test_a_bad_number_is_asked_again_with_the_reason(bad):
    script = Script("io", bad, "100", "", "", "")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.values["latency_requirement_ms"] == 100.0
    assert len(script.refused) == 1 and "is not accepted: a number over 0" in script.refused[0]


def test_the_five_can_be_unknown_but_for_the_workload_type():
    script = Script("io", "unknown", "?", "I don't know", "UNKNOWN")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.unknown == set(FIRST) - {"workload_type"}
    assert "I don't know" not in script.menus[0] and "I don't know" in script.menus[1]


# What follows --------------------------------------------------------------------------------------------------------


def test_questions_go_on_until_nothing_can_change_the_answer():
    answers, script = Answers(SEED_VALUES), Script("yes", "12", "3.13, 3.14t", "read_only")
    answers = follow_ups(answers, Interview(script), Listed("gpu", "tasks", "interpreters", "shared_state"))
    assert script.asked == [WORDS[f].question for f in ("gpu", "tasks", "interpreters", "shared_state")]
    assert {k: v for k, v in answers.values.items() if k not in SEED_VALUES} == {
        "gpu": True, "tasks": 12, "interpreters": ("3.13", "3.14t"), "shared_state": "read_only",
    }  # fmt: skip
    assert not script.replies


def test_each_question_says_why_it_is_asked():
    script = Script("no", "")
    follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "tasks"))
    assert script.said[0] == (
        "\nSo far: asyncio; 2 questions could change that.\nThis one may lead to threads or distributed (celery)."
    )
    assert script.said[1].startswith("\nSo far: asyncio; 1 question could change that.")
    assert WORDS["tasks"].hint in script.said[1]
    assert "enough" in script.said[2]


def test_a_question_that_matters_only_with_another_says_so():
    class Pair(Listed):
        def open_questions(self, answers):
            many = tuple((a, None) for a in ("threads", "asyncio", "multiprocessing", "free_threaded"))
            return tuple(OpenQuestion(q.field, many, alone=False) for q in super().open_questions(answers))

    script = Script("no")
    follow_ups(Answers(SEED_VALUES), Interview(script), Pair("gpu"))
    assert "threads or asyncio or multiprocessing, among others, together with another answer." in script.said[0]


def test_i_do_not_know_is_an_answer_and_not_asked_again():
    script = Script("UNKNOWN", "", "unknown", "")
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "durable", "tasks", "concurrency"))
    assert answers.unknown == {"gpu", "durable", "tasks", "concurrency"}
    assert answers.values == SEED_VALUES
    assert len(script.asked) == 4


@pytest.mark.parametrize("enough", [("ENOUGH",), ("UNKNOWN", "enough"), ("UNKNOWN", " STOP ")])
def test_enough_stops_the_questions(enough):
    script = Script(*enough)
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed("gpu", "tasks", "durable"))
    assert answers.values == SEED_VALUES
    assert answers.set_aside >= {"tasks", "durable"}
    assert follow_ups(answers, Interview(Script()), Listed("gpu", "tasks", "durable")) == answers


def test_so_many_questions_in_a_row_and_the_review_offers_the_rest():
    fields = [f for f in input_names() if f not in FIRST and not f.startswith("startup")]
    menus = ("choice", "flag")
    script = Script(*("unknown" if field_kind(f).kind in menus else "" for f in fields[:MOST_FOLLOW_UPS]))
    answers = follow_ups(Answers(SEED_VALUES), Interview(script), Listed(*fields))
    assert answers.unknown == set(fields[:MOST_FOLLOW_UPS]) and answers.set_aside == set(fields[MOST_FOLLOW_UPS:])
    assert review(answers, Script("go on"), Listed(*fields)) == "go on"
    assert follow_ups(answers, Interview(Script()), Listed(*fields)) == answers  # after a change in the review, say


# Back ----------------------------------------------------------------------------------------------------------------


def test_back_asks_the_question_before_again_and_keeps_what_was_said():
    script = Script("io", "100", "back", "", "256", " BACK ", "512", "4", "BACK", "8", "no")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert script.asked == [WORDS[f].question for f in (
        "workload_type", "latency_requirement_ms", "memory_budget_mb", "latency_requirement_ms", "memory_budget_mb",
        "cpu_cores", "memory_budget_mb", "cpu_cores", "has_expensive_startup", "cpu_cores", "has_expensive_startup",
    )]  # fmt: skip
    assert answers.values == {**SEED_VALUES, "workload_type": "io", "memory_budget_mb": 512.0, "cpu_cores": 8}


def test_back_goes_as_far_as_the_first_question_and_then_on_where_it_was_left():
    script = Script("io", "100", "256", "back", "back", "back", "cpu", "4", "no")
    answers = first_questions(Answers(), Interview(script), DEFAULTS)
    assert answers.values == {**SEED_VALUES, "workload_type": "cpu"}
    assert [WORDS[f].question for f in FIRST[2::-1]] == script.asked[4:7]
    assert "Back" not in script.menus[0] and "Back" not in script.menus[1] and "Back" in script.menus[2]


def test_back_leads_from_what_follows_to_the_five():
    script = Script(*SEED, "BACK", "BACK", "8", "yes", "back", "no", "12")
    interview = Interview(script)
    answers = follow_ups(first_questions(Answers(), interview, DEFAULTS), interview, Listed("gpu", "tasks"))
    assert answers.values == {**SEED_VALUES, "cpu_cores": 8, "gpu": False, "tasks": 12}


def test_back_in_the_review_leaves_the_answer():
    script = Script(*SEED, "cpu_cores", "back", "workload_type", "BACK", "")
    assert converse(Answers(), script, NothingOpen(), DEFAULTS).values == SEED_VALUES


def test_a_line_says_what_may_be_typed():
    script = Script("io", "100", "256", "4", "no", "enough")
    interview = Interview(script)
    follow_ups(first_questions(Answers(), interview, DEFAULTS), interview, Listed("tasks"))
    told = [said for said in script.said if said.startswith("Type ")]
    assert told == ["Type back to return."] * 3 + ["Type back to return, enough to stop the questions."]


@pytest.mark.slow
def test_answers_that_settle_everything_end_the_questions():
    answers = Answers({**SEED_VALUES, "durable": True, "machines": 3, "platform": "linux", "isolation": "none"})
    assert follow_ups(answers, Interview(Script()), tables()) == answers


@pytest.mark.parametrize("value", [True, False])
def test_no_costly_start_makes_its_questions_pointless(value):
    answers = Answers({**SEED_VALUES, "has_expensive_startup": value})
    assert ("startup_ms" in answers.answered) is not value
    for (field, _), names in POINTLESS_AFTER.items():
        assert field in input_names() and set(names) <= set(input_names())


# Review --------------------------------------------------------------------------------------------------------------


def test_review_lists_every_answer_and_ends_the_dialogue():
    answers = Answers(SEED_VALUES).having("gpu", None).having("durable", None).having("interpreters", ("3.13", "3.14t"))
    script = Script("")
    assert review(answers, script, NothingOpen()) == "show"
    assert script.menus[0] == [
        "All right: show the recommendation",
        "Say what the speedup is predicted from: tasks, cpu ms per task and io wait ms per task",
        "workload type: hybrid",
        "latency requirement ms: 100",
        "memory budget mb: 256",
        "cpu cores: 4",
        "has expensive startup: no",
        "interpreters: 3.13, 3.14t",
        "durable: not known, taken as no",
        "gpu: not known",
    ]


def test_going_back_changes_one_answer():
    script = Script(*SEED, "cpu_cores", "8", "")
    answers = converse(Answers(), script, NothingOpen(), DEFAULTS)
    assert answers.values == {**SEED_VALUES, "cpu_cores": 8}
    assert script.asked[-3:] == ["Your answers. Pick one to change it.", "CPU cores", script.asked[5]]


def test_a_changed_answer_brings_the_questions_it_opens():
    script = Script("io", "100", "256", "4", "no", "enough", "workload_type", "cpu", "unknown", "enough", "")
    answers = converse(Answers(), script, tables(), DEFAULTS)
    before = tables().open_questions(Answers({**SEED_VALUES, "workload_type": "io"}))
    asked = script.asked[script.asked.index("Enter workload type", 1) + 1 :]
    assert len(asked) == 3 and asked[-1] == script.asked[6]
    assert not set(asked) & {WORDS[q.field].question for q in before}  # set aside before: only new ones are asked
    assert answers.values["workload_type"] == "cpu"


def test_the_questions_can_go_on_after_enough():
    script = Script(*SEED, "ENOUGH", "go on", "yes", "12", "")
    answers = converse(Answers(), script, Listed("gpu", "tasks"), DEFAULTS)
    assert answers.values["gpu"] is True and answers.values["tasks"] == 12
    assert "Go on with the questions (2 could still change the answer)" in script.menus[3]
    assert not any("Go on" in line for line in script.menus[-1])


def test_editing_keeps_or_forgets_an_answer():
    answers = Answers(SEED_VALUES)
    assert edited(answers, "cpu_cores", Script("")) == answers
    assert edited(answers, "workload_type", Script("")) == answers
    assert edited(answers, "has_expensive_startup", Script("")) == answers
    forgotten = edited(answers, "cpu_cores", Script("unknown"))
    assert "cpu_cores" not in forgotten.values and forgotten.unknown == {"cpu_cores"}
    assert edited(forgotten, "cpu_cores", Script("")) == forgotten
    assert edited(forgotten, "cpu_cores", Script("4")).values == SEED_VALUES
    assert edited(answers, "has_expensive_startup", Script("UNKNOWN")).unknown == {"has_expensive_startup"}


def test_the_workload_type_cannot_be_forgotten():
    script = Script("")
    edited(Answers(SEED_VALUES), "workload_type", script)
    assert "I don't know" not in script.menus[0]
    with pytest.raises(SelectorError, match="an answer is needed: one of cpu, io, hybrid"):
        parsed("workload_type", "unknown")


def test_ctrl_c_leaves_from_anywhere():
    whole = (*SEED, "gpu", "12", "cpu_cores", "8", "")
    for count in range(len(SEED)):
        with pytest.raises(KeyboardInterrupt):
            converse(Answers(), Script(*whole[:count]), NothingOpen(), DEFAULTS)


@pytest.mark.parametrize("name", list(WorkloadProfile.model_fields))
def test_every_field_can_be_asked_about(name):
    kind = field_kind(name)
    reply = {"flag": "yes", "count": "3", "number": "3.5", "text": "words", "versions": "3.14t"}.get(kind.kind)
    reply = "0.35" if kind.largest == 1 else reply or kind.choices[-1]
    value = ask(name, Script(reply), None, (Reply.UNKNOWN,))
    assert getattr(profile_from_mapping({"workload_type": "cpu", name: value}), name) == value


# What a prediction needs ----------------------------------------------------------------------------------------------


def test_what_a_prediction_needs_is_offered_and_asked_though_it_changes_no_answer():
    script = Script("predict", "100", "5", "unknown", "")
    answers = converse(Answers(SEED_VALUES), script, NothingOpen(), DEFAULTS)
    assert (answers.values["tasks"], answers.values["cpu_ms_per_task"]) == (100, 5)
    assert "io_wait_ms_per_task" in answers.unknown
    offers = [[label for label in menu if label.startswith("Say what")] for menu in script.menus]
    assert [len(found) for found in offers] == [1, 0]  # who does not know is not asked again


@pytest.mark.parametrize("known", [{"gpu": True}, {"durable": True}, {"machines": 2}])
def test_where_nothing_is_predicted_nothing_is_asked_for_it(known):
    assert unasked_quantities(Answers({**SEED_VALUES, **known})) == []
    assert unasked_quantities(Answers(SEED_VALUES)) == ["tasks", "cpu_ms_per_task", "io_wait_ms_per_task"]
