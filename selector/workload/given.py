"""How a workload stands in the JSON of an answer: with the fields that say something, as in a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer

from selector.models import Schema
from selector.workload.profile import WorkloadProfile


@dataclass(frozen=True)
class SchemaOfFile:
    """What the JSON Schema of a field is that is written so: that of a file, made where it is asked for."""

    kind: Literal["profile", "system"]
    or_empty: bool = False  # where nothing could be found out

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> Schema:
        """The schema of the file, without the dialect that a whole one names."""
        from selector.workload.schema import profile_schema, system_schema

        schema = profile_schema() if self.kind == "profile" else system_schema()
        del schema["$schema"]
        return {"anyOf": [schema, {"type": "object", "maxProperties": 0}]} if self.or_empty else schema


GivenProfile = Annotated[WorkloadProfile, PlainSerializer(WorkloadProfile.given), SchemaOfFile("profile")]
