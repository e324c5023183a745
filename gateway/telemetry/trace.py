"""W3C trace context: the fields that make the calls to both arms part of the client's trace.

A valid `traceparent` keeps its trace id and flags, and gets a new parent id for every upstream call. Without a valid
one a new trace starts (W3C Trace Context, section 3.2). Ids come from the fast generator, since they are not secret.
"""

import os
import random
import re

TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

_generator = random.Random()  # noqa: S311
_bits = _generator.getrandbits
# Workers are copies of one process. Without this their ids would be the same.
os.register_at_fork(after_in_child=_generator.seed)


def new_trace_id() -> str:
    """A new trace id: 32 hexadecimal digits, never all zero."""
    return f"{_bits(128) or 1:032x}"


def trace_id(traceparent: bytes) -> str:
    """The trace id of a valid traceparent."""
    return traceparent[3:35].decode("ascii")


def fields(trace: str, received: bytes, has_request_id: bool) -> bytes:
    """The field lines for one upstream call: a traceparent with the trace's id, a new parent id and the received flags
    (or "sampled"), and an X-Request-Id if the client sent none."""
    flags = received[53:55].decode("ascii") if received else "01"
    if has_request_id:
        return f"traceparent: 00-{trace}-{_bits(64) or 1:016x}-{flags}\r\n".encode("ascii")
    return f"traceparent: 00-{trace}-{_bits(64) or 1:016x}-{flags}\r\nX-Request-Id: {trace}\r\n".encode("ascii")
