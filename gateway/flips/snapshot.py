"""What is known of a capability when it moves forward: the answer of `figway gate`, for the decision and its record.

The evidence is in a store of its own. It is read in a thread, and within a short time: no lock or damage of that store
may hold up a worker, or a flip that is forced.
"""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.flips.gates import Step
from gateway.own_thread import OwnThread
from shadow.report.report import Report
from shadow.report.wording import of_writes
from shadow.stores.base import StoreError

SECONDS = 5.0


async def snapshot(reports: Callable[[str, float], Report], capability: str, step: Step) -> dict[str, Any]:
    """The verdict on a step, as JSON-ready values; or why it is `unread`. `reports` gives the report of a capability,
    with the verdict on a step to a share of clients."""
    reading = OwnThread(reports, capability, step.share or 1.0)
    if not await reading.soon(SECONDS):
        return {"unread": f"the store does not answer within {SECONDS:g} s"}
    try:
        evidence = reading.result().capabilities[0].evidence
    except (StoreError, LookupError) as error:
        return {"unread": str(error)}
    found: dict[str, Any] = orjson.loads(orjson.dumps(evidence if step.share else of_writes(evidence)))
    return found
