"""The contract of a policy: admit a call or refuse it.

A policy is built from its `Options` (a frozen dataclass, decoded strictly by the configuration) and registered
under the entry-point group `figway.policies`. `gateway.policies.testing.check_policy` is what each must satisfy.
Where it looks at fields that hold no credentials, an attribute `reads` holds their lower-case names: a field whose name
some servers cannot tell from one of them is then kept from upstreams.
"""

from collections.abc import Awaitable
from typing import Any, ClassVar, Protocol, TypeAlias

from gateway.call import Call, Refused

Verdict: TypeAlias = Refused | None


class Policy(Protocol):
    """Admits or refuses calls. One instance serves every call of a route table, from one event loop."""

    Options: ClassVar[type[Any]]
    credentials: tuple[bytes, ...]
    """Lower-case names of the request fields that it takes credentials from: a mirror leaves them out."""

    def __init__(self, name: str, options: Any) -> None:
        """`name` is the key under `policies`. Raises ValueError where the options contradict each other.
        No I/O here: what must be fetched is fetched when first needed."""
        ...

    def admit(self, call: Call) -> Verdict | Awaitable[Verdict]:
        """None to admit, or the refusal. Answers at once where it can: an awaitable is for what must wait
        (keys to be fetched), since every await on the hot path is paid by every request. `async def` fits too."""
        ...

    async def close(self) -> None:
        """Let go of what the policy holds (clients, tasks). The table that owned it has been replaced."""
        ...
