"""The command that prints a JSON Schema, for editors and checkers of the files that users write."""

from __future__ import annotations

import json

import click

from selector.cli.shared import forms_option, print_json


@click.command(epilog="Example: concurrency-selector schema table > table.schema.json")
@click.argument("what", type=click.Choice(["table", "profile", "system", "deps"]))
@forms_option("json")
def schema(what: str, form: str) -> None:
    """The JSON Schema of a decision table's YAML file, of a workload's JSON file (profile), of one with several parts (system), or of what `deps --json` prints.

    Editors complete and check with it; docs/tables.md says how to tell them.
    """
    _ = form  # a schema is JSON, however it is asked for
    from selector.decision.schema import table_schema
    from selector.readiness.models import report_schema
    from selector.workload.schema import profile_schema, system_schema

    schemas = {"table": table_schema, "profile": profile_schema, "system": system_schema, "deps": report_schema}
    print_json(json.dumps(schemas[what](), indent=2))
