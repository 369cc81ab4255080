"""Measures the speeds the project promises, each against something measured in the same run.

    make bench

At the end stands how much longer than necessary the recommended approach takes, beside simple policies, on the
workloads of benchmarks/grid (see predictions.py).

Rates are the best of several rounds on one core, warm. Whole processes are timed in turn with the process they are
compared to, and the ratio is the median of the pairs, because machines drift.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from predictions import knowledge_with, recorded, regret_lines

from selector import Selector, WorkloadProfile
from selector.decision import load_table

ROOT = Path(__file__).resolve().parent.parent
BASELINE = "from pydantic import BaseModel; type('M', (BaseModel,), {})"


def twelve_rules() -> str:
    """A FIRST table of 12 rules and 6 inputs of every type, as YAML."""
    kinds = ["retail", "trade", "public"]
    rules = [
        f'  - {{when: {{kind: \'"{kinds[i % 3]}","{kinds[(i + 1) % 3]}"\', region: \'not("{"nsew"[i % 4]}")\', '
        f"amount: '[{i * 100}..{i * 100 + 900})', score: '>= {i}', member: {'true' if i % 2 else '-'}, age: '< {90 - i}'}}, "
        f"then: {{grade: {'abc'[i % 3]}}}}}"
        for i in range(12)
    ]
    return "\n".join(
        [
            "table: grades\nhit_policy: first\ninputs:",
            "  kind: {type: string, values: [retail, trade, public]}",
            "  region: {type: string, values: [n, s, e, w]}",
            "  amount: {type: number, values: '>= 0'}",
            "  score: {type: number}",
            "  member: {type: boolean}",
            "  age: {type: number, values: '[0..150]'}",
            "outputs: {grade: {type: string, values: [a, b, c]}}\nrules:",
            *rules,
        ]
    )


def rate(call: Callable[[], object], seconds: float = 0.4, rounds: int = 5) -> float:
    """Calls a second, the best of several rounds."""
    number = 1
    while _time(call, number) < seconds / 4:
        number *= 2
    return max(number / _time(call, number) for _ in range(rounds))


def _time(call: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return time.perf_counter() - start


def process_ratio(command: list[str], against: list[str], pairs: int = 15) -> tuple[float, float, float]:
    """Wall seconds of both commands (medians) and the median ratio of the pairs."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    ours, theirs = [], []
    for number in range(pairs + 1):
        times = [_process(c, environment) for c in (command, against)]
        if number:  # the first pair only warms the caches
            ours.append(times[0])
            theirs.append(times[1])
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return statistics.median(ours), statistics.median(theirs), ratio


def _process(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def lines_per_second(profiles: int = 20_000) -> float:
    """Profiles a second through `recommend --jsonl`, the start of the process taken off."""
    read = [json.loads(f.read_text("utf-8")) for f in sorted((ROOT / "examples").glob("*.json"))]
    examples = [profile for profile in read if "parts" not in profile]  # a system is no line of a stream
    with tempfile.TemporaryDirectory() as folder:
        many, one = Path(folder, "many.jsonl"), Path(folder, "one.jsonl")
        one.write_text(json.dumps(examples[0]) + "\n", "utf-8")
        with many.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(examples[i % len(examples)]) + "\n" for i in range(profiles))
        command = [sys.executable, "-m", "selector", "recommend", "--jsonl"]
        start = min(_process([*command, str(one)], dict(os.environ)) for _ in range(3))
        whole = min(_process([*command, str(many)], dict(os.environ)) for _ in range(3))
    return profiles / (whole - start)


def main() -> None:
    """Print every figure with its target."""
    table = load_table(twelve_rules())
    given = {"kind": "trade", "region": "e", "amount": 950.5, "score": 7, "member": True, "age": 44}
    selector = Selector()
    selector.recommend(WorkloadProfile(workload_type="cpu"))
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} CPUs")
    print(
        f"table.decide, 12 rules x 6 inputs, FIRST, validated: {rate(lambda: table.decide(given)):>12,.0f}/s  (>= 600,000)"
    )
    print(
        f"table.decide with trace:                             {rate(lambda: table.decide(given, trace=True)):>12,.0f}/s  (>= 100,000)"
    )
    print(f"recommend --jsonl:                                   {lines_per_second():>12,.0f}/s  (>= 5,000)")
    example = str(ROOT / "examples" / "web-scraper.json")
    tool = [str(Path(sys.executable).with_name("concurrency-selector")), "recommend", example, "--format", "json"]
    ours, theirs, ratio = process_ratio(tool, [sys.executable, "-c", BASELINE])
    print(
        f"recommend FILE --format json, whole process:         {ratio:>12.2f} x importing pydantic  (<= 1.6;"
        f" {ours * 1000:.0f} ms against {theirs * 1000:.0f} ms)"
    )
    rows, calibration = recorded()
    print(
        f"On {len(rows)} workloads that were measured under every approach (benchmarks/grid; 1 is the best there was):"
    )
    print("\n".join(regret_lines(rows, knowledge_with(calibration))))


if __name__ == "__main__":
    main()
