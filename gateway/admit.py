"""Admits a call: asks the policies of its capability in turn. Only this file makes an Admitted (a test makes sure).

Policies that decide at once cost no task: the result is an awaitable only if a policy has to wait.
"""

from collections.abc import Awaitable

from gateway.call import Admitted, Call, Refused
from gateway.policies.base import Policy, Verdict


def admit(call: Call, policies: tuple[Policy, ...]) -> Admitted | Refused | Awaitable[Admitted | Refused]:
    """Return Admitted if every policy admits the call, else the first refusal; awaitable if a policy must wait."""
    if not policies:
        return Admitted(call)
    for at, policy in enumerate(policies, 1):
        verdict = policy.admit(call)
        if verdict is None:
            continue
        return verdict if isinstance(verdict, Refused) else _admit_later(verdict, call, policies[at:])
    return Admitted(call)


async def _admit_later(verdict: Awaitable[Verdict], call: Call, rest: tuple[Policy, ...]) -> Admitted | Refused:
    """Wait for one policy's verdict, then ask the rest."""
    refused = await verdict
    if refused is not None:
        return refused
    result = admit(call, rest)
    return result if isinstance(result, Admitted | Refused) else await result
