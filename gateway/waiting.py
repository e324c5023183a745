"""Waits for a policy that cannot decide at once. This is the only task that a request may need."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.call import Admitted, Refused


async def wait(
    admission: Awaitable[Admitted | Refused], heard: Callable[[Admitted | Refused], None],
    crashed: Callable[[Exception], None],
) -> None:
    """Wait for the admission, and pass it to `heard`. This is the body of a task. If the policy's own work was
    cancelled and not this task, the call is refused because the policy cannot be checked."""
    try:
        try:
            outcome = await admission
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            outcome = Refused("policy_unavailable", "")
        heard(outcome)
    except Exception as error:
        crashed(error)
