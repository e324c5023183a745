"""What is known of a capability when a person moves it forward, for the record of the flip.

The evidence is in a store of its own. No lock or damage of that may hold a flip up, so it is read within a short time.
"""

from typing import Any

import orjson

from gateway.admin.base import Reports
from gateway.flips.base import Position
from gateway.own_thread import OwnThread
from gateway.stage import Stage
from shadow.report.wording import of_writes
from shadow.stores.base import StoreError

SECONDS = 2.0


async def snapshot(reports: Reports, capability: str, at: Position, *, writes: bool) -> dict[str, Any]:
    """The verdict on a step to this position, as JSON-ready values; or why it is `unread`."""
    share = at.share / 10_000 if (at.writes if writes else at.reads) is Stage.CANARY else 1.0
    reading = OwnThread(reports, capability, share)
    if not await reading.soon(SECONDS):
        return {"unread": f"the store does not answer within {SECONDS:g} s"}
    try:
        evidence = reading.result().capabilities[0].evidence
    except (StoreError, LookupError) as error:
        return {"unread": str(error)}
    found: dict[str, Any] = orjson.loads(orjson.dumps(of_writes(evidence) if writes else evidence))
    return found
