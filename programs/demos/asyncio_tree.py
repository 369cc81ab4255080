"""Reading `python -m asyncio ps` and `pstree`: who waits for whom in a program that hangs.

    python3.14 asyncio_tree.py                                    Python 3.14 or later

It starts a program in which one task is done and two never will be, and looks at it from outside. Look at the tree: the
tasks that are left, each with the coroutines it is in, down to what it waits for: `Queue.get`, which nobody feeds, and
`Event.wait`, which nobody sets. The task that is done is not there. To look into another process takes the right to
debug it: on Linux the same user and kernel.yama.ptrace_scope = 0, or root (CAP_SYS_PTRACE); on macOS root.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys


async def agent(name: str, inbox: asyncio.Queue[str], end: asyncio.Event) -> None:
    if name == "quick":
        return  # done
    if name == "starved":
        await next_message(inbox)
    await end.wait()


async def next_message(inbox: asyncio.Queue[str]) -> str:
    return await inbox.get()  # nobody puts anything in


async def hang() -> None:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    end = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in ("quick", "starved", "patient"):
            group.create_task(agent(name, inbox, end), name=name)
        await asyncio.sleep(0.1)
        print("hanging", flush=True)


def look() -> int:
    """Start the program, show what both commands say about it, and end it."""
    if sys.version_info < (3, 14):
        print(f"`python -m asyncio ps` and `pstree` are new in Python 3.14; this is {sys.version.split()[0]}")
        return 0
    with subprocess.Popen([sys.executable, __file__, "hang"], stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            program.stdout.readline()  # it hangs now
            for tool in ("pstree", "ps"):
                command = [sys.executable, "-m", "asyncio", tool, str(program.pid)]
                print("$", *command, flush=True)
                if subprocess.run(command, check=False).returncode:
                    print("not allowed? `sudo` before the command, or the rights that the text above names")
        finally:
            program.kill()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(hang()) if "hang" in sys.argv else look())
