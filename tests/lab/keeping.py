"""Functions that keep something between calls, read what others read, or take what does not pickle."""

import functools
import itertools
import threading

ITEMS = list(range(50))
TOTAL = 0
SEEN = {}
TABLE = None
LAST = 0
SHARED = [tuple(range(50)) for _ in range(50)]
LAMBDAS = [lambda: 1, lambda: 2, lambda: 3]


class Model:
    """What is read for each item."""

    def __init__(self, number):
        self.weights, self.names = [number] * 3, (number, "a")

    def of_number(self, number):
        """A method, which needs an object."""
        return self.weights[0] + number


MODELS = [Model(number) for number in range(6)]
ONE = Model(0)


def counts(number):
    """Adds to a global."""
    global TOTAL
    TOTAL += number
    return number


def notes(number):
    """Writes to a key of its own."""
    SEEN[number] = number * 2
    return number


def caches(number):
    """Fills a table at the first call."""
    global TABLE
    if TABLE is None:
        TABLE = [step * step for step in range(1000)]
    return TABLE[number]


@functools.cache
def memo(number):
    """Kept for each item."""
    return sum(step * number for step in range(30_000))


def depends(number):
    """Its result depends on the call before."""
    global LAST
    found, LAST = LAST + number, number
    return found


def calls_item(item):
    """Items that do not pickle."""
    return item()


def gives_lock(number):
    """A result that does not pickle."""
    return {"rows": [number], "lock": threading.Lock()}


def reads_item(model):
    """Reads the attributes of its item all the time."""
    found = 0
    for _ in range(3000):
        weights, names = model.weights, model.names
        found += weights is names
    return found


def reads_shared(number):
    """Reads the attributes of a global object all the time: threads write to its reference counts."""
    return reads_item(ONE) + number


def lazy(number):
    """A generator."""
    yield from range(number % 7 + 1000)


def endless():
    """Items without an end."""
    return ({"number": number} for number in itertools.count())


def of_endless(item):
    """Takes one of them."""
    return item["number"]
