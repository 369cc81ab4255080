"""Functions that go wrong, each in a way of its own."""

import os
import signal
import subprocess
import sys
import time

ITEMS = list(range(30))
FILES = [open(os.devnull)]
GENERATORS = [(step for step in range(3)) for _ in range(5)]


def some(number):
    """Raises for every third item."""
    if number % 3 == 1:
        raise ValueError(f"no good: {number}")
    return number


def always(number):
    """Raises for every item."""
    raise KeyError(f"column {number}")


def exits(number):
    """Ends its process, politely."""
    print("going")
    sys.exit(3)


def leaves(number):
    """Ends its process at once."""
    os._exit(7)


def killed(number):
    """Is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(number):
    """Never ends, from the sixth item on."""
    while number > 4:
        time.sleep(0.05)
    return number


def two(first, second):
    """Needs two arguments."""
    return first + second


def none():
    """Needs no argument."""
    return 5


def leaves_a_child(number):
    """Starts a process in a session of its own, and leaves it."""
    print(subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True).pid)


def talks(number):
    """Prints a lot, reads its input, and writes to the standard streams by their numbers."""
    print("hello", number, flush=True)
    os.write(1, b'{"phase": "forged"}\n')
    os.write(2, b"noise\n")
    return sys.stdin.read()


not_a_function = 5


async def several(number):
    """An asynchronous generator."""
    yield number


def fails_to_start():
    """A set-up that raises."""
    raise OSError("no licence")
