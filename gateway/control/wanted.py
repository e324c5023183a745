"""Reads what a command wants (Wanted), and makes a Flip of it for one capability. Raises BadFlip, in one line each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import units
from gateway.capability import Capability
from gateway.config.problem import did_you_mean
from gateway.flips.base import Actor, BadFlip, Flip, Kind, Stand
from gateway.flips.precedence import position
from gateway.flips.reasons import LONGEST, kept
from gateway.stage import WRITES, Stage

FILE = "file"
"""In place of a stage: end the override."""

_WHOLE = 10_000
_KEYS = {"kind": str, "capability": str, "to": str, "side": str, "percent": str, "reason": str, "expires": str,
         "revision": int, "correlation": str, "force": bool}
_WANTS = {str: "text", int: "a number", bool: "true or false"}
_KINDS = {Kind.FLIP, Kind.ROLLBACK, Kind.RESUME}
_SIDES = ("reads", "writes", "both")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A wanted flip as it was sent. `to` is a stage, FILE or "" for none; `side` is "reads", "writes" or "both";
    `share` is in 1/10,000, `lasts` in seconds; `reason` is as it may be kept; `forces`: the step is
    to be made whatever the gate says."""

    kind: Kind
    capability: str
    to: str
    side: str
    share: int | None
    lasts: float | None
    reason: str
    revision: int | None
    correlation: str
    forces: bool

    def flip(self, actor: Actor, capability: Capability, stand: Stand) -> Flip:
        """The flip of this capability, which stands at `stand`. Raises BadFlip."""
        if self.kind is Kind.RESUME or self.to == FILE:
            kind = Kind.RESUME if self.kind is Kind.RESUME else Kind.TO_FILE
            return self._made(kind, actor, None, None)
        if self.kind is Kind.ROLLBACK:
            reads = Stage(self.to or "legacy")
            writes = reads if reads in WRITES else Stage.LEGACY
            return self._made(Kind.ROLLBACK, actor, reads if self.side != "writes" else None,
                              writes if self.side != "reads" else None)
        to = Stage(self.to) if self.to else None
        if to is Stage.RETIRED:
            return self._made(Kind.FLIP, actor, to, to)
        if self.side == "writes" and to is not None and to not in WRITES:
            raise BadFlip(f"writes have no stage {to}: they can be at {', '.join(WRITES)}")
        at = position(stand)
        if self.share is not None:
            if capability.split is None:
                raise BadFlip(f"{self.capability} has no `split` in routes.yaml, so a percentage means nothing")
            stays = at.writes if self.side == "writes" else at.reads
            if (to or stays) is not Stage.CANARY:
                raise BadFlip(f"a percentage belongs to canary, and the {self.side} are to be at {to or stays}")
        return self._made(Kind.FLIP, actor, to if self.side == "reads" else None, to if self.side == "writes" else None)

    def _made(self, kind: Kind, actor: Actor, reads: Stage | None, writes: Stage | None) -> Flip:
        flips = kind is Kind.FLIP
        return Flip(kind, self.capability, actor, self.reason, reads, writes, self.share if flips else None,
                    self.lasts if flips else None, self.revision, correlation=self.correlation)


def wanted(data: Any, capabilities: Collection[str]) -> Wanted:
    """What a request's JSON wants. Raises BadFlip."""
    if not isinstance(data, Mapping):
        raise BadFlip("the request wants a JSON object")
    for key, value in data.items():
        if key not in _KEYS:
            raise BadFlip(f'there is no key "{key}"{did_you_mean(str(key), _KEYS)}')
        if value is not None and type(value) is not _KEYS[key]:
            raise BadFlip(f'"{key}" wants {_WANTS[_KEYS[key]]}')
    said = {key: value for key, value in data.items() if value is not None}
    kind, to, side = said.get("kind", Kind.FLIP), said.get("to", ""), said.get("side", "reads")
    if kind not in _KINDS:
        raise BadFlip(f'there is no kind "{kind}"{did_you_mean(kind, _KINDS)}')
    if side not in _SIDES:
        raise BadFlip(f'there is no side "{side}"{did_you_mean(side, _SIDES)}')
    name = said.get("capability", "")
    if name not in capabilities:
        raise BadFlip(f'there is no capability "{name}"{did_you_mean(name, capabilities)}')
    known = [*Stage, FILE] if kind == Kind.FLIP else [*Stage]
    if to and to not in known:
        raise BadFlip(f'there is no stage "{to}"{did_you_mean(to, map(str, known))}')
    share, lasts = _share(said.get("percent")), _lasts(said.get("expires"))
    if kind == Kind.FLIP and not to and share is None:
        raise BadFlip("say where to, or what percentage")
    reason = kept(said.get("reason", ""))
    if not reason and kind != Kind.ROLLBACK:
        raise BadFlip("a flip needs a reason: whoever reads the journal asks why")
    if len(reason) > LONGEST:
        raise BadFlip(f"a reason has at most {LONGEST} characters")
    return Wanted(Kind(kind), name, to, side, share, lasts, reason, said.get("revision"), said.get("correlation", ""),
                  said.get("force", False))


def _share(percent: str | None) -> int | None:
    if percent is None:
        return None
    share = units.share(percent if percent.endswith("%") else f"{percent}%")
    if share is None or not 0 <= share <= _WHOLE:
        raise BadFlip("a percentage is from 0 to 100, with at most two decimals: 5 or 0.5")
    return share


def _lasts(expires: str | None) -> float | None:
    if expires is None:
        return None
    seconds = units.duration(expires)
    if not seconds:
        raise BadFlip("an expiry is a duration: 30m, 2h")
    return seconds
