"""Functions that wait, each for something else."""

import asyncio
import hashlib
import os
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time

ITEMS = list(range(40))
HERE = os.path.dirname(os.path.abspath(__file__))


def naps(number):
    """20 ms of sleep."""
    time.sleep(0.02)
    return number


def uneven(number):
    """Takes nothing for most items, and 0.3 s for one."""
    if number == 5:
        time.sleep(0.3)
    return number


WARM = []


def warms_up(number):
    """Takes 1.2 s the first time, then nothing."""
    if not WARM:
        time.sleep(1.2)
        WARM.append(number)
    return number


def naps_and_computes(number):
    """10 ms of sleep, then some computing."""
    time.sleep(0.01)
    return sum(step * step for step in range(40_000)) + number


def reads(number):
    """Reads a file from the page cache."""
    with open(os.path.join(HERE, "computing.py"), "rb") as stream:
        return hashlib.sha256(stream.read() * 40).hexdigest() + str(number)


def queries(number):
    """A query on a database of its own."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a integer)")
    connection.executemany("insert into t values (?)", ((step,) for step in range(2000)))
    found = connection.execute("select sum(a) from t where a % 7 = ?", (number % 7,)).fetchone()[0]
    connection.close()
    return found


def child(number):
    """Has a child process compute."""
    code = "print(sum(range(300000)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True)
    return int(done.stdout) + number


class _Slow(socketserver.BaseRequestHandler):
    """Answers after 15 ms."""

    def handle(self):
        self.request.recv(16)
        time.sleep(0.015)
        self.request.sendall(b"answer")


PORT = 0


def serve():
    """The set-up of `asks`: a server in this process."""
    global PORT
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Slow)
    server.daemon_threads = True
    PORT = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    time.sleep(0.3)


def asks(number):
    """Asks a server on this machine, which takes 15 ms."""
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(b"question")
        return connection.recv(16).decode() + str(number)


async def waits_async(number):
    """10 ms of waiting that leaves the loop to others."""
    await asyncio.sleep(0.01)
    return number


async def blocks_async(number):
    """Blocks the loop for 25 ms, then waits for 5."""
    time.sleep(0.025)
    await asyncio.sleep(0.005)
    return number


def gives_awaitable(number):
    """A plain function that gives a coroutine."""
    return waits_async(number)
