"""Values: whether two are the same, and what pickling one takes. All of it bounded; nothing here raises."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import pickle
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .channel import first_line
from .pickle_path import faulty_part

MOST_PARTS = 200_000  # of a value that are looked at
MOST_BYTES = 20_000_000
MOST_PICKLED = 200_000_000  # that are worth the memory of finding out
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class TooLargeError(Exception):
    """A value has more parts than are looked at."""


def digest(value: Any) -> str:
    """A short text that is the same for equal values, in any process and Python; floats to nine digits, in arrays to seven.

    "?" where the value is too large. What has no value of its own counts by its type.
    """
    found = hashlib.blake2b(digest_size=8)
    try:
        _add(value, found.update, [MOST_PARTS], 0)
    except TooLargeError:
        return "?"
    except Exception:
        return "unknown " + type(value).__name__
    return found.hexdigest()


def _add(value: Any, add: Callable[[bytes], object], left: list[int], depth: int) -> None:
    """Add what makes a value what it is."""
    left[0] -= 1
    if left[0] < 0 or depth > 50:
        raise TooLargeError
    kind = type(value)
    if kind is float:
        add(b"f" + (b"nan" if math.isnan(value) else format(value, ".9g").encode()))
    elif kind in (int, bool, complex, type(None), type(...)):
        add(repr(value).encode() + b";")
    elif kind in (str, bytes, bytearray):
        if len(value) > MOST_BYTES:
            raise TooLargeError
        data = value.encode("utf-8", "surrogatepass") if kind is str else bytes(value)
        add(b"%s%d:" % (kind.__name__.encode(), len(data)) + data)
    elif isinstance(value, dict):
        add(b"{%d" % len(value))
        for key, each in value.items():
            _add(key, add, left, depth + 1)
            _add(each, add, left, depth + 1)
    elif isinstance(value, (list, tuple)):
        add(b"[%d" % len(value))
        for each in value:
            _add(each, add, left, depth + 1)
    elif isinstance(value, (set, frozenset)):
        left[0] -= len(value)
        add("".join(sorted(digest(each) for each in value)).encode())
    else:
        _add_other(value, add, left, depth)


def _add_other(value: Any, add: Callable[[bytes], object], left: list[int], depth: int) -> None:
    """Add an object: its array, its attributes, its pickle, or the text it has of itself without addresses."""
    add(type(value).__qualname__.encode())
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        if getattr(value, "nbytes", 0) > MOST_BYTES:
            raise TooLargeError
        add(str(value.dtype).encode() + str(getattr(value, "shape", "")).encode())
        fewer_digits = {"float64": "float32", "complex128": "complex64"}.get(str(value.dtype))
        if value.dtype.kind == "O":
            _add(value.tolist(), add, left, depth + 1)
        else:
            add((value.astype(fewer_digits) if fewer_digits else value).tobytes())
    elif isinstance(value, type) or callable(value):
        add(getattr(value, "__qualname__", "").encode())
    elif isinstance(getattr(value, "__dict__", None), dict) and type(value).__reduce__ is object.__reduce__:
        _add(vars(value), add, left, depth + 1)
    else:
        try:
            add(bounded_pickle(value))
        except TooLargeError:
            raise
        except Exception:
            if not hasattr(value, "__next__") and type(value).__repr__ is not object.__repr__:
                add(_ADDRESS.sub("", repr(value)).encode())


class _Bounded(io.RawIOBase):
    """Keeps what is written, up to a limit."""

    def __init__(self, most: int) -> None:
        self.data, self._most = bytearray(), most

    def write(self, data: Any) -> int:
        """Keep it."""
        size = memoryview(data).nbytes
        if len(self.data) + size > self._most:
            raise TooLargeError
        self.data += data
        return size


def bounded_pickle(value: Any, most: int = MOST_BYTES) -> bytes:
    """The pickle of a value; TooLargeError where it has more bytes, before they are all there."""
    stream = _Bounded(most)
    pickle.Pickler(stream, 5).dump(value)
    return bytes(stream.data)


# Pickling -------------------------------------------------------------------------------------------------------------


class Pickled(NamedTuple):
    """What pickling a value takes: KB, of which out of band, and ms each way; or why and where it does not pickle.

    `large`: it takes more than MOST_PICKLED bytes, and no more is known.
    """

    kb: float = 0.0
    buffers_kb: float = 0.0
    dump_ms: float = 0.0
    load_ms: float = 0.0
    error: str | None = None
    large: bool = False


def pickled(value: Any, name: str, seconds: float = 0.05) -> Pickled:
    """Pickle a value as it goes to a worker, and read it again, for some time at most: the fastest counts."""
    try:
        bounded_pickle(value, MOST_PICKLED)
        data, dump = _fastest(lambda: pickle.dumps(value, 5), seconds / 2)
    except TooLargeError:
        return Pickled(large=True)
    except Exception as error:
        where, _ = faulty_part(value, name, _fails_to_pickle)
        return Pickled(error=f"{where}: {type(error).__name__}: {first_line(error)}")
    try:
        _, load = _fastest(lambda: pickle.loads(data), seconds / 2)  # noqa: S301  # written just now, here
    except Exception as error:
        return Pickled(error=f"{name} pickles, but cannot be read again: {type(error).__name__}: {first_line(error)}")
    buffers: list[pickle.PickleBuffer] = []
    with contextlib.suppress(Exception):
        pickle.dumps(value, 5, buffer_callback=buffers.append)
    apart = sum(memoryview(each).nbytes for each in buffers)
    return Pickled(len(data) / 1024, apart / 1024, dump * 1000, load * 1000)


def _fastest(run: Callable[[], Any], seconds: float) -> tuple[Any, float]:
    """What it gives, and the least CPU time it took."""
    least, begun = math.inf, time.perf_counter()
    for _ in range(5):
        now = time.thread_time()
        found = run()
        least = min(least, time.thread_time() - now)
        if time.perf_counter() - begun > seconds:
            break
    return found, least


def _fails_to_pickle(value: Any) -> bool:
    try:
        pickle.dumps(value, 5)
    except Exception:
        return True
    return False


# Items that cannot be used twice --------------------------------------------------------------------------------------


def used_up(value: Any) -> str:
    """What kind of thing a value is that a call would use up, or that belongs to this process alone; else empty."""
    import inspect

    if isinstance(value, io.IOBase):
        return "an open file"
    if inspect.isgenerator(value):
        return "a generator"
    if inspect.iscoroutine(value) or inspect.isasyncgen(value):
        return "a coroutine"
    if hasattr(value, "__next__") and hasattr(value, "__iter__"):
        return f"an iterator ({type(value).__name__})"
    return ""
