"""The fields that follow from what a child said."""

from __future__ import annotations

from typing import Any

from selector.files import resource_dir
from selector.measure.clients import load_clients
from selector.measure.evidence import Beside, fields_of
from selector.measure.findings import findings_from
from selector.measure.models import Evidence

CLIENTS = load_clients((resource_dir("rules"),))


def fields(facts: dict[str, Any], **beside: Any) -> dict[str, Evidence]:
    return fields_of(findings_from(facts), Beside(**beside), CLIENTS)


def values(facts: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {name: each.value for name, each in fields(facts, **beside).items()}
