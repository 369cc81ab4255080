"""Services measured once more, by hand: servers and an open-loop client of a page, which share no code with `validate`.

    python benchmarks/service_check.py [SECONDS [PYTHON [ROUNDS [WORKLOAD ...]]]]

For three workloads (a loop that waits, computing, a blocking library) it lets `validate` measure each approach, then sends
requests to its own servers at the same rate, in turn ROUNDS (3) times, as a rented CPU is faster at one moment than at the
next. It prints the medians of p95 and of the most that is done of both, with their ratios: they should agree within 20 %
on a machine that does nothing else. SECONDS (40) is the budget of each `validate`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_WORKLOADS = {
    "asyncio-bound": ({"workload_type": "io", "cpu_ms_per_task": 2, "io_wait_ms_per_task": 50, "async_library": True}, 200),
    "CPU-bound": ({"workload_type": "cpu", "cpu_ms_per_task": 20, "io_wait_ms_per_task": 0}, 30),
    "blocking library": ({"workload_type": "io", "cpu_ms_per_task": 1, "io_wait_ms_per_task": 30, "async_library": False}, 200),
}  # fmt: skip
_BY_HAND = ("asyncio", "threads", "multiprocessing")


def burn(steps: int) -> None:
    """Compute: so many steps, however fast the CPU is just now."""
    for _ in range(steps):
        sum(range(200))


def steps_of(milliseconds: float) -> int:
    """How many steps take that much CPU time here and now: by the fastest of five tries of 50 ms."""
    rates = []
    for _ in range(5):
        steps, begun = 0, time.thread_time()
        while (took := time.thread_time() - begun) < 0.05:
            burn(20)
            steps += 20
        rates.append(steps / took)
    return max(1, round(max(rates) * milliseconds / 1000))


def serve(kind: str, cpu_ms: float, wait_ms: float, workers: int, processes: int) -> None:
    """A server of that kind for ever, in so many processes; its port is the first line that it prints."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    steps = steps_of(cpu_ms)
    print(listener.getsockname()[1], flush=True)
    for _ in range((workers if kind == "multiprocessing" else processes) - 1):
        if not os.fork():
            break

    def blocking(connection: socket.socket) -> None:
        with connection:
            connection.recv(100)
            time.sleep(wait_ms / 1000)
            burn(steps)
            connection.sendall(b"done\n")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await asyncio.sleep(wait_ms / 1000)
        burn(steps)
        writer.write(b"done\n")
        await writer.drain()
        writer.close()

    async def loop() -> None:
        await (await asyncio.start_server(answer, sock=listener, backlog=1024)).serve_forever()

    if kind == "asyncio":
        asyncio.run(loop())
    elif kind == "threads":
        pool = ThreadPoolExecutor(workers)
        while True:
            pool.submit(blocking, listener.accept()[0])
    else:
        while True:
            blocking(listener.accept()[0])


async def _request(port: int, at: float, latencies: list[float]) -> None:
    """One request at its planned moment; its latency runs from there."""
    await asyncio.sleep(at - time.monotonic())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"please\n")
    await reader.read()
    latencies.append(1000 * (time.monotonic() - at))
    writer.close()


async def open_loop(port: int, rate: float, seconds: float, seed: int) -> list[float]:
    """Poisson arrivals at that rate; the latencies in ms of all that came after the first tenth."""
    chance, at, latencies = random.Random(seed), time.monotonic() + 0.5, list[float]()  # no secret
    end, warm = at + seconds, at + seconds / 10
    tasks = []
    while (at := at + chance.expovariate(rate)) < end:
        tasks.append(asyncio.create_task(_request(port, at, latencies if at > warm else [])))
    await asyncio.gather(*tasks)
    return latencies


async def most(port: int, in_flight: int, seconds: float) -> float:
    """Requests a second with so many in flight all the time."""
    done, end = list[float](), time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < end:
            await _request(port, time.monotonic(), done)

    begun = time.monotonic()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    return len(done) / (time.monotonic() - begun)


def by_hand(
    python: str, arm: dict[str, Any], fields: dict[str, object], rate: float, seconds: float, seed: int
) -> tuple[float, float]:
    """(p95 in ms, the most a second) of a server by hand, with the workers and processes of that arm of `validate`."""
    kind, workers, processes = arm["approach"], arm["workers"], arm["processes"]
    words = [
        kind,
        *(str(fields[name]) for name in ("cpu_ms_per_task", "io_wait_ms_per_task")),
        str(workers),
        str(processes),
    ]
    with subprocess.Popen(
        [python, __file__, "--serve", *words], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            latencies = sorted(asyncio.run(open_loop(port, rate, seconds, seed)))
            in_flight = 200 if kind == "asyncio" else 2 * workers * processes + 2
            return latencies[int(0.95 * len(latencies))], asyncio.run(most(port, in_flight, seconds / 5))
        finally:
            os.killpg(server.pid, 9)


def validated(fields: dict[str, object], rate: float, budget: str, python: str) -> dict[str, Any]:
    """What `validate` says of that service, as JSON."""
    profile = json.dumps({**fields, "mode": "service", "requests_per_second": rate})
    options = ["--json", "--budget", f"{budget}s", "--interpreter", python]
    command = [sys.executable, "-m", "selector", "validate", "-", *options]
    found = subprocess.run(command, input=profile, capture_output=True, text=True, check=True).stdout
    answer: dict[str, Any] = json.loads(found)
    return answer


def compared(name: str, budget: str, python: str, rounds: int) -> None:
    """One workload, both ways in turn, and the medians beside each other."""
    fields, rate = _WORKLOADS[name]
    both: dict[str, list[tuple[float, ...]]] = defaultdict(list)  # p95, predicted, most; p95 and most by hand
    for turn in range(rounds):
        found = validated(fields, rate, budget, python)
        print(f"{name}: others took {found['cpus_taken']:.2f} CPUs; {found['verdict']}: {found['reason'][:150]}")
        for m in found["measurements"]:
            if m["approach"] not in _BY_HAND or m["service"] is None or not m["service"]["keeps_up"]:
                continue
            row = next(r for r in m["service"]["arrivals_per_s"] if r["rate"] == rate)
            ours = (row["p95_ms"], row["predicted_p95_ms"], m["service"]["saturation_per_s"])
            theirs = by_hand(python, m, fields, rate, float(budget) / 3, turn)
            both[f"{m['approach']:<16}{m['workers']:>3} workers x {m['processes']}"].append((*ours, *theirs))
    for arm, figures in both.items():
        p95, predicted, most, p95_there, most_there = map(statistics.median, zip(*figures, strict=True))
        print(f"  {arm}  p95 {p95:7.1f} ms, by hand {p95_there:7.1f} ({p95 / p95_there:.2f}x), predicted {predicted:7.1f}"
              f"   most {most:7.1f}/s, by hand {most_there:7.1f} ({most / most_there:.2f}x)", flush=True)  # fmt: skip


def main(budget: str = "40", python: str = "python3.14", rounds: str = "3", *names: str) -> None:
    """Every workload, or those of these names."""
    for name in names or _WORKLOADS:
        compared(name, budget, python, int(rounds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
    else:
        main(*sys.argv[1:])
