"""A noisy FHIR service: the same record, told twice, never in quite the same bytes. All made up, and seeded."""

import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.document import Number, dump
from adapters.message import Headers, Request
from shadow.compare.pair import Pair
from shadow.compare.patterns import Order
from shadow.compare.rules import Rule, Rules
from shadow.normalisers.volatile import Volatile
from shadow.observation import Failure, Observation

FAMILIES = ("Müller-Lüdenscheidt", "Sánchez de la Cruz", "O'Brien", "Nguyễn", "Schmidt", "Ødegård")
LABS = (("2345-7", "Glucose", "mmol/L"), ("718-7", "Hemoglobin", "g/dL"), ("2160-0", "Creatinine", "umol/L"),
        ("6690-2", "Leukocytes", "10*9/L"), ("1988-5", "C reactive protein", "mg/L"))
# What its team would write down of it: two fields are made anew for each answer, and a search has no order.
RULES = Rules((
    Rule("served", "/servedAt", Volatile(Volatile.Options("instant"))),
    Rule("request", "/requestId", Volatile(Volatile.Options("uuid"))),
    Rule("entries", "/entry", order=Order("keyed", (("fullUrl",),))),
))
LOINC, ATC, UCUM = "http://loinc.org", "http://www.whocc.no/atc", "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem"


