"""Options of sockets: keep-alive, and how to close a listener without resetting connections that have begun."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from dataclasses import dataclass

# Seconds of silence before the kernel sends a probe, seconds between two probes, and how many may go unanswered before
# the connection is reset. Firewalls forget silent connections after some minutes.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))

# Not in Python's socket module (asm-generic/socket.h).
_SO_ATTACH_FILTER = 26
# Classic BPF over a TCP segment: drop a segment with SYN (the second bit of octet 13), accept any other.
_DROP_SYN = b"".join(struct.pack("=HBBI", *step) for step in (
    (0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)))


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a Unix socket that listens. Another gateway may put its own file at the same path."""

    path: str
    inode: int

    def remove(self) -> None:
        """Remove the file, if it is still the one that this listener was bound to."""
        with contextlib.suppress(OSError):
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel notice a peer that vanished without closing. Accepted connections inherit it from a listener."""
    if sock.family is socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def turn_away(listener: socket.socket, file: SocketFile | None) -> None:
    """Let no new connection begin, in any process that has the listener open.

    Connections that have begun can still be accepted: closing a listener would reset those in its queue. A client of
    a Unix socket is refused at once. A client of a port is refused when it tries for the second time, a second later,
    if the listener is closed by then. On systems other than Linux, a port is not closed to new connections.
    """
    if file is not None:
        file.remove()
    elif sys.platform == "linux":
        steps = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
        program = struct.pack("@HP", len(_DROP_SYN) // 8, ctypes.addressof(steps))
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
