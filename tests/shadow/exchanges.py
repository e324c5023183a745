"""Observations, pairs and mirrors, made short."""

import asyncio
import json

from adapters.message import Headers, Request
from shadow.compare.pair import Pair
from shadow.lane.mirror import Mirror
from shadow.observation import Failure, Observation
from shadow.plan import ShadowPlan
from shadow.settings import NEVER


def answer(arm, body=b"{}", status=200, content_type="application/json", failure=None, complete=True, **headers):
    """One arm's observation. A body that is not bytes is written as JSON; `failure` is its kind."""
    fields = [(b"Content-Type", content_type.encode())] if content_type else []
    fields += [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Observation(arm, 0.01, status, Headers(fields), raw, failure and Failure(failure), complete)


def pair(legacy, modern):
    """A pair of two observations, or of two bodies."""
    sides = ("legacy", legacy), ("modern", modern)
    control, candidate = (one if isinstance(one, Observation) else answer(arm, one) for arm, one in sides)
    return Pair("results", "read", Request("GET", b"/", Headers()), control, candidate, "trace", 1.0)


def mirror(body=b"{}", ask="modern", way=None, deadline=5.0, operation="read", recheck=NEVER, **plan):
    """A mirror of an exchange that the other arm than `ask` served with `body`; `plan` is more of its
    ShadowPlan."""
    served = answer("legacy" if ask == "modern" else "modern", body)
    return Mirror("results", operation, Request("GET", b"/", Headers()), served, ask, "trace", 1.0, way,
                  ShadowPlan(1.0, deadline=deadline, recheck=recheck, **plan))


def later(heard, said, turns=1):
    """Answer a call that the lane makes, some turns of the event loop from now. Returns how to cancel that."""
    loop = asyncio.get_running_loop()

    def turn(left):
        nonlocal handle
        if left:
            handle = loop.call_soon(turn, left - 1)
        else:
            heard(said)

    handle = loop.call_soon(turn, turns - 1)
    return lambda: handle.cancel()
