"""A decision table of a hire desk for boats, under any hit policy, and people who come to it."""

from __future__ import annotations

from typing import Any

from selector.decision import DecisionTable, load_table

# A hire desk for boats. The order of `approval` is its priority: the strictest answer first.
HIRE = """
table: hire
title: May this person hire a boat
hit_policy: {policy}
inputs:
  age: {{type: number, values: '>= 0'}}
  risk: {{type: string, values: [low, medium, high]}}
  affordable: {{type: boolean}}
outputs:
  approval: {{type: string, values: [declined, referred, approved]}}
  band: {{type: string, values: [premium, standard]}}
rules:
  - id: can-pay
    when: {{affordable: true}}
    then: {{approval: approved, band: standard}}
  - id: minor
    when: {{age: '< 18'}}
    then: {{approval: declined, band: standard}}
  - id: stormy
    when: {{risk: high}}
    then: {{approval: referred, band: premium}}
  - id: old-hand
    when: {{age: '>= 65', risk: 'low, medium'}}
    then: {{approval: approved, band: premium}}
"""
CAN_PAY = {"approval": "approved", "band": "standard"}
MINOR = {"approval": "declined", "band": "standard"}
STORMY = {"approval": "referred", "band": "premium"}
OLD_HAND = {"approval": "approved", "band": "premium"}

RICH_BOY_IN_A_STORM = {"age": 17, "risk": "high", "affordable": True}  # can-pay, minor, stormy
RICH_VETERAN = {"age": 65, "risk": "low", "affordable": True}  # can-pay, old-hand
POOR_VETERAN = {"age": 65, "risk": "medium", "affordable": False}  # old-hand
POOR_ADULT = {"age": 18, "risk": "low", "affordable": False}  # nothing


def label(part: Any) -> str:
    """A readable id of a test case."""
    if isinstance(part, dict):
        return "/".join(str(value) for value in part.values())
    if isinstance(part, list):
        return "+".join(x if isinstance(x, str) else label(x) for x in part) or "none"
    return str(part).replace("\n", " ")


def hire(policy: str, default: str = "") -> DecisionTable:
    return load_table(HIRE.format(policy=policy) + default)


# Who gets a loan for it: an input may be missing.
ROUTING = """
table: routing
hit_policy: priority
inputs:
  risk: {type: string, values: [high, medium, low]}
  affordable: {type: boolean}
  arrears: {type: number, optional: true}
outputs:
  route: {type: string, values: [refuse, ask, lend]}
  note: {type: string}
rules:
  - {id: fallback, then: {route: lend, note: nothing against it}}
  - {id: unknown-arrears, when: {arrears: null}, then: {route: ask, note: arrears are unknown}}
  - {id: middling, when: {risk: '"medium"', arrears: '> 0'}, then: {route: ask, note: look at it}}
  - {id: cannot-pay, when: {affordable: false}, then: {route: refuse, note: beyond the means}}
  - {id: too-risky, when: {risk: high}, then: {route: refuse, note: too risky}}
"""
