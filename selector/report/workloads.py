"""A class of work as a page, from the tables: when a workload is of it, what is recommended, what else would cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from selector.approaches import Traits
from selector.decision import DecisionTable
from selector.decision.cells import ANYTHING, matches
from selector.decision.table import Rule
from selector.pipeline import Selector, example_profiles
from selector.recommend.candidates import AS_FAST, Candidate
from selector.recommend.chain import Situation
from selector.recommend.knowledge import Knowledge
from selector.report.blocks import Block, Bullets, Code, Document, Fields, Paragraph, Section, Table, bullets
from selector.report.rules_data import (
    Amount,
    ApproachRow,
    ClassExample,
    ClassTold,
    Objection,
    OtherApproach,
    RowTold,
    RuledOut,
    TurnRow,
)
from selector.report.tables import ALWAYS, when_text
from selector.report.wording import named
from selector.text import duration, listed, number, significant, times
from selector.workload.profile import APPROACHES, ApproachId

_CLASS = "workload_class"
_TURNS = "wrong_turns"  # the table of what goes wrong with the choices that people make instead


class Lesson(NamedTuple):
    """A class in words, the example that ships for it, what to run, and the demonstrations that show why.

    The commands are for a shell; none: `validate` of the example is the one that shows it.
    """

    title: str
    example: str
    demonstrations: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


_ELSEWHERE = (  # a cluster or a GPU is not measured here
    "concurrency-selector recommend {example} --full",
    "concurrency-selector generate --template todo-batch -o todos && python todos compare --tasks 400",
)
LESSONS: dict[str, Lesson] = {
    "distributed_work": Lesson(
        "Work that must survive, or that one machine cannot do", "durable-email-jobs", ("worker-crash",), _ELSEWHERE
    ),
    "gpu_work": Lesson(
        "Work of a GPU", "gpu-embedding-service", (), ("concurrency-selector recommend {example} --full",)
    ),
    "native_parallel_work": Lesson("A library that uses every core by itself", "matrix-multiplication"),
    "sequential": Lesson("Steps that need one another, or one task", "running-sum", ("why-not-four",)),
    "too_small": Lesson("Too little work to pay for anything", "settings-check", ("latency-or-throughput",)),
    "hybrid_native": Lesson("Waiting, and computing that releases the GIL", "chat-bot"),
    "hybrid_python": Lesson(
        "Waiting, and computing in Python", "web-scraper", ("latency-or-throughput", "free-threads")
    ),
    "io_waiting": Lesson("Waiting", "vector-database", ("asyncio-tree",)),
    "io_few": Lesson("Tens of waits, no loop, no async client known", "supplier-price-lists", ("lock-scope",)),
    "cpu_native": Lesson("Computing that releases the GIL", "file-compression-zlib", ("why-not-four",)),
    "cpu_hot": Lesson(
        "Computing where all write the same objects", "word-count-hot-dictionary", ("lost-updates", "lock-scope")
    ),
    "cpu_shared": Lesson(
        "Computing in Python on shared memory", "database-million-rows", ("free-threads", "lost-updates")
    ),
    "cpu_independent": Lesson(
        "Computing in Python on independent tasks", "report-generator", ("why-not-four", "worker-crash")
    ),
}


def classes_of(table: DecisionTable) -> tuple[str, ...]:
    """The classes of work that a `classify` knows, in its order."""
    column = next(column for column in table.outputs if column.name == _CLASS)
    found = column.values or dict.fromkeys(rule.outputs[_CLASS] for rule in table.rules)
    return tuple(map(str, found))


def class_data(name: str, selector: Selector) -> ClassTold:
    """What there is to say about a class, as plain data; the name is one of `classes_of`."""
    knowledge = selector.knowledge
    classify, strategy = knowledge.tables["classify"], knowledge.tables["strategy"]
    situations = {example: selector.situation(profile) for example, profile in example_profiles()}
    of_class = {example: found for example, found in situations.items() if found.facts["workload_class"] == name}
    lesson = LESSONS.get(name)
    shown = lesson.example if lesson is not None and lesson.example in of_class else next(iter(of_class), None)
    return {
        "workload_class": name,
        "title": lesson.title if lesson else name,
        "when": [_row(classify, rule) for rule in classify.rules if rule.outputs[_CLASS] == name],
        "recommended": [_approach_row(strategy, rule) for rule in strategy.rules if _is_about(strategy, rule, name)],
        "wrong_turns": list(_wrong_turns(name, knowledge)),
        "example": _example(shown, of_class[shown]) if shown is not None else None,
        "ruled_out": _ruled_out({example: found for example, found in of_class.items() if example != shown}),
        "commands": list(_commands(lesson, shown)),
    }


def _row(table: DecisionTable, rule: Rule, without: Iterable[str] = ()) -> RowTold:
    return {
        "rule": f"{table.name}/{rule.id}",
        "when": when_text(table, rule.cells, without=(_CLASS, *without)),
        "because": rule.because,
    }


def _approach_row(table: DecisionTable, rule: Rule) -> ApproachRow:
    approach = cast("ApproachId", rule.outputs["approach"])  # as the table was checked to say
    return {**_row(table, rule), "approach": approach, "standing": str(rule.outputs["standing"])}


def _is_about(table: DecisionTable, rule: Rule, name: str) -> bool:
    """Whether a row may fire for a class."""
    asked = zip(table.input_names, rule.cells, strict=True)
    return all(matches(cell, name) for column, cell in asked if column == _CLASS)


def _wrong_turns(name: str, knowledge: Knowledge) -> Iterator[TurnRow]:
    """The rows of `wrong_turns` that name the class, with the approaches they are about."""
    table = knowledge.tables[_TURNS]
    for rule in table.rules:
        cells = dict(zip(table.input_names, rule.cells, strict=True))
        of_class = cells.get(_CLASS, ANYTHING)
        if of_class is ANYTHING or not matches(of_class, name):
            continue
        asked = [(trait, cell) for trait, cell in cells.items() if trait in Traits.__annotations__]
        about = [
            approach
            for approach in APPROACHES
            if all(matches(cell, getattr(knowledge.approaches[approach].traits, trait)) for trait, cell in asked)
        ]
        yield {**_row(table, rule, Traits.__annotations__), "approaches": about}


def _example(name: str, situation: Situation) -> ClassExample:
    """One workload of the class, its answer, and every other approach: how long it would take, and what speaks against it."""
    chosen = situation.choice.chosen
    named_first = sorted((a for a in APPROACHES if a != chosen.approach), key=lambda a: a not in situation.named)
    return {
        "name": name,
        "description": situation.profile.description,
        "approach": chosen.approach,
        "title": situation.knowledge.approaches[chosen.approach].title,
        **_amount(chosen),
        "others": [_other(situation, situation.candidate(approach), chosen) for approach in named_first],
    }


def _amount(candidate: Candidate) -> Amount:
    """How long a batch takes, or how many requests a service can do in a second; None where it is not known."""
    return {"seconds": candidate.predicted.seconds or None, "requests_per_second": candidate.predicted.rate or None}


def _other(situation: Situation, candidate: Candidate, chosen: Candidate) -> OtherApproach:
    entry = situation.knowledge.approaches[candidate.approach]
    seconds, least = candidate.predicted.seconds, chosen.predicted.seconds
    objections: list[Objection] = [
        {"rule": f"eligibility/{rule.id}", "kind": str(rule.outputs["kind"]), "text": rule.because}
        for rule in candidate.ruled_out
    ]
    return {
        "approach": candidate.approach,
        "title": entry.title,
        **_amount(candidate),
        "times_as_long": seconds / least if seconds and least else None,
        "cost": _goes_wrong(candidate, situation) or entry.cost,
        "objections": objections,
    }


def _goes_wrong(candidate: Candidate, situation: Situation) -> str:
    """What `wrong_turns` says of an approach that is not the answer, if anything."""
    rules = situation.knowledge.tables[_TURNS].decide_among(candidate.facts).rules
    return rules[0].because if rules else ""


def _ruled_out(situations: Mapping[str, Situation]) -> list[RuledOut]:
    """What rules approaches out in these examples: each row of eligibility, the approaches, and where."""
    found: dict[str, RuledOut] = {}
    for example, situation in situations.items():
        for approach in APPROACHES:
            for rule in situation.candidate(approach).ruled_out:
                entry = found.setdefault(
                    rule.id,
                    {"rule": f"eligibility/{rule.id}", "text": rule.because, "approaches": [], "examples": []},
                )
                if approach not in entry["approaches"]:
                    entry["approaches"].append(approach)
                if example not in entry["examples"]:
                    entry["examples"].append(example)
    return list(found.values())


def _commands(lesson: Lesson | None, example: str | None) -> Iterator[str]:
    """What to run: the example put to the test, and the demonstrations."""
    if example is not None:
        proof = ("concurrency-selector validate {example} --budget 60s",)
        for command in (lesson.commands if lesson else ()) or proof:
            yield command.format(example=example)
    for name in lesson.demonstrations if lesson else ():
        yield f"concurrency-selector generate --template {name} -o {name}.py && python {name}.py"


# As a document --------------------------------------------------------------------------------------------------------


def class_document(data: ClassTold) -> Document:
    """The page of a class, from `class_data`."""
    others = data["example"]["others"] if data["example"] else []
    shown = {objection["rule"] for other in others for objection in other["objections"]}
    further = [entry for entry in data["ruled_out"] if entry["rule"] not in shown]
    sections = [
        Section(
            f"{data['title']} ({data['workload_class']})",
            (Paragraph("A workload is of this class where, asked in this order:"), _rows(data["when"])),
        ),
        Section("What is recommended", tuple(_recommended(data["recommended"]))),
    ]
    if data["wrong_turns"]:
        turns = (
            (f"{', '.join(row['approaches'])}: {row['because']}", (_condition(row),)) for row in data["wrong_turns"]
        )
        sections.append(Section("Wrong turns", (Bullets(tuple(turns)),)))
    if data["example"]:
        sections.append(Section("An example, and what the others would cost", tuple(_told(data["example"]))))
    if further:
        items = tuple((entry["text"], (_where(entry),)) for entry in further)
        sections.append(Section("What rules approaches out in other examples", (Bullets(items),)))
    if data["commands"]:
        sections.append(Section("Try it", (Code("\n".join(data["commands"]), "bash"),)))
    return Document(tuple(sections))


def _rows(rows: Sequence[RowTold]) -> Bullets:
    return Bullets(tuple((row["because"] or row["rule"], (_condition(row),)) for row in rows))


def _condition(row: RowTold) -> str:
    when = row["when"]
    return f"{when if when == ALWAYS else f'when {when}'} [{row['rule']}]"


def _recommended(rows: Sequence[ApproachRow]) -> Iterator[Block]:
    """The approaches, best first; then those that are left where none of these can be used."""
    for standing, heading in (
        (
            "contender",
            "Best first, where its condition holds. Where times are predicted they decide among all that is eligible:",
        ),
        ("fallback", "Where none of these is eligible:"),
    ):
        of_it = [row for row in rows if row["standing"] == standing]
        if of_it:
            yield Paragraph(heading)
            items = ((f"{row['approach']}: {row['because']}", (_condition(row),)) for row in of_it)
            yield Bullets(tuple(items), numbered=standing == "contender")


def _told(example: ClassExample) -> Iterator[Block]:
    if example["description"]:
        yield Paragraph(example["description"])
    yield Fields(
        (
            ("Workload", f"concurrency-selector examples {example['name']}"),
            ("Answer", ", ".join(filter(None, (named(example["title"], example["approach"]), _how_fast(example))))),
        )
    )
    timed = [other for other in example["others"] if _how_fast(other)]
    if timed:
        yield Paragraph("The others, predicted on the same machine, the fastest first:")
        yield _costs(sorted(timed, key=_slowness))
    yield Paragraph("What speaks against them:")
    against: dict[str, list[str]] = {}
    for other in timed or example["others"]:  # a cluster, of which nothing is predicted, is left out beside the others
        for point in _against(other):
            against.setdefault(point, []).append(other["approach"])
    yield Bullets(tuple((point, (listed(those),)) for point, those in against.items()))


def _how_fast(entry: ClassExample | OtherApproach) -> str:
    if entry["seconds"] is not None:
        return duration(entry["seconds"])
    rate = entry["requests_per_second"]
    return f"{number(significant(rate, 2))} requests/s" if rate is not None else ""


def _costs(others: Sequence[OtherApproach]) -> Table:
    """What each takes, and how many times as long as the answer that is; of a service what it does in a second."""
    if all(other["times_as_long"] is None for other in others):
        return Table(("approach", "predicted"), tuple((other["approach"], _how_fast(other)) for other in others), "lr")
    rows = tuple((other["approach"], _how_fast(other), _ratio(other["times_as_long"])) for other in others)
    return Table(("approach", "predicted", "times as long"), rows, "lrr")


def _slowness(other: OtherApproach) -> float:
    return other["seconds"] or -(other["requests_per_second"] or 0.0)


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return "about 1x" if 1 / AS_FAST < ratio < AS_FAST else times(ratio)


def _against(other: OtherApproach) -> Iterator[str]:
    """The rows that rule it out; where none does, what it costs."""
    for objection in other["objections"]:
        yield f"{objection['text']} [{objection['rule']}]"
    if not other["objections"]:
        yield other["cost"]


def _where(entry: RuledOut) -> str:
    return f"{listed(entry['approaches'])}, in {listed(entry['examples'])} [{entry['rule']}]"


def classes_data(names: Iterable[str]) -> dict[str, str]:
    """The classes of work, each with what it is in words."""
    return {name: LESSONS[name].title if name in LESSONS else name for name in names}


def classes_document(names: Iterable[str]) -> Document:
    """The classes of work, a line each."""
    lines = bullets(*(f"{name}: {title}" for name, title in classes_data(names).items()))
    how = Paragraph("One of them: concurrency-selector rules show hybrid_python")
    return Document((Section("Classes of work", (lines, how)),))
