"""Who asks the control side (Who), and what the roles of `control:` let them do.

Over the Unix socket the kernel says which user asks. Over TCP a bearer token says it.
"""

import grp
import hmac
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from hashlib import sha256

from gateway.config.controlling import ROLES, Controls
from gateway.flips.base import Actor

SEE = frozenset(ROLES)
"""The roles that may see stages, reports and status."""
READ = SEE - {"viewer"}
"""The roles that may read the journal."""
FLIP = frozenset({"operator"})
"""The roles that may flip and roll back."""

_UCRED = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks, by which way ("socket" or "tcp"), and in which roles. `is_known` is False for somebody without a
    token. `may_force`: they may make a step forward that the gate refuses, if they may flip."""

    name: str
    source: str
    roles: frozenset[str]
    is_known: bool = True
    may_force: bool = False

    def may(self, roles: frozenset[str]) -> bool:
        """Whether any of their roles is one of these."""
        return not self.roles.isdisjoint(roles)

    def actor(self, roles: frozenset[str]) -> Actor:
        """As an actor of the journal, in the first role that allows the act."""
        return Actor(self.name, next((one for one in ROLES if one in self.roles & roles), ""), self.source)


def of_peer(uid: int, gid: int, controls: Controls) -> Who:
    """The user at the other end of a Unix socket. Asks the system for names, so it may block."""
    try:
        entry = pwd.getpwuid(uid)
        name, groups = entry.pw_name, os.getgrouplist(entry.pw_name, gid)
    except KeyError:
        name, groups = f"uid {uid}", [gid]
    held = {name, *(f"%{_group(one)}" for one in groups)}
    return _who(name, "socket", held, controls) if controls.is_set else Who(
        name, "socket", SEE, may_force=uid in (0, os.geteuid()))


def of_token(header: str, controls: Controls) -> Who | None:
    """The holder of the token in an Authorization field; None if there is no such token."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    given = sha256(token.strip().encode()).digest()
    # All are compared, and in constant time, so that time tells nothing of them.
    found = [name for name, digest in controls.tokens.items() if hmac.compare_digest(digest, given)]
    return _who(f"token:{found[0]}", "tcp", {f"token:{found[0]}"}, controls) if found else None


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """The user and the group of the process at the other end of a Unix socket, as the kernel knows them."""
    _, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return uid, gid


def _who(name: str, source: str, held: set[str], controls: Controls) -> Who:
    roles = frozenset(role for role, holders in controls.roles.items() if not holders.isdisjoint(held))
    return Who(name, source, roles, may_force=not roles.isdisjoint(controls.force))


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
