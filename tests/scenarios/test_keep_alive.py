"""TCP keep-alive: the kernel asks silent peers on both sides whether they are still there."""

import sys
from pathlib import Path

import pytest

from tests.backends.upstream import until
from tests.backends.wire import request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of sockets' timers on Linux only")


def timers(*, local=None, remote=None):
    """(timer, seconds until it is due) of every established TCP connection from or to a port of this machine."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        here, there = (int(place.rpartition(":")[2], 16) for place in row[1:3])
        if row[3] == "01" and (here if local else there) == (local or remote):
            kind, _, due = row[5].partition(":")
            found.append((kind, int(due, 16) / 100))
    return found


def test_both_sides_of_a_silent_connection_are_watched(plain, legacy):
    def watched(**port):
        # 02 is the keep-alive timer; a connection that has just spoken may have another one for a moment.
        return any(kind == "02" and 0 <= due <= 60 for kind, due in timers(**port))

    wire = plain.connect()
    assert wire.send(request("GET", "/")).read_reply().status == 200
    until(lambda: watched(local=plain.port), "client connections are not watched")
    until(lambda: watched(remote=legacy.port), "upstream connections are not watched")
    assert wire.send(request("GET", "/")).read_reply().status == 200
