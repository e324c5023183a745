"""File descriptors: how many there are, and how many client connections that leaves room for.

Each connection takes one. Where they run out the kernel's queue is emptied unanswered, upstreams cannot be called and
the admin port is silent; so some are kept, and whoever comes past the rest is told so and closed.
"""

import resource

_MOST = 1 << 20
# What a worker has open besides connections: log, stores, the judge's pipes, the admin port and those who ask it.
_OWN = 64
_BACKLOG = 16, 2048


def raise_limit() -> None:
    """Let this process, and those that it starts, have as many as the system lets it, up to a million."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """How many this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def backlog(descriptors: int) -> int:
    """How many connections may wait to be accepted. All of them are accepted at once, before any is looked at."""
    return min(max(descriptors // 16, _BACKLOG[0]), _BACKLOG[1])


def clients(descriptors: int, upstreams: int) -> int:
    """How many client connections there is room for beside `upstreams` connections to upstreams, which get half of
    what is left at most. A burst that is accepted at once, and as many that are being turned away, fit in as well."""
    left = descriptors - _OWN - 2 * backlog(descriptors)
    return max(1, left - min(upstreams, left // 2))
