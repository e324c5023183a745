"""The contract of a policy: admit a call or refuse it.

A policy is made from its `Options`, a frozen dataclass that the configuration decodes strictly. It is registered under
the entry-point group `figway.policies`. `gateway.policies.testing.check_policy` is what each policy must satisfy.

A policy that looks at fields without credentials in them has an attribute `reads` with their lower-case names. Other
fields, whose names some servers take for one of those, are then not sent to upstreams.

If the constructor has a parameter `services`, it gets a gateway.services.Services: clocks, state, and upstreams to ask.
"""

from collections.abc import Awaitable
from typing import Any, ClassVar, Protocol, TypeAlias

from gateway.call import Call, Refused

Verdict: TypeAlias = Refused | None


class Policy(Protocol):
    """Admits or refuses calls. One instance serves all calls of a route table, from one event loop."""

    Options: ClassVar[type[Any]]
    credentials: tuple[bytes, ...]
    """Lower-case names of the request fields from which it takes credentials. Mirrors are sent without them."""

    def __init__(self, name: str, options: Any) -> None:
        """`name` is the policy's key under `policies` in routes.yaml.

        Raises ValueError if the options contradict each other. Does no I/O: a policy fetches what it needs on first
        use.
        """
        ...

    def admit(self, call: Call) -> Verdict | Awaitable[Verdict]:
        """Return None to admit the call, or the refusal; or an awaitable of either, if the policy must wait.

        A policy that can answer at once should do so, since every request pays for an await. `async def` fits too.
        """
        ...

    async def close(self) -> None:
        """Release what the policy holds (clients, tasks). The table that it belonged to has been replaced."""
        ...
