"""What every benchmark may be told on its command line. Nothing here needs changing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def _parser(about: str, budget_seconds: float, approaches: Iterable[str], seeds: str) -> argparse.ArgumentParser:
    """The options that all have, and those by which a script calls itself; `seeds` is what the seed is of."""
    import argparse

    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, as it happens")
    parser.add_argument("--budget", type=float, default=budget_seconds, metavar="SECONDS")
    parser.add_argument("--interpreter", action="append", default=[], metavar="PATH", help="default: this Python")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help=f"of the {seeds}")
    parser.add_argument("--approach", action="append", choices=sorted(approaches), help="only these")
    parser.add_argument("--parent", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--keeper", action="store_true", help=argparse.SUPPRESS)
    return parser


def _parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was said on the command line, with a budget that can be kept."""
    options = parser.parse_args()
    if not 0 < options.budget < 1e9:
        parser.error("--budget: a number of seconds over 0")
    return options
