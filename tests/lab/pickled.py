"""Says of many objects what the rule says of their type, and what pickling them says: run by a Python with the path of the probe's pickling.py."""

import array
import bz2
import collections
import contextvars
import copy
import csv
import ctypes
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import hashlib
import importlib.util
import io
import ipaddress
import itertools
import json
import lzma
import mmap
import operator
import pathlib
import pickle
import queue
import random
import re
import select
import socket
import sqlite3
import ssl
import struct
import sys
import threading
import time
import types
import typing
import uuid
import weakref
import xml.etree.ElementTree as ET
import zlib
from pyexpat import ParserCreate


class Plain:
    pass


class Slots:
    __slots__ = ("__private", "a")


class OneSlot:
    __slots__ = "a"  # noqa: PLC0205


class NoSlots:
    __slots__ = ()


class SlotsAndAll(Slots):
    __slots__ = ("__dict__", "__weakref__", "b", "b")


class ListedSlots:
    __slots__ = {"a": "described", "b": "too"}


@dataclasses.dataclass
class Data:
    a: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class SlottedData:
    a: int = 1


class Colour(enum.Enum):
    RED = 1


class Point(typing.NamedTuple):
    x: int = 1


class Words(list):
    pass


class Number(int):
    __slots__ = ()


class Table(dict):
    __slots__ = ()


class Named(str):  # noqa: SLOT000
    pass


class Generic(typing.Generic[typing.TypeVar("T")]):
    pass


class Error(Exception):
    pass


class Stream(io.BytesIO):
    pass


class Pair(ctypes.Structure):
    _fields_ = (("a", ctypes.c_int),)


class Connection(sqlite3.Connection):
    pass


class Local(threading.local):
    pass


class Tidy(sqlite3.Row):
    __slots__ = ()

    def __reduce__(self):
        return tuple, (tuple(self),)


class NewArguments(sqlite3.Connection):
    def __getnewargs__(self):
        return (":memory:",)


class Referenced(weakref.ref):
    pass


def of_libraries():
    """One of each type of the standard library."""
    memory = sqlite3.connect(":memory:")
    cursor = memory.execute("select 1")
    row = cursor.fetchone()
    found = [
        memory, cursor, sqlite3.Row(cursor, row), Connection(":memory:"), Tidy(cursor, row), NewArguments(":memory:"),
        threading.Lock(), threading.RLock(), Local(), re.match("a", "a"), re.compile("a"), ssl.MemoryBIO(),
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ipaddress.IPv4Address(1), decimal.Decimal("1.5"), decimal.Context(),
        fractions.Fraction(1, 2), dt.date.min, dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.UTC, collections.deque([1]),
        collections.OrderedDict(a=1), collections.Counter("a"), collections.defaultdict(int), array.array("i", [1]),
        io.BytesIO(b"a"), io.StringIO("a"), Stream(b"a"), zlib.compressobj(), zlib.decompressobj(), bz2.BZ2Compressor(),
        lzma.LZMACompressor(), lzma.LZMADecompressor(), hashlib.sha256(), hashlib.md5(), random.Random(1), struct.Struct("i"),
        mmap.mmap(-1, 1), contextvars.ContextVar("a"), contextvars.copy_context(), queue.SimpleQueue(), csv.reader([]),
        csv.writer(io.StringIO()), json.JSONEncoder(), uuid.UUID(int=1), pathlib.PurePosixPath("a"), ET.Element("a"),
        ET.TreeBuilder(), ParserCreate(), operator.itemgetter(1), functools.partial(int), itertools.pairwise([]),
        types.SimpleNamespace(a=1), types.MappingProxyType({}), types.ModuleType("a"), types.GenericAlias(list, int),
        weakref.ref(Plain), Referenced(Plain), time.gmtime(0), copy.Error(), socket.socket(),
    ]  # fmt: skip
    return [*found, *([select.epoll()] if hasattr(select, "epoll") else [])]


def of_the_language():
    """Types that are built in, and classes made of them."""
    return [
        iter([1]), range(1), slice(1), (n for n in ()), sys._getframe(), bytearray(b"a"), memoryview(b"a"), 1j, {1}, {}.keys(),
        compile("1", "a", "eval"), property(), Plain(), Slots(), OneSlot(), NoSlots(), SlotsAndAll(), ListedSlots(), Data(),
        SlottedData(), Colour.RED, Point(), Words("a"), Number(1), Table(a=1), Named("a"), Generic(), Error("a"), Pair(1),
    ]  # fmt: skip


def really(each):
    """Whether pickling it is refused."""
    try:
        pickle.dumps(each)
    except TypeError as error:
        return "cannot pickle" in str(error)
    return False


spec = importlib.util.spec_from_file_location("pickling", sys.argv[1])
probe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probe)
refused, pickled, wrong = [], [], []
for each in (*of_libraries(), *of_the_language()):
    kind = type(each)
    said, true = probe.cannot_be_pickled(kind), really(each)
    (refused if true else pickled).append(kind.__qualname__)
    if said is not true:
        wrong.append(f"{kind.__module__}.{kind.__qualname__}: the rule says {said}, pickling says {true}")
json.dump({"refused": refused, "pickled": pickled, "wrong": wrong}, sys.stdout)
