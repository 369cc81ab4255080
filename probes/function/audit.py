"""What calls touch: the events that Python reports of files, sockets, child processes, databases and sleeping."""

from __future__ import annotations

import sys
import time
from typing import Any

from . import where
from .channel import Channel
from .state import installed
from .subject import Subject

#: Event of sys.addaudithook -> (as we say it, the kind of waiting that it may be).
EVENTS = {
    "open": ("open read", "disk"),
    "socket.connect": ("socket.connect", "network"),
    "socket.getaddrinfo": ("getaddrinfo", "network"),
    "socket.gethostbyname": ("getaddrinfo", "network"),
    "socket.sendto": ("socket.sendto", "network"),
    "urllib.Request": ("urllib", "network"),
    "http.client.connect": ("http.client", "network"),
    "ftplib.connect": ("ftplib", "network"),
    "smtplib.connect": ("smtplib", "network"),
    "sqlite3.connect": ("sqlite3.connect", "database"),
    "subprocess.Popen": ("subprocess", "subprocess"),
    "os.system": ("subprocess", "subprocess"),
    "os.posix_spawn": ("subprocess", "subprocess"),
    "os.fork": ("fork", "subprocess"),
    "time.sleep": ("time.sleep", "sleep"),
    "os.listdir": ("listdir", "disk"),
    "os.scandir": ("scandir", "disk"),
    "os.remove": ("remove", "disk"),
    "os.rename": ("rename", "disk"),
    "os.mkdir": ("mkdir", "disk"),
    "shutil.copyfile": ("copyfile", "disk"),
    "mmap.__new__": ("mmap", "disk"),
    "_thread.start_new_thread": ("thread", ""),
    "_thread.start_joinable_thread": ("thread", ""),
}
#: Modules that talk to others, whose asynchronous twins can be looked up.
CLIENTS = (
    "requests", "httpx", "aiohttp", "urllib3", "http.client", "urllib.request", "ftplib", "smtplib", "imaplib", "paramiko", "boto3", "botocore",
    "psycopg2", "psycopg", "asyncpg", "pymysql", "MySQLdb", "mysql.connector", "pymongo", "motor", "redis", "valkey", "sqlalchemy", "sqlite3",
    "aiosqlite", "oracledb", "pyodbc", "elasticsearch", "opensearchpy", "cassandra", "kafka", "confluent_kafka", "pika", "grpc", "zeep",
    "google.cloud.storage", "azure.storage.blob", "minio", "openai", "anthropic", "websocket", "websockets", "ldap3", "dns", "clickhouse_connect",
)  # fmt: skip
_NOT_FILES = ("/proc/", "/sys/", "/dev/")
_CODE = (".pyc", ".so", ".pyd", ".dll")
MOST_CALLS = 10


class Watch:
    """Counts events while it is on. A hook cannot be removed, so it comes last."""

    def __init__(self) -> None:
        self.on = False
        self.seen: dict[str, int] = {}
        self.kinds: set[str] = set()
        self.paths: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: Any) -> None:
        if self.on and event in EVENTS:
            self.note(event, args)

    def note(self, event: str, args: Any) -> None:
        """Count one event; a file is what is neither a device nor belongs to a library."""
        name, kind = EVENTS[event]
        if event == "open":
            path = str(args[0])
            if isinstance(args[0], int) or path.startswith(_NOT_FILES) or path.endswith(_CODE) or installed(path):
                return
            if writes(args[1], args[2]):
                name = "open write"
            if len(self.paths) < 5 and path not in self.paths:
                self.paths.append(path[:200])
        if event == "socket.connect" and isinstance(args[1], (str, bytes)):
            name = "socket.connect local"
        self.seen[name] = self.seen.get(name, 0) + 1
        if kind:
            self.kinds.add(kind)


def writes(mode: Any, flags: Any) -> bool:
    """Whether a file is opened for writing, by the mode of `open` or the flags of `os.open`."""
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & 3)


def measure(subject: Subject, channel: Channel, seconds: float) -> dict[str, Any]:
    """Some calls, watched."""
    watch = Watch()
    with where.Looks() as looks:
        watch.on = True
        calls = _call(subject, channel, seconds)
        watch.on = False
    loaded = [name for name in CLIENTS if name in sys.modules]
    places = where.shares(looks.seen)
    return {
        "audit": {name: round(count / calls, 2) for name, count in sorted(watch.seen.items())},
        "audit_calls": calls,
        "audit_paths": watch.paths,
        "where": places,
        "io_seen": sorted(watch.kinds | where.kinds(places)),
        "clients": loaded,
    }


def _call(subject: Subject, channel: Channel, seconds: float) -> int:
    """Call for some time, with other items each time; how often."""
    end, calls = time.monotonic() + seconds, 0
    while calls < min(MOST_CALLS, max(2, len(subject.items))) and (time.monotonic() < end or not calls):
        channel.beat()
        subject.attempt(calls % len(subject.items))
        calls += 1
    return calls
