"""Which process of a peer serves which connections, from /proc: how connections spread over workers."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.measure import PROC, family

ESTABLISHED, LISTEN = 0x01, 0x0A


@dataclass(frozen=True, slots=True)
class Tcp:
    """One line of /proc/net/tcp (proc(5)): the local port, the state, and the inode that a file descriptor names."""

    port: int
    state: int
    inode: int


def parse_tcp(text: str) -> list[Tcp]:
    lines = (line.split() for line in text.splitlines()[1:])
    return [Tcp(int(one[1].rpartition(":")[2], 16), int(one[3], 16), int(one[9])) for one in lines]


def at(port: int, state: int) -> set[int]:
    """The inodes of the sockets at this local port in this state."""
    return {one.inode for one in parse_tcp((PROC / "net" / "tcp").read_text())
            if (one.port, one.state) == (port, state)}


def held(pid: int) -> set[int]:
    """The inodes of the sockets that a process has open."""
    found = set()
    try:
        for name in os.listdir(PROC / str(pid) / "fd"):
            socket = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(PROC / str(pid) / "fd" / name))
            if socket is not None:
                found.add(int(socket[1]))
    except OSError:  # it has ended, or closed this one
        pass
    return found


def workers(root: int, port: int) -> list[int]:
    """The processes that serve: those below `root` that listen on `port`, or `root` itself if it is alone."""
    listening = at(port, LISTEN)
    return [stat.pid for stat in family(root)[1:] if held(stat.pid) & listening] or [root]


def connections(pids: Sequence[int], port: int) -> list[int]:
    """How many clients each of these processes serves on `port`."""
    open_now = at(port, ESTABLISHED)
    return [len(held(pid) & open_now) for pid in pids]


def unevenness(counts: Sequence[int]) -> float:
    """The most that one worker has, divided by the mean: 1 where all have the same. 0 if there are no connections."""
    return max(counts) * len(counts) / sum(counts) if sum(counts) else 0.0
