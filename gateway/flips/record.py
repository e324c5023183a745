"""A record of the journal (Record): what was done, and how records are chained.

A record is stored as its `body`: JSON in UTF-8 with sorted keys and without blanks. Its `digest` is the SHA-256 of that
body. The body has the digest of the record before it (`previous`, ORIGIN for the first), so a record that is changed,
dropped, swapped or inserted breaks the chain there. That the end was cut off is seen only by whoever knows the digest
of a later record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

ORIGIN = "0" * 64
"""Stands for the digest of the record before the first one."""


@dataclass(frozen=True, slots=True)
class Record:
    """One act. `number` counts from 1 without gaps; `revision` is that of the stages after the act, and grows only if
    the act changed them. `time` is RFC 3339 in UTC, by the store's clock.

    `actor`, `role` and `source` say who acted and by which way (gateway.flips.base.Actor), `action` what was done:
    flip, rollback, to_file, resume, trip, reload, expiry, refusal, start, recovery, view … `before` and `after` are
    what was in force: `reads`, `writes` and `share` in 1/10,000; empty where the act is about no stage. `plan` is a
    summary of what moves. `evidence` is what was known of the capability (JSON), `evidence_digest` the SHA-256 of its
    canonical form, "" for none. `correlation` joins records and events of one act. `detail` holds what only this kind
    of act has.
    """

    number: int
    time: str
    actor: str
    role: str
    source: str
    action: str
    capability: str
    revision: int
    reason: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    plan: str = ""
    evidence: Any = None
    evidence_digest: str = ""
    correlation: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    previous: str = ORIGIN

    def facts(self) -> dict[str, Any]:
        """The fields by their names, JSON-ready."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def body(self) -> bytes:
        """The record as it is stored."""
        return canonical(self.facts())

    @property
    def digest(self) -> str:
        """The SHA-256 of the body, in hexadecimal."""
        return digest(self.body())


def canonical(value: Any) -> bytes:
    """A JSON-ready value in its one canonical form. Mappings may be of any kind. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False,
                      default=dict).encode()


def digest(body: bytes) -> str:
    """The digest of a stored body: SHA-256 in hexadecimal."""
    return sha256(body).hexdigest()


def digest_of(evidence: Any) -> str:
    """The digest of a snapshot of evidence; "" for None."""
    return "" if evidence is None else digest(canonical(evidence))


def parsed(body: bytes | str) -> Record:
    """The record of a stored body. Fields that this version does not know are dropped. Raises ValueError if the body is
    not a record."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("a record is a map")
    known = {one.name for one in fields(Record)}
    try:
        return Record(**{name: value for name, value in found.items() if name in known})
    except TypeError:
        raise ValueError("the record lacks fields") from None
