"""The questions as data: what is asked about each field of a profile, and what its choices mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The five that everybody is asked, in this order; which others follow is worked out from the tables.
FIRST = ("workload_type", "latency_requirement_ms", "memory_budget_mb", "cpu_cores", "has_expensive_startup")

#: A question that stands for another one, which is asked only of who cannot answer it: what arrives at a service is known,
#: how much of it is in flight hardly ever.
INSTEAD_OF: Mapping[str, str] = {"requests_per_second": "concurrency"}

#: Questions that an answer makes pointless: who has no costly set-up need not say how long it takes.
POINTLESS_AFTER: Mapping[tuple[str, object], tuple[str, ...]] = {
    ("has_expensive_startup", False): ("startup_ms", "startup_memory_mb"),
    ("mode", "batch"): ("requests_per_second",),
    ("mode", "service"): ("tasks", "finish_within_s"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """A question, a hint that helps to answer it, and what each choice means (for fields with a fixed set)."""

    question: str
    hint: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


# A choice can be picked by typing: no choice's words contain the id of another one of the same question.
WORDS: Mapping[str, Words] = {
    "workload_type": Words(
        "Enter workload type",
        "What the time goes into.",
        {
            "cpu": "it computes",
            "io": "it waits for the network, files or a database",
            "hybrid": "it waits and computes",
        },
    ),
    "latency_requirement_ms": Words("Latency requirement (ms)", "What one task may take, 95th percentile."),
    "memory_budget_mb": Words("Memory budget (mb)", "For all processes of the work together."),
    "cpu_cores": Words("CPU cores", "How many the work may use."),
    "has_expensive_startup": Words(
        "Has expensive startup (y/n)", "Must each worker first load a model, fill a cache or the like?"
    ),
    "name": Words("A name for the workload"),
    "description": Words("What it does, in words"),
    "mode": Words(
        "Is it a batch or a service?",
        choices={"batch": "a set of tasks that comes to an end", "service": "requests that keep arriving"},
    ),
    "tasks": Words("How many tasks does one run have?", "Units of work that do not depend on each other."),
    "concurrency": Words("How many operations are in flight at once?", "Open requests, connections or jobs."),
    "requests_per_second": Words("How many requests arrive in a second?", "In a busy hour: 50, 50/s, 3000/min."),
    "cpu_ms_per_task": Words("How much CPU time does one task take (ms)?", "Measured in one worker, without waiting."),
    "io_wait_ms_per_task": Words("How long does one task wait for I/O (ms)?", "Network, files, database."),
    "io_kind": Words(
        "What does it wait for?",
        choices={
            "network": "other machines",
            "disk": "files",
            "database": "queries and their answers",
            "subprocess": "child processes that compute",
            "mixed": "several of these",
        },
    ),
    "payload_kb_per_task": Words(
        "How much data goes to a worker and back (KB)?", "For one task: arguments and results together."
    ),
    "pickle_ms_per_task": Words(
        "How long does it take to pickle a task's data (ms)?", "There and back. `measure` finds it."
    ),
    "task_memory_mb": Words("How much memory does one task use while it runs (MB)?"),
    "startup_ms": Words("How long does the costly set-up take (ms)?", "Once for each worker."),
    "startup_memory_mb": Words("How much memory does the costly set-up take (MB)?", "Once for each worker."),
    "import_ms": Words("How long does a new worker import for (ms)?", "`python -X importtime`; `measure` finds it."),
    "parallelizable": Words("Are the tasks independent of each other?", "No: each step needs the one before."),
    "shared_state": Words(
        "What do the workers share?",
        choices={
            "none": "nothing",
            "read_only": "they read the same objects",
            "disjoint_writes": "each writes a part of its own",
            "hot_writes": "all of them write the same objects",
            "hot_reads": "they read the same few objects all the time",
        },
    ),
    "isolation": Words(
        "What must a worker that fails not touch?",
        choices={
            "none": "no such demand",
            "crash": "the others: they must survive it",
            "security": "secrets: it runs code that is not trusted",
        },
    ),
    "releases_gil": Words(
        "Does the code that computes release the GIL?",
        "NumPy, hashing, compression and images mostly do; pure Python does not.",
    ),
    "gil_share": Words(
        "Which part of its CPU time does it hold the GIL (0-1)?", "Pure Python all of it: 1. `measure` finds it."
    ),
    "gil_hold_ms": Words(
        "How long does it hold the GIL at a stretch (ms)?", "Python code 5 at most. `measure` finds it."
    ),
    "native_parallel": Words(
        "Does the library use every core by itself already?", "BLAS, Polars, DuckDB and PyTorch do, for example."
    ),
    "library_threads": Words(
        "To how many threads is a native library kept?", "OMP_NUM_THREADS; empty: not at all. `measure` finds it."
    ),
    "event_loop": Words(
        "Is the work called from a running asyncio application?", "FastAPI, aiohttp or a bot, for example."
    ),
    "async_library": Words(
        "Is there an async client library for the I/O?", "Such as httpx for HTTP or asyncpg for PostgreSQL."
    ),
    "picklable": Words(
        "Can functions, arguments and results be pickled?", "Lambdas, open files, sockets and locks cannot."
    ),
    "free_threading_ready": Words(
        "Do all dependencies support free-threaded Python?",
        "Python 3.13t or 3.14t, without the GIL. Pure Python mostly does; C extensions must say so.",
    ),
    "free_threaded_ratio": Words(
        "Its CPU time on free threads over that with the GIL?", "Such as 1.4: slower. `measure` finds it."
    ),
    "subinterpreter_ready": Words(
        "Do all dependencies support subinterpreters?",
        "Python 3.14. Pure Python mostly does; C extensions must say so.",
    ),
    "interpreters": Words(
        "Which Python versions may be used?", "Such as 3.13, 3.14t (t: free-threaded). Not known: those found here."
    ),
    "platform": Words(
        "Where does it run?",
        "Not known: a system like this one.",
        {"linux": "servers and containers too", "macos": "Apple", "windows": "Microsoft"},
    ),
    "notebook": Words("Does the code live in a notebook or a REPL?"),
    "machines": Words("Over how many machines must the work be spread?", "1 if one machine will do."),
    "durable": Words("Must the work survive a restart and be retried?", "Jobs that may not be lost, for example."),
    "gpu": Words("Does the work run on a GPU?"),
    "throughput_requirement_per_s": Words("How many tasks must be done in a second?", "Or requests, of a service."),
    "finish_within_s": Words("When must all of it be done (s)?", "The whole batch, from its start: 90, 10min, 8h."),
    "team_knows": Words(
        "What do the people know who will keep it running?",
        "What is missing must gain more before it is taken.",
        {
            "asyncio": "async def, await, tasks",
            "threads": "locks, races, pools",
            "processes": "pickling, fork and spawn",
            "queues": "brokers, workers, retries",
        },
    ),
    "maintainability": Words(
        "How much does it matter that it is easy to debug?",
        choices={"normal": "as usual", "high": "more than some speed"},
    ),
    "current_approach": Words("Where is the code today?"),
}