@dataclass
class Answer:
    """One arm's answer, still a tree, for a mutator. `failure` is a Failure's kind; `cut` leaves off bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/fhir+json", "ETag": 'W/"1"'})
    failure: str = ""
    cut: int = 0


@dataclass(frozen=True)
class Exchange:
    """One question, and what legacy answers."""

    operation: str
    target: bytes
    answer: Answer


def exchanges(seed: int, count: int) -> list[Exchange]:
    """Some questions of all kinds, in turn."""
    rng = random.Random(seed)
    kinds = (_patient, _observations, _medications, _allergies, _appointment, _withheld)
    return [kinds[number % len(kinds)](rng, number) for number in range(count)]


def _patient(rng: random.Random, number: int) -> Exchange:
    body = {
        "resourceType": "Patient", "id": f"p{number}", "meta": {"versionId": "3", "lastUpdated": _instant(rng)},
        "identifier": [{"system": "urn:oid:2.16.840.1.1", "value": f"{number:08d}"},
                       {"system": "urn:oid:2.16.840.1.2", "value": f"{number * 7:08d}"}],
        "active": True,
        "name": [{"use": "official", "family": rng.choice(FAMILIES), "given": ["Anna", "Maria"]}],
        "telecom": [{"system": "phone", "value": f"+49 30 {rng.randrange(10**7):07d}"}],
        "gender": rng.choice(("female", "male")), "birthDate": f"19{rng.randrange(40, 99)}-0{rng.randrange(1, 9)}-17",
        "text": {"status": "generated", "div": f"<div>Patient {number}</div>"},
    }
    return Exchange("patient", f"/Patient/p{number}".encode(), Answer(body))


def _observations(rng: random.Random, number: int) -> Exchange:
    entries = [_observation(rng, number, place) for place in range(4)]
    return Exchange("observations", f"/Observation?patient=p{number}&date=2024".encode(), Answer(_bundle(rng, entries)))


def _observation(rng: random.Random, number: int, place: int) -> dict[str, Any]:
    code, display, unit = LABS[place]
    value = f"{rng.randrange(10, 300)}.{rng.randrange(10)}5"
    found: dict[str, Any] = {
        "resourceType": "Observation", "id": f"o{number}-{place}", "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": display}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": f"2024-03-{10 + place}T08:30:00+01:00",
        "valueQuantity": {"value": Number(value), "unit": unit, "system": UCUM, "code": unit},
        "interpretation": [{"coding": [{"system": f"{TERMS}/v3-ObservationInterpretation", "code": "H"}]}],
        "referenceRange": [{"low": {"value": Number("3.50")}, "high": {"value": Number("5.60")}}],
    }
    if place == 3:
        found["valueQuantity"]["comparator"] = "<"
    return found


def _medications(rng: random.Random, number: int) -> Exchange:
    one = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "doNotPerform": True,
        "medicationCodeableConcept": {"coding": [{"system": ATC, "code": "A10BA02", "display": "metformin"}]},
        "subject": {"reference": f"Patient/p{number}"}, "authoredOn": "2024-02-01T09:00:00+01:00",
        "dosageInstruction": [{"sequence": Number("1"), "text": "1-0-1 mit dem Essen", "doseAndRate": [
            {"doseQuantity": {"value": Number(500 + rng.randrange(4)), "unit": "mg", "system": UCUM, "code": "mg"}},
        ]}],
    }
    # The same order twice: a duplicate that counts. It has no id of its own to be told apart by.
    entries = [{**one, "id": f"m{number}-0"}, {**one, "id": f"m{number}-1"}]
    bundle = _bundle(rng, entries)
    bundle["contained"] = [{"display": "metformin 500 mg"}, {"display": "metformin 500 mg"}]
    return Exchange("medications", f"/MedicationRequest?patient=p{number}".encode(), Answer(bundle))


def _allergies(rng: random.Random, number: int) -> Exchange:
    entries = [{
        "resourceType": "AllergyIntolerance", "id": f"a{number}",
        "clinicalStatus": {"coding": [{"system": f"{TERMS}/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{TERMS}/allergyintolerance-verification", "code": "refuted"}]},
        "criticality": "high", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}]},
        "patient": {"reference": f"Patient/p{number}"},
    }]
    return Exchange("allergies", f"/AllergyIntolerance?patient=p{number}".encode(), Answer(_bundle(rng, entries)))


def _appointment(rng: random.Random, number: int) -> Exchange:
    body = {
        "id": f"b{number}", "room": "  2.14", "start": "2024-05-02T10:00:00+02:00", "minutes": Number("30"),
        "confirmed": False,
        "note": None, "reason": "Kontrolle nach Operation", "steps": ["arrive", "register", "wait", "see"],
        "fee": Number("72.50"), "servedAt": _instant(rng), "requestId": _uuid(rng),
    }
    return Exchange("appointment", f"/appointments/b{number}".encode(),
                    Answer(body, headers={"Content-Type": "application/json"}))


def _withheld(rng: random.Random, number: int) -> Exchange:
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
    return Exchange("document", f"/DocumentReference/d{number}".encode(),
                    Answer(body, 403, {"Content-Type": "application/fhir+json"}))


def _bundle(rng: random.Random, resources: list[dict[str, Any]]) -> dict[str, Any]:
    base = "http://fhir.example/r4"
    return {
        "resourceType": "Bundle", "id": _uuid(rng), "type": "searchset", "total": Number(len(resources)),
        "meta": {"lastUpdated": _instant(rng)},
        "link": [{"relation": "self", "url": f"{base}/x?page=1"}, {"relation": "next", "url": f"{base}/x?page=2"}],
        "entry": [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources],
    }


# --- what differs although nothing is wrong ---

def noisy(answer: Answer, rng: random.Random) -> Answer:
    """The same answer as another server would tell it: members in another order, entries in another, with its own
    clock and its own ids of messages."""
    return replace(answer, body=_noisy(answer.body, rng))


def _noisy(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        if rng.random() < 0.3:
            rng.shuffle(names)
        made = {name: _noisy(value[name], rng) for name in names}
        for name in ("lastUpdated", "servedAt"):
            if name in made:
                made[name] = _instant(rng)
        if "requestId" in made:
            made["requestId"] = _uuid(rng)
        if made.get("resourceType") == "Bundle":
            made["id"] = _uuid(rng)
            rng.shuffle(made["entry"])
        return made
    return [_noisy(one, rng) for one in value] if isinstance(value, list) else value


def _instant(rng: random.Random) -> str:
    return f"2024-06-01T12:{rng.randrange(60):02d}:{rng.randrange(60):02d}.{rng.randrange(1000):03d}Z"


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


# --- on the wire ---

def pair(asked: Exchange, modern: Answer) -> Pair:
    """Both answers as the lane would have observed them."""
    return Pair("clinic", asked.operation, Request("GET", asked.target, Headers()), _observed("legacy", asked.answer),
                _observed("modern", modern), "trace", 0.0, RULES)


def _observed(arm: str, answer: Answer) -> Observation:
    if answer.failure:
        return Observation(arm, 0.01, failure=Failure(answer.failure))
    body = dump(answer.body)
    headers = Headers((name.encode(), value.encode()) for name, value in answer.headers.items())
    return Observation(arm, 0.01, answer.status, headers, body[:len(body) - answer.cut])
