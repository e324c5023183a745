"""File descriptors: how many there are, and how many client connections they allow.

Each connection takes one. If they ran out, the kernel would drop waiting clients unanswered, upstreams could not be
called and the admin port would be silent. So some are reserved, and a client is refused when the others are in use.
"""

import resource

_MOST = 1 << 20
# What a worker has open besides connections: log, stores, pipes to the judge, the admin port and its clients.
_OWN = 64
_BACKLOG = 16, 2048


def raise_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system allows, up to a million."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """How many files this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def backlog(descriptors: int) -> int:
    """How many connections may wait to be accepted. All of them are accepted at once, before any is served."""
    return min(max(descriptors // 16, _BACKLOG[0]), _BACKLOG[1])


def clients(descriptors: int, upstreams: int) -> int:
    """How many client connections there may be beside `upstreams` connections to upstreams. Room is left for a burst
    that is accepted at once and for as many clients being refused. Upstreams get at most half of the rest."""
    left = descriptors - _OWN - 2 * backlog(descriptors)
    return max(1, left - min(upstreams, left // 2))
