"""The command that prints a JSON Schema: of the files that users write, for their editors, and of all that `--json` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from selector.cli.shared import forms_option, print_json

if TYPE_CHECKING:
    from selector.models import Schema

FILES = ("table", "profile", "system")
#: Commands, each of which prints JSON of the schema that is called as it is.
OUTPUTS = (
    "recommend", "measure", "validate", "compare", "deps", "calibrate", "host", "migrate", "examples",
    "rules-list", "rules-show", "rules-check", "rules-test", "rules-diff",
)  # fmt: skip
#: What is printed where it is not one thing alone.
_SEVERAL = {
    "recommend": "The answer to a workload; to a system of several parts where the file describes one. A line of --jsonl is such an answer.",
    "validate": "What a run showed of a recommendation, as in results.json; or of a system of several parts.",
    "calibrate": "What was measured; with --from, what was corrected.",
    "examples": "The answer to each workload that ships, by its name.",
    "rules-list": "The tables in use.",
    "rules-show": "A class of work; what a table's file holds; or (facts, classes) names with what they mean.",
    "rules-check": "What is known of each table.",
    "rules-test": "What testing each table came to.",
}
_ASKED_FOR = ("explanation", "measured")  # by --explain and by --with: not there else


@click.command(epilog="Example: concurrency-selector schema table > table.schema.json")
@click.argument("name", metavar="NAME", type=click.Choice([*FILES, *OUTPUTS]))
@forms_option("json")
def schema(name: str, form: str) -> None:
    """The JSON Schema of a file that you write: a decision table's YAML file (table), a workload's JSON file (profile), or
    one with several parts (system). Or of what a command prints with --json: recommend, measure, validate, compare, deps,
    calibrate, host, migrate, examples, rules-list, rules-show, rules-check, rules-test or rules-diff.

    Editors complete and check with it; docs/tables.md says how to tell them.
    """
    _ = form  # a schema is JSON, however it is asked for
    print_json(json.dumps(published(name), indent=2))


def published(name: str) -> Schema:
    """The schema of that name."""
    from selector.decision.schema import table_schema
    from selector.models import schema_of_output
    from selector.workload.schema import profile_schema, system_schema

    files = {"table": table_schema, "profile": profile_schema, "system": system_schema}
    if name in files:
        return files[name]()
    schema = schema_of_output(_printed()[name])
    if name == "recommend":
        told = schema["$defs"]["RecommendationTold"]
        told["required"] = [field for field in told["required"] if field not in _ASKED_FOR]
    if name == "rules-show":  # of a table: what its file holds
        table = table_schema()
        schema["$defs"] |= {**table.pop("$defs"), "table": {k: rule for k, rule in table.items() if k != "$schema"}}
        schema["anyOf"].append({"$ref": "#/$defs/table"})
    about = {"title": f"What concurrency-selector {name.replace('-', ' ')} prints with --json"}
    if "description" not in schema:
        about["description"] = _SEVERAL[name]
    return {"$schema": schema["$schema"], **about, **{key: rule for key, rule in schema.items() if key not in about}}


def _printed() -> dict[str, Any]:
    """What each command prints as JSON: a model, or several; and what goes into lists and mappings."""
    from pydantic import create_model

    from selector.calibration.models import Calibration
    from selector.host import Host
    from selector.measure.models import MeasureReport
    from selector.migration.guide import MigrationGuide
    from selector.readiness.models import DepsReport
    from selector.recommend.explain import Explanation
    from selector.recommend.recommendation import Recommendation
    from selector.report import rules_data
    from selector.report.calibration import Learned
    from selector.system.models import SystemRecommendation
    from selector.system.verdict import SystemReport
    from selector.validation import ValidationReport
    from selector.validation.comparing import Comparison

    fields: dict[str, Any] = {"explanation": Explanation, "measured": ValidationReport}
    told = create_model("RecommendationTold", __base__=Recommendation, __doc__=Recommendation.__doc__, **fields)
    return {
        "recommend": told | SystemRecommendation,
        "measure": MeasureReport,
        "validate": ValidationReport | SystemReport,
        "compare": Comparison,
        "deps": DepsReport,
        "calibrate": Calibration | Learned,
        "host": Host,
        "migrate": MigrationGuide,
        "examples": dict[str, Recommendation | SystemRecommendation],
        "rules-list": list[rules_data.TableListed],
        "rules-show": rules_data.ClassTold | dict[str, str],
        "rules-check": list[rules_data.TableProven],
        "rules-test": list[rules_data.TableTested],
        "rules-diff": rules_data.RulesCompared,
    }
