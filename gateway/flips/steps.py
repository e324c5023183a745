"""What each act makes of a state, and how it is recorded. Pure: the store calls these in its transaction.

A function takes a State and the time by the store's clock, and returns the next State with its records. The revision
grows with each act that changes a stand, and with no other.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from gateway.flips import gates
from gateway.flips.base import (
    UNASKED,
    Actor,
    Already,
    BadFlip,
    Conflict,
    Flip,
    FlipError,
    Kind,
    Latch,
    Override,
    Position,
    Stand,
    State,
)
from gateway.flips.precedence import ORDER, adopted, in_force, is_ahead, position
from gateway.flips.record import Record, digest_of
from gateway.stage import Stage

NONE: Mapping[str, int] = MappingProxyType({})
TAKEN = "writes_that_legacy_lacks"
"""The detail of a record that says, by operation, how many writes modern took that legacy lacks."""


def act(state: State, flip: Flip, now: float, taken: Mapping[str, int] = NONE) -> tuple[State, Record]:
    """Make a flip. `taken` is how many writes modern took, by operation. Raises FlipError; a Conflict has no record
    yet."""
    stand = state.stands.get(flip.capability)
    if stand is None:
        raise BadFlip(f'there is no capability "{flip.capability}"')
    if flip.revision is not None and stand.changed > flip.revision:
        raise Conflict(f"{flip.capability} was changed at revision {stand.changed}, after revision {flip.revision}")
    revision = state.revision + 1
    after = replace(_made(stand, flip, now, revision), changed=revision)
    if replace(after, changed=stand.changed) == stand:
        raise Already(f"{flip.capability} is there already: {words(position(stand))}")
    record = _record(state, now, flip.actor, str(flip.kind), flip.capability, flip.reason, stand, after, revision)
    before, at = position(stand), position(after)
    detail = dict(flip.detail)
    if takes_writes(before) and not takes_writes(at):
        detail[TAKEN] = dict(taken)
    record = replace(record, plan=f"{words(before)} → {words(at)}", evidence=flip.evidence,
                     evidence_digest=digest_of(flip.evidence), correlation=flip.correlation, detail=detail)
    return _next(state, {flip.capability: after}, revision, record), record


def refuse(state: State, flip: Flip, error: FlipError, now: float) -> tuple[State, Record]:
    """Record that a flip was refused. It changes no stand."""
    stand = state.stands.get(flip.capability)
    wanted = {"action": str(flip.kind), "why": str(error), "code": error.code} | _parts(flip)
    record = _record(state, now, flip.actor, "refusal", flip.capability, flip.reason, stand, stand, state.revision)
    record = replace(record, evidence=flip.evidence, evidence_digest=digest_of(flip.evidence),
                     correlation=flip.correlation, detail=wanted)
    return _next(state, {}, state.revision, record), record


def adopt(
    state: State, files: Mapping[str, Position], actor: Actor, now: float, known: Mapping[str, Any] = UNASKED,
) -> tuple[State, list[Record]]:
    """Take over the positions of another file: see gateway.flips.precedence.adopted. A capability that the file does
    not have any more is forgotten, unless it has an override or a latch. `known` is the evidence of those that the gate
    found SAFE, by capability."""
    records: list[Record] = []
    for name, file in files.items():
        stand = state.stands.get(name)
        if stand is not None and stand.file == file:
            continue
        revision = state.revision + 1
        after = adopted(stand, file) if stand is not None else Stand(file)
        after = replace(after, changed=revision if stand is None or position(after) != position(stand)
                        or after.override != stand.override else stand.changed)
        record = _record(state, now, actor, "reload", name, "", stand, after, revision)
        detail: dict[str, Any] = {"file": _said(file)}
        if stand is not None:
            detail["file_before"] = _said(stand.file)
            if stand.override is not None and after.override != stand.override:
                detail["ended"] = _ended(stand.override, after.override)
            if gates.step(position(stand), position(after)) is not None:
                detail["gate"] = gates.SAFE if name in known else gates.UNGATED
                record = replace(record, evidence=known.get(name), evidence_digest=digest_of(known.get(name)))
        record = replace(record, detail=detail)
        state = _next(state, {name: after}, revision, record)
        records.append(record)
    for name, stand in state.stands.items():
        if name not in files and stand.override is None and stand.latch is None:
            revision = state.revision + 1
            record = replace(_record(state, now, actor, "reload", name, "", stand, None, revision),
                             detail={"file": None, "file_before": _said(stand.file)})
            state = _next(state, {name: None}, revision, record)
            records.append(record)
    return state, records


def expire(state: State, now: float) -> tuple[State, list[Record]]:
    """End the overrides that have expired."""
    records: list[Record] = []
    for name, stand in state.stands.items():
        override = stand.override
        if override is None or override.expires is None or override.expires > now:
            continue
        revision = state.revision + 1
        after = replace(stand, override=None, changed=revision)
        record = _record(state, now, Actor("clock", source="clock"), "expiry", name, override.reason, stand, after,
                         revision)
        detail: dict[str, Any] = {"author": override.author, "since": override.revision}
        if gates.step(position(stand), position(after)) is not None:
            detail["gate"] = gates.UNGATED
        record = replace(record, detail=detail)
        state = _next(state, {name: after}, revision, record)
        records.append(record)
    return state, records


def recover(lost: State, fresh: State, why: str, now: float) -> tuple[State, Record]:
    """Begin a fresh store with the last known stands of one that was lost. Its revisions go on from there."""
    revision = lost.revision + 1
    record = Record(fresh.length + 1, stamp(now), "gateway", "", "start", "recovery", "", revision, why, detail={
        "lost": lost.name, "revision": lost.revision, "length": lost.length, "head": lost.head}, previous=fresh.head)
    return replace(fresh, revision=revision, stands=lost.stands, length=record.number, head=record.digest), record


def conflict(flip: Flip, made: Record) -> Conflict:
    """The refusal of a flip, where `made` was first: who changed what, and when."""
    return Conflict(f"somebody else was first: {made.actor} did {made.action} {flip.capability} at {made.time}, from "
                    f"{_shown(made.before)} to {_shown(made.after)} (revision {made.revision})", made)


def _shown(said: Mapping[str, Any]) -> str:
    return words(Position(Stage(said["reads"]), Stage(said["writes"]), said["share"])) if said else "nothing"


def takes_writes(at: Position) -> bool:
    """Whether modern takes any writes there."""
    return at.writes is not Stage.LEGACY and not (at.writes is Stage.CANARY and not at.share)


def stamp(seconds: float) -> str:
    """A time in seconds since 1970 as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def words(at: Position) -> str:
    """A position for people: "reads canary 5%, writes legacy"."""
    share = f" {at.share / 100:g}%"
    return (f"reads {at.reads}{share if at.reads is Stage.CANARY else ''}, "
            f"writes {at.writes}{share if at.writes is Stage.CANARY else ''}")


