"""Who asks: the client of a call, and the groups that it belongs to, as shadow.gate.groups declares them.

The lane makes tokens of these names. No name is stored.
"""

from collections.abc import Sequence

from gateway.call import Call


def members(groups: Sequence[tuple[str, str, str]], call: Call) -> tuple[tuple[str, str], ...]:
    """The name of the client, and of each group that can be told, after its dimension. `groups` are as in
    shadow.plan.ShadowPlan."""
    return tuple([(dimension, found) for dimension, kind, name in groups if (found := _name(kind, name, call))])


def _name(kind: str, name: str, call: Call) -> str:
    match kind:
        case "client":
            return call.client if call.principal is None else f"{call.principal.scheme} {call.principal.subject}"
        case "claim":
            claim = call.principal.claims.get(name) if call.principal is not None else None
            return str(claim) if isinstance(claim, str | int) else ""
        case "header":
            return (call.request.headers.get(name.lower().encode()) or b"").decode("latin-1")
        case "parameter":
            return call.params.get(name, "")
    raise ValueError(f"there are no groups by {kind}")
