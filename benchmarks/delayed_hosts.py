"""Hosts of our own on this machine: network namespaces, whose packets we carry from one to the other after a while.

The kernel's own delay (netem) is not in every kernel; so each host has a TUN device, and a thread here hands every packet
on when its time has come. Linux, and root. Nothing of it has a name outside: it all goes with the processes that hold it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

DEVICE = "host0"
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
_LONGEST_PACKET = 2048
_IN_A_NAMESPACE = ["unshare", "--net"]

#: In the namespace of a new host: a device, whose descriptor goes to whoever carries packets; then it holds both.
_HOST = f"""
import fcntl, os, socket, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, {_TUNSETIFF}, struct.pack("16sH22x", b"{DEVICE}", {_TUN_WITHOUT_HEADER}))
for words in ("link set lo up", "addr add " + sys.argv[1] + "/24 dev {DEVICE}", "link set {DEVICE} txqueuelen 10000",
              "link set {DEVICE} up", "route add default dev {DEVICE}"):
    subprocess.run(["ip", *words.split()], check=True)
with socket.socket(fileno=int(sys.argv[2])) as line:
    socket.send_fds(line, [b"."], [tun])
sys.stdin.read()
"""


class Host(NamedTuple):
    """An address of its own, and the process that holds its namespace."""

    address: str
    holder: int

    def command(self, *words: str) -> list[str]:
        """Words to be run on it; killed with the thread that starts it."""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", "--target", f"{self.holder}", "--net", *words]


def why_not() -> str:
    """Why there can be no such hosts here; nothing where there can."""
    if sys.platform != "linux":
        return "network namespaces are of Linux"
    if os.geteuid() != 0:
        return "network namespaces take root"
    if missing := [name for name in ("ip", "nsenter", "setpriv", "unshare") if shutil.which(name) is None]:
        return f"there is no `{missing[0]}` here"
    tried = subprocess.run([*_IN_A_NAMESPACE, "test", "-c", "/dev/net/tun"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "no network namespace, or no /dev/net/tun, can be had here"


@contextlib.contextmanager
def hosts(count: int, delay_seconds: float) -> Iterator[list[Host]]:
    """So many hosts, 10.77.0.1 and on; a packet from one to another takes so long."""
    with contextlib.ExitStack() as open_:
        found, devices = [], {}
        for number in range(1, count + 1):
            address = f"10.77.0.{number}"
            holder, device = _host(address)
            open_.callback(_end, holder)
            open_.callback(os.close, device)
            found.append(Host(address, holder.pid))
            devices[address] = device
        carrier = _Carrier(devices, delay_seconds)
        open_.callback(carrier.close)
        yield found


def _host(address: str) -> tuple[subprocess.Popen[bytes], int]:
    """A process in a new namespace, which ends when its input does, and the descriptor of its device."""
    ours, its = socket.socketpair()
    with ours, its:
        command = [*_IN_A_NAMESPACE, sys.executable, "-c", _HOST, address, f"{its.fileno()}"]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[its.fileno()], start_new_session=True)
        its.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if not descriptors:
            raise OSError(f"no host could be made: exit code {holder.wait()}")
        return holder, descriptors[0]


def _end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.communicate()


class _Carrier:
    """A thread that carries packets between the devices of hosts. What goes elsewhere is dropped."""

    def __init__(self, devices: dict[str, int], delay_seconds: float) -> None:
        self._devices = {socket.inet_aton(address): device for address, device in devices.items()}
        self._delay = delay_seconds
        self._told, self._tell = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Carry no more."""
        os.close(self._tell)
        self._thread.join()
        os.close(self._told)

    def _carry(self) -> None:
        waiting: deque[tuple[float, int, bytes]] = deque()  # all take as long, so they are in order
        poll = select.epoll()
        for device in (*self._devices.values(), self._told):
            poll.register(device, select.EPOLLIN)
        with contextlib.closing(poll):
            while True:
                until = max(0.0, waiting[0][0] - time.monotonic()) if waiting else -1
                for device, _ in poll.poll(until):
                    if device == self._told:
                        return
                    packet = os.read(device, _LONGEST_PACKET)
                    to = self._devices.get(packet[16:20])
                    if packet[0] >> 4 == 4 and to is not None:
                        waiting.append((time.monotonic() + self._delay, to, packet))
                while waiting and waiting[0][0] <= time.monotonic():
                    _, to, packet = waiting.popleft()
                    with contextlib.suppress(OSError):  # it is going down
                        os.write(to, packet)
