"""What models have in common: how they are saved as JSON and read back, and the dialect of our JSON Schemas.

Schemas keep to keywords that mean the same in draft 2020-12 and draft-07, which is what many editors know. A schema is
looser than the reader it describes where JSON Schema cannot say what the reader checks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def spelled(words: Iterable[str], pattern: str, *also: object) -> Schema:
    """One of the words, which editors complete, or another spelling of one, by its pattern; or `also`, such as None."""
    return {"anyOf": [{"enum": [*words, *also]}, {"type": "string", "pattern": pattern}]}


def id_pattern(ids: Iterable[str]) -> str:
    """The spellings of ids: upper case, hyphens or spaces for underscores, blanks around."""
    return rf"^\s*({'|'.join(map(any_case, ids))})\s*$"


def any_case(word: str) -> str:
    """The pattern of a word in upper and lower case; what joins its parts may be another sign."""
    return "".join("[_ -]" if c == "_" else f"[{c}{c.upper()}]" if c.isalpha() else c for c in word)


class Saved(BaseModel):
    """Frozen, without unknown fields, conversions or infinite numbers, so that what was saved is what is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
    )
