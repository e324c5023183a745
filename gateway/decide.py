"""Who serves an admitted call and who is asked in the shadow. Pure: the roll is passed in.

The split is stateless and sticky: bucket = SHA-256(salt ":" key) mod 10,000, modern where bucket < share.
A raised share moves keys to modern and none back; at share 0, or a stage that does not split, no key stays.
"""

from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qs

from gateway.call import Admitted, Call
from gateway.routing import Arm, Capability, Split


class Decision(NamedTuple):
    """One call's way: `serve` answers the client, `mirror` (or None) is asked in the shadow, `fallback` (or None)
    answers if `serve` fails. `sampled` is False where a mirror would be due but the sample left this call out."""

    admitted: Admitted
    serve: Arm
    mirror: Arm | None
    fallback: Arm | None
    reason: str
    sampled: bool = True


def bucket(salt: str, key: str) -> int:
    """0 to 9,999: where a key stands. The same on every replica and for ever: SHA-256(salt ":" key) mod 10,000."""
    return int.from_bytes(sha256(f"{salt}:{key}".encode()).digest()) % 10_000


def sticky_key(split: Split, call: Call) -> str | None:
    """The first of the split's key sources that the call has, or None."""
    for source in split.sticky:
        kind, _, name = source.partition(":")
        value = _lookup(kind, name, call)
        if value:
            return value
    return None


def _lookup(kind: str, name: str, call: Call) -> str | None:
    match kind:
        case "claim":
            # Only verified claims: without a principal there are none.
            value = call.principal.claims.get(name) if call.principal else None
            return None if value is None else str(value)
        case "header":
            raw = call.request.headers.get(name.lower().encode("latin-1"))
            return None if raw is None else raw.decode("latin-1")
        case "cookie":
            try:
                jar = SimpleCookie((call.request.headers.get(b"cookie") or b"").decode("latin-1"))
            except CookieError:
                return None
            return jar[name].value if name in jar else None
        case "query":
            values = parse_qs(call.request.query.decode("latin-1")).get(name)
            return values[0] if values else None
        case "path":
            return call.params.get(name)
        case _:
            return call.client


def _split(split: Split, call: Call, roll: float) -> tuple[str, str]:
    key = sticky_key(split, call)
    if key is not None:
        place = bucket(split.salt, key)
        return ("modern" if place < split.share else "legacy"), f"split: bucket {place} of share {split.share}"
    if split.on_missing == "random":
        return ("modern" if roll * 10_000 < split.share else "legacy"), "split: no key, at random"
    return split.on_missing, "split: no key"


def decide(admitted: Admitted, capability: Capability, roll: float) -> Decision:
    """The decision for one admitted call; `roll` is uniform in [0, 1)."""
    call = admitted.call
    roles = capability.roles(safe=call.safe)
    serve, reason = roles.serve, "stage"
    if serve == "split":
        # The configuration does not compile a canary without a split.
        serve, reason = _split(capability.split, call, roll) if capability.split else ("legacy", "no split")
    legacy, modern = capability.legacy, capability.modern
    arm, other = (legacy, modern) if serve == "legacy" else (modern, legacy)
    if arm is None:
        raise ValueError(f"capability {capability.name} has no {serve} arm")
    plan = capability.shadow
    mirror, sampled = None, True
    if roles.mirror and plan is not None and other is not None:
        # The split spends the roll's high digits where it is random; sampling takes digits of its own.
        sampled = plan.sample >= 1.0 or (roll * 1_000_003) % 1.0 < plan.sample
        mirror = other if sampled else None
    return Decision(admitted, arm, mirror, legacy if roles.fallback and serve == "modern" else None, reason, sampled)