def _made(stand: Stand, flip: Flip, now: float, revision: int) -> Stand:
    """The stand after a flip."""
    latch = stand.latch
    match flip.kind:
        case Kind.TO_FILE:
            if stand.override is None:
                raise BadFlip(f"{flip.capability} has no override: it stands where the file says")
            return replace(stand, override=None)
        case Kind.RESUME:
            if latch is None:
                raise BadFlip(f"{flip.capability} has no latch to resume from")
            return replace(stand, latch=None)
        case Kind.TRIP:
            reads, writes = (flip.reads, flip.writes) if latch is None else (
                _further_back(flip.reads, latch.reads), _further_back(flip.writes, latch.writes))
            return replace(stand, latch=Latch(reads, writes, flip.actor.name, flip.reason, now, revision))
        case Kind.ROLLBACK:
            at = position(stand)
            back = replace(flip, reads=flip.reads and _further_back(flip.reads, at.reads),
                           writes=flip.writes and _further_back(flip.writes, at.writes), share=None, lasts=None)
            return _overridden(stand, back, now, revision)
    if latch is not None and _is_held_back(flip, latch):
        raise BadFlip(f"{flip.capability} is held back by {latch.guard}: end that first, with figway resume")
    after = _overridden(stand, flip, now, revision)
    if stand.override is None and position(after) == position(stand):
        raise Already(f"{flip.capability} is there already: {words(position(stand))}")
    return after


def _overridden(stand: Stand, flip: Flip, now: float, revision: int) -> Stand:
    """The stand with the parts that a flip names in its override."""
    known = stand.override
    if known is None:
        known = Override(None, None, None, "", "", 0.0, None, 0)
    reads = known.reads if flip.reads is None else flip.reads
    writes = known.writes if flip.writes is None else flip.writes
    share = known.share if flip.share is None else flip.share
    expires = None if flip.lasts is None else now + flip.lasts
    override = Override(reads, writes, share, flip.actor.name, flip.reason, now, expires, revision)
    if Stage.CANARY not in in_force(stand.file, override)[:2]:
        # A later canary begins with the share of the file, and not with one from before.
        override = replace(override, share=None)
    same = (override.reads, override.writes, override.share, expires) == (
        known.reads, known.writes, known.share, known.expires)
    return stand if same else replace(stand, override=override)


def _is_held_back(flip: Flip, latch: Latch) -> bool:
    """Whether a flip asks for a stage ahead of one that a latch holds."""
    return any(wanted is not None and held is not None and is_ahead(wanted, flip.share or 0, held, 0)
               for wanted, held in ((flip.reads, latch.reads), (flip.writes, latch.writes)))


def _further_back(one: Stage | None, other: Stage | None) -> Stage | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other, key=ORDER.index)


def _record(
    state: State, now: float, actor: Actor, action: str, capability: str, reason: str, before: Stand | None,
    after: Stand | None, revision: int,
) -> Record:
    return Record(
        state.length + 1, stamp(now), actor.name, actor.role, actor.source, action, capability, revision, reason,
        {} if before is None else _said(position(before)), {} if after is None else _said(position(after)),
        previous=state.head)


def _next(state: State, changed: Mapping[str, Stand | None], revision: int, record: Record) -> State:
    stands = {name: stand for name, stand in {**state.stands, **changed}.items() if stand is not None}
    return replace(state, revision=revision, stands=stands, length=record.number, head=record.digest)


def _said(at: Position) -> dict[str, Any]:
    return {"reads": str(at.reads), "writes": str(at.writes), "share": at.share}


def _parts(flip: Flip) -> dict[str, Any]:
    """What a refused flip wanted."""
    wanted = {"reads": flip.reads, "writes": flip.writes, "share": flip.share}
    return {name: value if isinstance(value, int) else str(value) for name, value in wanted.items()
            if value is not None}


def _ended(before: Override, after: Override | None) -> list[str]:
    """The parts of an override that a file has ended."""
    return [part for part in ("reads", "writes", "share")
            if getattr(before, part) is not None and (after is None or getattr(after, part) is None)]
