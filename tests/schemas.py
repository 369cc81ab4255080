"""Schemas as an editor uses them, and the readers that they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from selector.decision import load_table
from selector.decision.schema import table_schema
from selector.errors import SelectorError
from selector.files import resource_dir
from selector.recommend.knowledge import CHAIN
from selector.workload.reading import profile_from_mapping
from selector.workload.schema import profile_schema

ROOT = Path(__file__).resolve().parent.parent


RULES = resource_dir("rules")


TABLES = sorted(RULES / f"{name}.yaml" for name in (*CHAIN, "migration_effort", "joints"))


HEADER = "# yaml-language-server: $schema=table.schema.json\n"


FILES = {"table": RULES / "table.schema.json", "profile": ROOT / "docs" / "workload.schema.json"}


SCHEMAS = {"table": table_schema(), "profile": profile_schema()}


VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}


def complaints(kind: str, data: object) -> list[str]:
    return [f"{error.json_path}: {error.message}"[:300] for error in VALIDATORS[kind].iter_errors(data)]


def loads(data: object) -> bool:
    """Whether the loader accepts these data as a table (JSON is YAML)."""
    try:
        load_table("\n" + json.dumps(data))
    except SelectorError:
        return False
    return True


def is_profile(data: object) -> bool:
    try:
        profile_from_mapping(data)
    except SelectorError:
        return False
    return True


def words_of(schema: dict[str, Any]) -> list[object]:
    """What an editor would offer for a key."""
    return [
        word for word in schema.get("enum") or [choice.get("const") for choice in schema["anyOf"]] if word is not None
    ]
