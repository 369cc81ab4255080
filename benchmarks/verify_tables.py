"""How long verifying takes, for random tables of some sizes and for our own; and whether brute force agrees.

    python benchmarks/verify_tables.py [--check TABLES]

Prints the median and the longest time in ms, how many tables were proven within the limit of steps, and the median size
of the space. `--check 2000` compares the findings of so many random tables with brute force instead.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for the random tables and the brute force, which are part of the tests

from selector.decision import DecisionTable, load_table  # noqa: E402
from selector.decision.proofs.verify import verify_table, verify_tables  # noqa: E402
from tests.brute_force import disagreements  # noqa: E402
from tests.random_tables import random_table, wide_table  # noqa: E402

SIZES = ((12, 6), (20, 6), (60, 10))  # rows, inputs
POLICIES = ("first", "unique", "priority", "collect")
TABLES = 10  # of each size
CHAIN = (
    "classify",
    "strategy",
    "sizing",
    "eligibility",
    "speedup_bands",
    "engine",
    "advice",
    "migration_effort",
    "joints",
)


def measure(name: str, tables: Sequence[DecisionTable]) -> None:
    """Verify each table three times and print a line."""
    times, proven, cells = [], 0, []
    for table in tables:
        for _ in range(3):
            start = time.perf_counter()
            found = verify_table(table)
            times.append(1000 * (time.perf_counter() - start))
        proven += found.proven
        cells.append(found.size)
    print(
        f"{name:38} {statistics.median(times):9.1f} {max(times):9.1f} {proven:5} of {len(tables):3}"
        f" {statistics.median(cells):10.2g}"
    )


def times() -> None:
    """Random tables, then ours."""
    print(f"{'':38} {'median ms':>9} {'longest':>9} {'proven':>12} {'cells':>10}")
    for rows, inputs in SIZES:
        for policy in POLICIES:
            made = [random_table(random.Random(seed), inputs, rows, policy) for seed in range(TABLES)]
            measure(f"{rows} rows, {inputs} inputs, {policy}", made)
        for asked in (2, 4):
            made = [wide_table(random.Random(seed), inputs, rows, asked) for seed in range(TABLES)]
            measure(f"{rows} rows, {inputs} inputs, {asked} intervals a row", made)
    ours = [load_table(ROOT / "rules" / f"{name}.yaml") for name in CHAIN]
    for table in ours:
        measure(f"rules/{table.name}.yaml", [table])
    start = time.perf_counter()
    verify_tables(ours)
    print(f"{'our tables as a chain':38} {1000 * (time.perf_counter() - start):9.1f}")


def check(tables: int) -> None:
    """Compare with brute force and print what was found, and every disagreement."""
    kinds: Counter[str] = Counter()
    wrong = 0
    for seed in range(tables):
        table = random_table(random.Random(seed))
        whole = frozenset(table.input_names) if seed % 3 == 0 else frozenset[str]()
        found = verify_table(table, whole=whole)
        kinds.update(finding.kind for finding in found.findings)
        for problem in disagreements(table, found, whole):
            wrong += 1
            print(f"seed {seed}: {problem}")
    print(f"{tables} tables, {wrong} disagreements; findings: {dict(kinds.most_common())}")


def main() -> None:
    """Either of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=int, metavar="TABLES", help="compare so many random tables with brute force")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    else:
        times()


if __name__ == "__main__":
    main()
