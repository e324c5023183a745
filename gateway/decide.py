"""Decides which arm serves an admitted call, and which is asked in the shadow. Pure: the roll is passed in.

Only this file decides from the request whether an exchange is mirrored, so the pipeline, `figway explain` and the lane
agree. The Witness (gateway/mirroring.py) handles reasons that appear later, such as a body that is too large.

The split is stateless and sticky: bucket = SHA-256(salt ":" key) mod 10,000, and modern serves if bucket < share.
A raised share moves keys to modern, and none back. At share 0, or at a stage without a split, keys do not count.
"""

from hashlib import sha256
from typing import NamedTuple

from gateway.call import Admitted, Call, Head
from gateway.capability import Arm, Capability, Split
from gateway.conditions import query_values


class Decision(NamedTuple):
    """The arms for one call: `serve` answers the client, `mirror` (or None) is asked in the shadow, and `fallback` (or
    None) answers if `serve` fails. `skipped` is why a mirror that was due is left out ("not_sampled", "loop" …),
    or "" if none was due or one is sent. `reason` says what chose `serve`."""

    admitted: Admitted
    serve: Arm
    mirror: Arm | None
    fallback: Arm | None
    skipped: str
    reason: str

    @property
    def sampled(self) -> bool:
        """Whether the sample includes this call; True too if no mirror is due."""
        return self.skipped != "not_sampled"

    @property
    def log_reason(self) -> str:
        """The reason without the bucket: few people share a bucket, so it could tell who asked."""
        return self.reason if self.reason == "stage" else self.reason.partition(":")[0]


def bucket(salt: str, key: str) -> int:
    """The bucket of a key, 0 to 9,999: SHA-256(salt ":" key) mod 10,000. Every replica computes the same, always."""
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
            return _cookie(call, name.encode())
        case "query":
            values = query_values(call.request.query, name.encode())
            return values[0].decode("latin-1") if values else None
        case "path":
            return call.params.get(name)
        case _:
            return call.client


def _cookie(call: Call, name: bytes) -> str | None:
    # Not http.cookies: it gives up on the whole field at the first cookie that it does not like.
    for field in call.request.headers.get_all(b"cookie"):
        for pair in field.split(b";"):
            key, _, value = pair.strip().partition(b"=")
            if key == name:
                return value.strip(b'"').decode("latin-1")
    return None


def _placed(number: int, share: int) -> str:
    """Why a key's bucket is served as it is: "split: bucket 8063, modern below 2500"."""
    return f"split: bucket {number}, modern below {share}"


def _split(split: Split, call: Call, roll: float) -> tuple[str, str]:
    if split.share == 0:
        # Share 0 is a rollback: it overrides stickiness and `on_missing: modern`.
        return "legacy", "split: share 0"
    key = sticky_key(split, call)
    if key is not None:
        number = bucket(split.salt, key)
        return ("modern" if number < split.share else "legacy"), _placed(number, split.share)
    if split.on_missing == "random":
        return ("modern" if roll * 10_000 < split.share else "legacy"), "split: no key, at random"
    return split.on_missing, "split: no key"


def decide(
    admitted: Admitted, capability: Capability, roll: float, head: Head, kept: str = "", *, logged_in: bool = False,
) -> Decision:
    """The decision for one admitted call; `roll` is uniform in [0, 1), `head` the request's. `kept` is the arm at which
    the client's connection is logged in for this capability: that arm serves while any share goes to modern.
    `logged_in` says whether the connection is logged in at either arm."""
    call = admitted.call
    roles = capability.roles(safe=call.safe)
    serve, reason = roles.serve, "stage"
    if serve == "split":
        # The configuration does not compile a canary without a split.
        split = capability.split
        if kept and split is not None and split.share:
            serve, reason = kept, "split: logged in"
        else:
            serve, reason = _split(split, call, roll) if split is not None else ("legacy", "no split")
    legacy, modern = capability.legacy, capability.modern
    arm, other = (legacy, modern) if serve == "legacy" else (modern, legacy)
    if arm is None:
        raise ValueError(f"capability {capability.name} has no {serve} arm")
    mirror, skipped = None, ""
    if roles.mirror and other is not None and (plan := capability.shadow) is not None:
        # A random split uses the roll's high digits, so sampling uses lower ones.
        if plan.sample >= 1.0 or (roll * 1_000_003) % 1.0 < plan.sample:
            skipped = _unmirrored(head, capability, logged_in=logged_in)
            mirror = None if skipped else other
        else:
            skipped = "not_sampled"
    fallback = legacy if roles.fallback and serve == "modern" else None
    return Decision(admitted, arm, mirror, fallback, skipped, reason)


def _unmirrored(head: Head, capability: Capability, *, logged_in: bool) -> str:
    """Why a request must not be mirrored, by its head and its connection; "" if it may be."""
    if head.shadow:
        # It is a mirror itself.
        return "loop"
    if head.upgrade and capability.upgrade:
        return "upgraded"
    if head.logs_in or logged_in:
        # A mirror goes over another connection, where the client is not logged in.
        return "connection_auth"
    return ""


def passing_by(decision: Decision) -> Decision:
    """The decision if the arm that would serve is ejected: its fallback serves instead. The ejected arm is still asked
    in the shadow, like any arm that does not serve, so that its answers are judged."""
    if decision.fallback is None:
        return decision
    mirror = decision.serve if decision.mirror is not None else None
    return decision._replace(serve=decision.fallback, mirror=mirror, fallback=None, reason="ejected")
