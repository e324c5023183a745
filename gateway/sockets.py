"""What sockets are told beyond reading and writing: keep-alive, and how a listener ends so that nobody is cut off."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from dataclasses import dataclass

# Seconds of silence before the kernel asks whether the peer is still there, seconds between two questions, and how
# many go unanswered before the connection is reset. Firewalls forget silent connections after some minutes.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))

# Not in Python's socket module (asm-generic/socket.h).
_SO_ATTACH_FILTER = 26
# Classic BPF over a TCP segment: a segment with SYN (the second bit of octet 13) is dropped, all else is taken.
_DROP_SYN = b"".join(struct.pack("=HBBI", *step) for step in (
    (0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)))


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a Unix socket that listens, as it was bound: another gateway may take over its path."""

    path: str
    inode: int

    def remove(self) -> None:
        """Remove the file, if it is still the one that was bound."""
        with contextlib.suppress(OSError):
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel find out about a peer that vanished in silence. A listener passes this on to what it accepts."""
    if sock.family is socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def turn_away(listener: socket.socket, file: SocketFile | None) -> None:
    """Let no new connection begin, in whichever process the listener is open, while those that have begun can still be
    accepted: what is in the queue when a listener closes is reset. Who is turned away from a Unix socket knows at
    once, else when it asks for the second time, a second later, and the listener is closed.

    Where the system cannot do that (it takes Linux), nothing happens."""
    if file is not None:
        file.remove()
    elif sys.platform == "linux":
        steps = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
        program = struct.pack("@HP", len(_DROP_SYN) // 8, ctypes.addressof(steps))
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
