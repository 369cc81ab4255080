"""Measure a user's function in the user's Python. Standard library only, Python 3.10 and later.

    python -B probes/function MODE OPTIONS

OPTIONS is one argument, a JSON object. The standard output that a child is started with gets its messages, one line
of JSON each (an object; whoever reads merges all of them into one); its standard error gets what Python itself says: the
stacks of a call that hangs and of a crash. The child takes both for itself: what the user's code prints goes to the file
`log`, and its standard input is empty. A child that is killed or exits has said what it found until then, and
the phase it was in. `{"phase": "done"}` is the last message of one that did all it was to do.

Options (null or absent: the default)
    target         "package.module:name" or "path/file.py:name", as target.py reads it
    items          a source of items, as target.py reads it; null: the function is called without an argument
    setup          a target that is called once, before the calls
    folder         what paths are relative to, and the working folder of the calls; default: the current one
    log            the file that gets what the user's code prints; default: nowhere
    cache          a folder for the compiled modules of the probe, so that the next child starts sooner
    seconds        for the solo calls (1.0); the other phases have parts of it
    budget         for the whole child (20): a phase that would go over it is left out, and named in `skipped`
    most           seconds that the child may take in any case (budget): import, items, set-up and the first call may take all of it, and
                   where they do, the calls after them have a third of the budget
    begun          when it was started, by time.monotonic() of whoever did (now): what it took to start is of its time
    call_seconds   a call that takes longer hangs (10): its stack is written (after a line "Timeout (0:00:10)!"), and the child ends
                   with exit code 1
    count          items at most (main, memory: 200; worker, subinterpreter: 12)
    items_mb       memory that items may take (500); then no more are taken
    order          worker: "forward" or "reverse"
    stop           main, look: a file; the phase `held` goes on until it is there. Without it there is no such phase
    pid            sampler: the process to look at
    while_open     true: end when standard input is closed, as its writer is gone
    modules        imports, isolated: the modules of a package
    late           imports, isolated: extension modules of it that its import may leave alone

Modes
    main             everything that one process can find; see below
    again            the same without held, probe, pickle and audit: under another Python, or with other variables (OMP_NUM_THREADS=1)
    look             first calls and held alone: for a Python that cannot be looked at from outside, under another one
    worker           the calls as a worker process makes them: function by name, items and results pickled, in an order
    subinterpreter   the same in a subinterpreter (3.14 and later)
    memory           what a call takes; with count 0 what none takes
    sampler          how often a process of the same Python holds its GIL, looked at from outside (3.14 and later)
    installed        what is installed for this Python; the user's code is not run
    imports          what importing a package comes to; there is no function
    isolated         importing it in two subinterpreters with a GIL of their own (3.12 and later)

Every mode
    phase            what it is about to do: import, items, setup, pickle, first call, second call (after a first of over
                     1 s: it has all the time there is, and `solo` has been said of the first), solo, held, probe, two threads, loop, audit, done
    beat             seconds since its start; twice a second while calls go on, so that silence is one long call
    problem          {"kind", "text", "item"}: why this function cannot be measured; the child ends with exit code 1. Kinds: those of
                     TargetError in target.py, and not_callable, arguments, no_items, items_used_up, raises_always, setup_fails, exits,
                     async_generator. `item` is the number of an item, or absent
    version          "3.14.10"; executable; free_threaded: whether it is such a build; gil: whether the GIL is on now
    calls            calls so far

main and again
    import_ms        wall time of importing the target, without waiting for a CPU; import_cpu_ms: of the process
    rss_start_mb, rss_import_mb, rss_items_mb, rss_setup_mb        resident memory, null where unknown
    gil_after_import, gil_after_run, gil_module     free-threaded builds: whether the GIL is on, and the module that put it on
    coroutine        whether it is an `async def` (or gives an awaitable); lazy: "generator" where calls give one: it is run to its end
    has_items        false: called without an argument
    items_ms, taken, tasks    what making the items took (wall); how many were taken; how many there are, null: not known
    items_why        why no more were taken: end, count, memory, time
    setup_ms, setup_cpu_ms
    first_ms, first_cpu_ms, first_ok     the first call, without waiting for a CPU
    first_imports    packages and modules that the first call imported (20 at most): what it takes beside a later call is import, then
    clock_tick_ms    the real step of the CPU clock
    solo             per call, in ms: wall_ms, cpu_ms (of the calling thread), helper_ms (CPU of other threads), children_cpu_ms (of child
                     processes that ended), delay_ms (ready, but without a CPU), wait_ms (what is left: waiting; CPU of helpers is taken off, that of
                     child processes is not), cpu_p10_ms, cpu_p90_ms, wait_p10_ms, wait_p90_ms (from call to call, or batch), noise (how far the middle of the CPU times lies above cpu_ms, which is near their least: 0.3 is a
                     third more, from neighbours that share the core), spread (of repeated calls on
                     the same items: (p75 - p25) / median of cpu + wait), calls, batch (calls a sample), items (distinct),
                     passes, delay_known (false: waiting for a CPU is not known here, and is in wait_ms),
                     cached (true: repeated calls on an item take less than half; the figures are of first calls)
    errors           {kind: {"count", "message", "item"}}; attempts: calls that could have failed;
                     errors_items: numbers of up to 50 items that raised. Calls of two threads are not among these
    mutated          numbers of items that a call changed (later calls get fresh copies); mutated_checked: how many were looked at
    function_pickles, items_pickle, result_pickles; function_pickle_error, item_pickle_error, result_pickle_error: with the path of what does not pickle
    function_pickle_kb; item_kb, item_dump_ms, item_load_ms, item_buffers_kb; result_kb, result_dump_ms, result_load_ms, result_buffers_kb:
                     means of up to 8; *_buffers_kb is the part that can go out of band (protocol 5); result_type
    globals_first, globals_later, globals_again: {"module.name": "value" | "new" | "gone" | "rebound" | "cache" | [keys of a dict]}: changed by the first call, by
                     some calls after it, by some more. A name in the last two is written by every call.
                     globals_again is null where there was no time for more. "cache": an lru_cache grew. globals_left_out: too large to look at
    held_run         what went on during the phase held: {"calls", "wall_s", "cpu_s", "delay_s", "wait_share": the part in which it waited}
    probe            a thread that sleeps 1 ms, beside the calls: {"late_share": part of its wakings that were over 0.3 ms late, "idle_late_share",
                     "hold_ms": the longest that it had to wait for the GIL, waiting for a CPU taken off, "holds_ms": the five longest, "switch_ms": the switch
                     interval during it: Python code makes others wait as long, "samples", "calls", "cpu_share"}
    two              two threads against one, each for a fixed time, per call: {"own": {...}, "same": {...}}, on items of their own and on one and the
                     same: {"blocked_share": time that both were blocked, more than alone, as a part of their CPU time: about 1 under a GIL,
                     "cpu_ratio": CPU time a call with two / alone (contention), "speedup": 2 x (CPU + wait alone) / (CPU + wait with two), "lack": part
                     of their time that the two lacked a CPU (near 0.5 they took turns, and contention does not show), "errors", "rounds"}
    steps            coroutines: {"block_ms": longest time between two awaits (median of calls), "block_wait_ms": how much of all its steps it waits instead of
                     computing: blocking calls inside, "await_ms": time in awaits, "steps", "gather_of", "gather_ratio": time of so many at once / sum of their times
                     alone: 1 no overlap}
    audit            {event: times a call}, such as "open read", "socket.connect", "getaddrinfo", "sqlite3.connect", "subprocess", "time.sleep"
    where            the lines that the calls spend their time in, as another thread sees them: up to 5 of {"place": "file:line function",
                     "text": the line, "share": of the looks}
    audit_paths      up to 5 files opened; clients: modules loaded that talk to networks or databases, such as ["requests", "psycopg2"]
    io_seen          kinds of what it may wait for: a list of network, disk, database, subprocess, sleep
    skipped          phases left out for want of time

worker and subinterpreter
    digests          one short text a result, in the order of items: equal results have equal texts, "error KIND" where it raised
    results_pickle   worker: whether function, items and results went through pickle; worker_error: if not, why
    worker_cpu_ms    CPU a call
    subinterpreter   true, false, or null where this Python has none; why, module (that cannot be loaded there); import_ms in it, import_cpu_ms

memory
    first_mb, task_mb, kept_mb: peak of the first call over what was there before; the same for later calls (the largest); what
                     stays after them. The tree is meant: child processes count. null where unknown
    peak_mb          the largest resident memory of the process, over its life

sampler
    on_cpu           of its time on a CPU: {"held": the part in which a thread held the GIL, "looks": pairs of looks between which it computed
                     without a break, "seconds": what it computed in these}; absent where the CPU clock of a process cannot be read (all but Linux)
    held             part of all the time, waiting too, in which a thread held the GIL: held / (1 - wait_share of held_run) is that of its
                     computing, if nothing else wants the CPUs
    samples, failed, sampler_error: why there is none

installed
    markers          the environment of this Python that markers are asked in; prefix: sys.prefix
    dist NAME        {"name", "version", "requires", "python": as its metadata say it, "tags": of its wheel, "modules": what can be imported,
                     "late": extension modules below these, or private ones, without those of tests; "native": whether it has any extension
                     module, "editable", "stamp": a hash that changes whenever a file of it does}
    broken           the last one whose metadata could not be read, and why

imports
    importing        the module that is being imported; loading: the extension module that is being loaded for it, or null
    import_ms, import_cpu_ms, rss_start_mb, rss_import_mb, gil_after_import, gil_module   as in main; gil_importing: the modules whose
                     own code ran when the GIL was switched on, outermost first
    failed           {module: {"error": "KIND: text", "lacks": the module that was not found, or null}}
    loaded           which of the late ones the modules have imported themselves
    unpicklable      public classes of the modules whose instances cannot be pickled, by their type: of the first 200; said again after
                     the late ones were imported
    late             how many of the others were imported, after the phase late began; gil_late: the one that switched the GIL on;
                     late_left_out: true where there was no time for all

isolated
    subinterpreter   as in subinterpreter; module, why, lacks as in failed
    refused          {late module: why it cannot be loaded there}, of those that are refused as such; may_lack: those of them that the package
                     imports only where that may fail, by its own code. The phase `closing` follows, when the two are ended
"""
