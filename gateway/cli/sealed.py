"""Opens sealed exchanges for the commands that compare them again: by id or trace id, with the rules to apply."""

import re

from gateway.cli.opened import Opened
from gateway.cli.sources import Refused
from gateway.config.compile import Configuration
from shadow.compare.pair import Pair
from shadow.compare.rules import NONE, Rules
from shadow.sealed.base import Captured

_ID = re.compile(r"[0-9a-f]{16}")
_TRACE = re.compile(r"[0-9a-f]{32}")


def unseal(stored: Opened, name: str, action: str, reason: str | None) -> Captured:
    """The exchange with an id, or with a trace id that the report names. Writes to the audit trail first. Raises
    Refused."""
    records = stored.records
    id = name
    if not _ID.fullmatch(name):
        ids = [entry.id for entry in records.entries() if entry.trace_id == name] if _TRACE.fullmatch(name) else []
        if len(ids) > 1:
            raise Refused(f"several exchanges of that trace are sealed: name one of {' '.join(ids)}")
        if not ids:
            raise Refused("nothing is sealed under that id: see `figway shadow list`")
        [id] = ids
    stored.deed(action, id, reason or "")
    return records.open(id)


def rules_now(built: Configuration, capability: str, operation: str) -> Rules:
    """The configured rules for an operation's answers; none if it is not mirrored any more."""
    found = built.table.capabilities.get(capability)
    return NONE if found is None or found.shadow is None else found.shadow.rules_of(operation)


def pair_of(found: Captured, rules: Rules) -> Pair:
    """The captured exchange as a pair to compare by these rules, at the time of the capture."""
    return Pair(found.capability, found.operation, found.request, found.control, found.candidate, found.trace_id,
                found.at, rules)
