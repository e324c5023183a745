"""Sockets to listen at: bound to an address, or refused with a reason."""

import os
import socket
import stat
from pathlib import Path

from gateway.edges.http1 import descriptors
from gateway.sockets import keep_alive


class ListenError(Exception):
    """The gateway cannot listen on an address. The message names it and says why."""


def shown(address: tuple[str, int] | str) -> str:
    """An address as people write it."""
    if isinstance(address, str):
        return address
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _family(address: tuple[str, int] | str) -> socket.AddressFamily:
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def bind(address: tuple[str, int] | str, *, shared: bool = False) -> socket.socket:
    """A socket at this address. It listens at once, so that no other process can take the address. A shared one does
    not: each worker listens on a socket of its own."""
    where = shown(address)
    sock = socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        if isinstance(address, str):
            _remove_socket(address)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keep_alive(sock)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        if not shared:
            sock.listen(descriptors.backlog(descriptors.limit()))
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from None
    return sock


def bind_door(path: Path, *, everybody: bool) -> socket.socket | None:
    """A Unix socket for commands, that nobody but this process's user can open until `let_in`; None if there can be
    none. Its path may be longer than that of a socket: it is bound by its folder."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _remove_socket(str(path))
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        sock.listen()
        let_in(path, everybody=everybody)
    except (OSError, ListenError):
        sock.close()
        return None
    finally:
        os.umask(before)
    return sock


def let_in(path: Path, *, everybody: bool) -> None:
    """Let every user of the machine open a Unix socket, or its owner alone. Raises OSError."""
    os.chmod(path, 0o666 if everybody else 0o600)


def _remove_socket(path: str) -> None:
    """Remove the file of a socket that another gateway left behind, or that this gateway takes over. Raises ListenError
    if the file is not a socket."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(f"cannot listen on {path}: the file exists and is not a socket")
    os.unlink(path)
