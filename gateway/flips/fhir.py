"""A record of the journal as an AuditEvent of FHIR R4 (https://hl7.org/fhir/R4/auditevent.html). Pure."""

from collections.abc import Mapping
from typing import Any

from gateway.flips.record import Record, canonical

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_TERMS = "http://terminology.hl7.org/CodeSystem"

# Of an action: its type (system, code, display), and what it did: create, read, update, delete or execute.
_CONFIGURED = (_DICOM, "110100", "Application Activity")
_KINDS: Mapping[str, tuple[tuple[str, str, str], str]] = {
    "view": ((_LIFECYCLE, "access", "Access/View Record Lifecycle Event"), "R"),
    "hold": ((_LIFECYCLE, "hold", "Add Legal Hold Record Lifecycle Event"), "U"),
    "release": ((_LIFECYCLE, "unhold", "Remove Legal Hold Record Lifecycle Event"), "U"),
    "purge": ((_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"), "D"),
    "purged": ((_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"), "D"),
    "shred": ((_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"), "D"),
    "replay": (_CONFIGURED, "E"), "recompare": (_CONFIGURED, "E"), "minimise": (_CONFIGURED, "E"),
    "sweep": (_CONFIGURED, "E"), "recovery": (_CONFIGURED, "E"),
}
_REFUSED = "_refused"
_NOT_PEOPLE = {"file", "guard", "clock", "start"}
_DONE, _MINOR_FAILURE = "0", "4"


def audit_event(record: Record, digest: str, control: str) -> dict[str, Any]:
    """The resource of a record of the control file named `control`."""
    refused = record.action == "refusal" or record.action.endswith(_REFUSED)
    (system, code, display), did = _KINDS.get(record.action.removesuffix(_REFUSED), (_CONFIGURED, "U"))
    event: dict[str, Any] = {
        "resourceType": "AuditEvent", "id": f"{control or 'figway'}-{record.number}",
        "type": {"system": system, "code": code, "display": display},
        # A subtype is a Coding: its code is of no system but Figway's own, so it has a display alone.
        "subtype": [{"display": record.action}],
        "action": did, "recorded": record.time, "outcome": _MINOR_FAILURE if refused else _DONE,
        "agent": [_agent(record)],
        "source": {"site": "Figway", "observer": {"display": f"Figway, control file {control}"}, "type": [
            {"system": f"{_TERMS}/security-source-type", "code": "4", "display": "Application Server"}]},
        "entity": [*_subject(record), _record(record, digest)],
    }
    why = record.detail.get("why")
    if isinstance(why, str) and why:
        event["outcomeDesc"] = why
    if record.reason:
        event["purposeOfEvent"] = [{"text": record.reason}]
    return event


def _agent(record: Record) -> dict[str, Any]:
    agent: dict[str, Any] = {"requestor": record.source not in _NOT_PEOPLE}
    if record.actor:
        agent |= {"who": {"display": record.actor}, "altId": record.actor}
    if record.role:
        agent["role"] = [{"text": record.role}]
    if record.source:
        agent["type"] = {"text": record.source}
    return agent


def _subject(record: Record) -> list[dict[str, Any]]:
    """What it was done to."""
    name = record.capability or record.detail.get("subject")
    if not isinstance(name, str) or not name:
        return []
    return [{"what": {"display": name}, "name": name, "type": _kind("2", "System Object"),
             **_detail({"before": record.before, "after": record.after, "revision": record.revision})}]


def _record(record: Record, digest: str) -> dict[str, Any]:
    """The record itself: whoever has it can verify the resource."""
    return {"what": {"display": f"journal record {record.number}"}, "type": _kind("4", "Other"), **_detail({
        "number": record.number, "digest": digest, "previous": record.previous, "correlation": record.correlation,
        "plan": record.plan, "evidence_digest": record.evidence_digest, "detail": record.detail})}


def _kind(code: str, display: str) -> dict[str, str]:
    return {"system": f"{_TERMS}/audit-entity-type", "code": code, "display": display}


def _detail(parts: Mapping[str, Any]) -> dict[str, Any]:
    found = [{"type": name, "valueString": value if isinstance(value, str) else canonical(value).decode()}
             for name, value in parts.items() if value or value == 0]
    return {"detail": found} if found else {}
