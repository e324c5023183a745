"""The modern service's eight deliberate defects, of different kinds, all in this table.

`make demo` succeeds if the report shows each of them and nothing else. A defect takes a right answer and either spoils
it or returns it unchanged. Ids and values decide which records it spoils, so that each run finds the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.demo.clinic import Record, draw
from gateway.demo.rest import Answer, Asked, Operation, payload


@dataclass(frozen=True, slots=True)
class Defect:
    """One seeded defect. `kind` and `path` are how a report shows it: the kind of the difference and its place, a JSON
    Pointer (RFC 6901) with * instead of list indexes. If modern gives no complete answer, `kind` is "candidate_error"
    and `path` is the kind of the failure."""

    name: str
    capability: str
    operation: str
    says: str
    kind: str
    path: str
    spoil: Callable[[Asked, Answer], Answer]


def _seen(answer: Answer) -> tuple[int, bytes, bool]:
    """The answer as a client sees it. In Python 72.50 equals 72.5, but on the wire they differ."""
    return answer.status, payload(answer), answer.torn


def _document(answer: Answer) -> Record:
    return answer.document if answer.status == 200 and isinstance(answer.document, dict) else {}


def _items(answer: Answer) -> list[Record]:
    items: list[Record] = _document(answer).get("items", [])
    return items


def _ghost(asked: Asked, right: Answer) -> Answer:
    return Answer(200, None) if right.status == 404 else right


def _lost_phone(asked: Asked, right: Answer) -> Answer:
    patient = _document(right)
    if not patient or draw(f"{asked['id']} lost phone", 6) > 0:
        return right
    return right._replace(document=patient | {"telecom": {"email": patient["telecom"]["email"]}})


def _torn(asked: Asked, right: Answer) -> Answer:
    return right._replace(torn=True) if asked["id"] in ("P-1013", "P-1048") else right


def _shaved(asked: Asked, right: Answer) -> Answer:
    result = _document(right)
    if not result or not str(result["value"]).endswith("0"):
        return right
    return right._replace(document=result | {"value": Decimal(str(result["value"])[:-1])})


def _worded(asked: Asked, right: Answer) -> Answer:
    def worded(result: Record) -> Record:
        return result | {"value": str(result["value"])} if result["test"] == "Potassium" else result

    return right._replace(document={"items": [worded(one) for one in _items(right)]})


def _shifted(asked: Asked, right: Answer) -> Answer:
    appointment = _document(right)
    if not appointment or appointment["department"] != "imaging":
        return right
    return right._replace(document=appointment | {"start": appointment["start"].replace("+01:00", "Z")})


def _cut(asked: Asked, right: Answer) -> Answer:
    items = _items(right)
    return right._replace(document={"items": items[:2]}) if len(items) > 2 else right


def _leaked(asked: Asked, right: Answer) -> Answer:
    def leaked(document: Record) -> Record:
        extra: dict[str, Any] = {"storageKey": f"blob/{draw(document['id'] + ' key', 1 << 32):08x}"}
        return document | extra if document["kind"] == "consent" else document

    return right._replace(document={"items": [leaked(one) for one in _items(right)]})


DEFECTS = (
    Defect("ghost patient", "patients", "read", "200 and an empty body where there is no such patient",
           "status", "", _ghost),
    Defect("lost telephone", "patients", "read", "no telephone for one patient in six or so",
           "missing", "/telecom/phone", _lost_phone),
    Defect("torn answer", "patients", "read", "the connection breaks off in mid-answer for two patients",
           "candidate_error", "truncated", _torn),
    Defect("shaved decimal", "results", "read", "72.50 becomes 72.5: a digit that was measured is gone",
           "precision", "/value", _shaved),
    Defect("number in words", "results", "list", "a potassium value is a string, not a number",
           "type", "/items/*/value", _worded),
    Defect("shifted zone", "appointments", "read", "an appointment in imaging says Z where +01:00 is meant",
           "value", "/start", _shifted),
    Defect("cut list", "documents", "list", "a third document is never listed",
           "missing", "/items/*", _cut),
    Defect("leaked field", "documents", "list", "a consent form shows where it is stored",
           "extra", "/items/*/storageKey", _leaked),
)


def spoil(operation: Operation, asked: Asked, right: Answer) -> tuple[Answer, list[Defect]]:
    """The modern service's answer, and the defects that made it differ from the right one."""
    answer = right
    hit: list[Defect] = []
    for defect in DEFECTS:
        if (defect.capability, defect.operation) == (operation.capability, operation.name):
            spoilt = defect.spoil(asked, answer)
            if _seen(spoilt) != _seen(answer):
                answer, hit = spoilt, [*hit, defect]
    return answer, hit
