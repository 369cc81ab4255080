"""A small decision table about berths for boats, for tests that load it, break it and ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selector.decision import DecisionTable, load_table
from selector.errors import SelectorError

BASE = """\
table: berths
title: Which berth a boat gets
hit_policy: first
inputs:
  kind: {type: string, values: [sail, motor, rowing]}
  length: {type: number, values: '> 0'}
  insured: {type: boolean}
  flag: {type: string, optional: true}
outputs:
  berth: {type: string, values: [pier, buoy, beach]}
  fee: {type: number}
rules:
  - id: dinghy
    when: {kind: rowing, length: '<= 4'}
    then: {berth: beach, fee: 0}
    because: It is carried up by hand.
  - id: big
    when:
      kind: '"sail","motor"'
      length: '[10..30)'
      insured: true
      flag: 'not(null)'
    then: {berth: pier, fee: 25.5}
default: {berth: buoy, fee: 9}
examples:
  - {given: {kind: rowing, length: 3, insured: false}, expect: {berth: beach, fee: 0}}
"""
DINGHY = {"kind": "rowing", "length": 3, "insured": False}


def failure(text: str | Path) -> SelectorError:
    with pytest.raises(SelectorError) as caught:
        load_table(text)
    assert caught.value.exit_code == 2
    return caught.value


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1, "the change must hit exactly one place"
    return BASE.replace(old, new)


def outcome(table: DecisionTable, inputs: dict[str, Any]) -> str:
    try:
        return "decided" if table.decide(inputs, trace=True).trace else "no trace"
    except SelectorError as error:
        return error.message
