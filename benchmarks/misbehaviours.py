"""What work may do that it should not, and how a measurement in which it did may end."""

from __future__ import annotations

from string import Template
from typing import NamedTuple


class Misbehaviour(NamedTuple):
    """What a task (or the start of a worker, or of any process) does, and how a cell in which it did may end."""

    code: str
    statuses: str
    place: str = "task"


#: Cells that never came to it, or were not hurt by it, are ok. A worker that dies of what only hurts a part of a pool
#: may also leave the pool waiting for ever, which is a timeout.
MISBEHAVIOURS = {
    "nothing": Misbehaviour("return None", "ok"),
    "kills itself": Misbehaviour("os.kill(os.getpid(), signal.SIGKILL)", "crash"),
    "kills its group": Misbehaviour("os.killpg(0, signal.SIGKILL)", "crash"),
    "stops itself": Misbehaviour("os.kill(os.getpid(), signal.SIGSTOP)", "timeout"),
    "segfaults": Misbehaviour("import ctypes; ctypes.string_at(0)", "crash error missing_dependency"),
    "os._exit(3)": Misbehaviour("os._exit(3)", "crash"),
    "sleeps for ever": Misbehaviour("time.sleep(1e6)", "timeout"),
    "computes for ever": Misbehaviour("while True:\n        pass", "timeout"),
    "hangs, deaf to SIGTERM": Misbehaviour(
        "import threading\n    if threading.current_thread() is threading.main_thread():\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(1e6)",
        "timeout error",
    ),
    "raises ValueError": Misbehaviour("raise ValueError('wrong')", "error"),
    "raises SystemExit": Misbehaviour("raise SystemExit(3)", "error"),
    "raises KeyboardInterrupt": Misbehaviour("raise KeyboardInterrupt", "error"),
    "raises MemoryError": Misbehaviour("raise MemoryError", "out_of_memory mismatch error"),
    "raises what has no text": Misbehaviour("raise Broken", "error crash"),
    "raises half a character": Misbehaviour("raise ValueError('\\udc80 \\x1b[31m')", "error"),
    "raises what does not pickle": Misbehaviour("raise Unpicklable", "error unpicklable"),
    "raises what does not unpickle": Misbehaviour("raise Ununpicklable(1, 2)", "error unpicklable"),
    "recurses for ever": Misbehaviour("return misbehave(item)", "error crash"),
    "returns a lambda": Misbehaviour("return item[0], lambda: 0, {}", "ok unpicklable"),
    "returns a lock": Misbehaviour("return item[0], worker.lock, {}", "ok unpicklable"),
    "returns a generator": Misbehaviour("return item[0], (i for i in ()), {}", "ok unpicklable"),
    "returns what does not unpickle": Misbehaviour("return item[0], Trap(), {}", "ok unpicklable"),
    "returns something else": Misbehaviour("return item[0], os.getpid(), {}", "ok mismatch"),
    "eats memory": Misbehaviour(
        "eaten = []\n    while len(eaten) < 30:\n        eaten.append(touched_memory(50))\n        time.sleep(0.02)\n"
        "    raise MemoryError",
        "out_of_memory timeout mismatch",
    ),
    "closes the standard streams": Misbehaviour("for fd in (0, 1, 2):\n        os.close(fd)", "ok error crash"),
    "closes its files": Misbehaviour("os.closerange(3, 1000)", "ok error crash timeout"),
    "prints megabytes": Misbehaviour("print('out ' * 2_000_000)", "ok"),
    "prints megabytes on stderr": Misbehaviour("for _ in range(40):\n        print('x' * 1_000_000, file=sys.stderr)", "ok timeout"),
    "removes our files": Misbehaviour("import shutil, tempfile; shutil.rmtree(tempfile.gettempdir(), True)", "ok error crash timeout"),
    "leaves a thread": Misbehaviour("import threading; threading.Thread(target=time.sleep, args=(1e6,)).start()", "ok error timeout crash"),
    "leaves a child": Misbehaviour("if os.fork() == 0:\n        time.sleep(1e6)", "ok error timeout crash"),
    "leaves a daemon": Misbehaviour(
        "if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            time.sleep(1e6)\n        os._exit(0)",
        "ok error timeout crash",
    ),
    "leaves a program": Misbehaviour(
        "import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)",
        "ok error missing_dependency timeout",
    ),
    "forks, both go on": Misbehaviour("os.fork()", "ok error crash timeout mismatch"),
    "imports what is missing": Misbehaviour("import nothing_of_that_name", "missing_dependency"),
    "needs what is missing": Misbehaviour("import nothing_of_that_name", "missing_dependency", "top"),
    "needs what cells miss": Misbehaviour("if IN_A_CELL:\n    import nothing_of_that_name", "missing_dependency", "top"),
    "cannot start": Misbehaviour("raise ValueError('no start')", "error crash", "start"),
    "hangs at the start": Misbehaviour("time.sleep(1e6)", "timeout", "start"),
}  # fmt: skip
#: What always ends a cell badly.
FATAL = {name for name, it in MISBEHAVIOURS.items() if "ok" not in it.statuses.split()}

USERS_PART = """
import os
import random
import signal


class Broken(Exception):
    def __str__(self):
        raise ValueError("no text")


class Unpicklable(Exception):
    def __init__(self):
        self.lock = threading.Lock()


class Ununpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)


class Trap:
    def __reduce__(self):
        return int, ("no number",)

    def __repr__(self):
        return "Trap()"


CALIBRATING = "calibrate" in str(sys.argv)
IN_A_CELL = "measure" in str(sys.argv)
$top


def misbehave(item):
    if not ($due):
        return None
    $task


def work(item):
    odd = misbehave(item)
    if odd is not None:
        return odd
    wait()
    return compute(item)


async def work_async(item):
    odd = await offload(misbehave, item)
    if odd is not None:
        return odd
    await wait_async()
    return await offload(compute, item)


def start_worker():
    if not CALIBRATING:
        $start


def items(count):
    return [(number, b"x" * 100) for number in range(count)]


"""


#: When a task misbehaves: always, sometimes, always and also when the work is tried out before the measurements.
DUE = ("item[0] == 0 and not CALIBRATING", "random.random() < 0.2 and not CALIBRATING", "item[0] == 0")


def users_part(name: str, due: str) -> str:
    """The user's part of a script, with this misbehaviour when it is due (see DUE)."""
    parts = {"top": "", "start": "pass", "task": "return None", "due": due}
    misbehaviour = MISBEHAVIOURS[name]
    parts[misbehaviour.place] = misbehaviour.code
    return Template(USERS_PART).substitute(parts)
