"""The clinic's records: patients, appointments, results, documents, departments. All invented, always the same.

Every value is computed from the SHA-256 of its description ("patient 7 city"). So both sample services, every run and
every Python version have the same clinic, and adding a record changes no other. No person in it exists: given names are
the spelling alphabet, family names are obviously fake, telephone numbers are from the range that Ofcom reserves for
drama (01632 960 xxx), and mail goes to example.org.
"""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias, TypeVar

Record: TypeAlias = dict[str, Any]
T = TypeVar("T")

PATIENTS = 600
"""Each counts as evidence once an hour: a tenth of them could show nothing below 7 %."""

GIVEN = ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima",
         "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey",
         "Xray", "Yankee", "Zulu")
FAMILY = ("Testperson", "Exampleson", "Mockridge", "Placeholder", "Sampleton", "Dummymann", "Fixturesen", "Stubbs-Test",
          "O'Synthetic", "Muster-Größe")
CITIES = ("Testford", "Mocksberg", "Sample-on-Sea", "Fixture Falls")
DEPARTMENTS = (("cardiology", "Cardiology", "B2"), ("general", "General practice", "A1"),
               ("imaging", "Imaging", "C0"), ("paediatrics", "Paediatrics", "A3"))
KINDS = ("discharge-letter", "referral", "imaging-report", "consent")
ZONE = timezone(timedelta(hours=1))


class Assay(NamedTuple):
    """A laboratory test: its LOINC code, name and unit, and its reference range."""

    code: str
    name: str
    unit: str
    low: Decimal
    high: Decimal


ASSAYS = (
    Assay("2160-0", "Creatinine", "umol/L", Decimal("59.00"), Decimal("104.00")),
    Assay("718-7", "Haemoglobin", "g/dL", Decimal("12.00"), Decimal("17.50")),
    Assay("2823-3", "Potassium", "mmol/L", Decimal("3.50"), Decimal("5.10")),
    Assay("4548-4", "Haemoglobin A1c", "%", Decimal("4.00"), Decimal("5.60")),
    Assay("3016-3", "Thyrotropin", "mIU/L", Decimal("0.40"), Decimal("4.00")),
)


def draw(what: str, below: int) -> int:
    """A number in 0 … below - 1 that depends on `what` alone."""
    return int.from_bytes(sha256(f"figway clinic, {what}".encode()).digest()) % below


def pick(what: str, among: tuple[T, ...]) -> T:
    """One of `among`, depending on `what` alone."""
    return among[draw(what, len(among))]


class Clinic(NamedTuple):
    """Every record by its id, in the order of ids. Services must copy a record before they change it."""

    patients: dict[str, Record]
    appointments: dict[str, Record]
    results: dict[str, Record]
    documents: dict[str, Record]
    departments: tuple[Record, ...]

    def named(self, name: str) -> list[Record]:
        """The patients whose family name starts with `name`, whatever its case."""
        wanted = name.casefold()
        return [one for one in self.patients.values() if one["name"]["family"].casefold().startswith(wanted)]


def of_patient(records: dict[str, Record], patient: str) -> list[Record]:
    """The records that belong to one patient, in the order of ids."""
    return [one for one in records.values() if one["patient"] == patient]


def build() -> Clinic:
    """The clinic. Each call builds a new, equal one."""
    patients, appointments, results, documents = {}, {}, {}, {}
    for number in range(PATIENTS):
        patient = _patient(number)
        key = patient["id"]
        patients[key] = patient
        for nth in range(1 + draw(f"{key} appointments", 4)):
            one = _appointment(key, nth, 4 * number + nth)
            appointments[one["id"]] = one
        for nth in range(1 + draw(f"{key} results", 5)):
            one = _result(key, nth, 5 * number + nth)
            results[one["id"]] = one
        for nth in range(1 + draw(f"{key} documents", 3)):
            one = _document(key, nth, 3 * number + nth)
            documents[one["id"]] = one
    departments = tuple({"code": code, "name": name, "floor": floor} for code, name, floor in DEPARTMENTS)
    return Clinic(patients, appointments, results, documents, departments)


def _patient(number: int) -> Record:
    key = f"P-{1001 + number}"
    given, family = pick(f"{key} given", GIVEN), pick(f"{key} family", FAMILY)
    return {
        "id": key,
        "name": {"given": given, "family": family},
        "birthDate": (date(1931, 1, 1) + timedelta(days=draw(f"{key} birth", 33_000))).isoformat(),
        "sex": pick(f"{key} sex", ("female", "male", "other")),
        "telecom": {
            "phone": f"+44 1632 960 {draw(f'{key} phone', 1000):03}",
            "email": f"{given.lower()}.{number:02}@example.org",
        },
        "address": {"city": pick(f"{key} city", CITIES), "postcode": f"ZZ{draw(f'{key} postcode', 90) + 10} 9ZZ"},
        "registered": draw(f"{key} registered", 8) > 0,
    }


def _appointment(patient: str, nth: int, serial: int) -> Record:
    key = f"A-{4001 + serial}"
    day = datetime(2026, 2, 2, 8, 0, tzinfo=ZONE) + timedelta(weeks=6 * nth, days=draw(f"{key} day", 40))
    start = day + timedelta(minutes=10 * draw(f"{key} slot", 54))
    return {
        "id": key,
        "patient": patient,
        "department": pick(f"{key} department", DEPARTMENTS)[0],
        "start": start.isoformat(),
        "minutes": pick(f"{key} minutes", (10, 20, 30, 45)),
        "status": pick(f"{key} status", ("booked", "arrived", "fulfilled", "cancelled")),
    }


def _result(patient: str, nth: int, serial: int) -> Record:
    key = f"R-{7001 + serial}"
    assay = ASSAYS[nth % len(ASSAYS)]
    spread = int((assay.high - assay.low) * 200)
    value = (assay.low * Decimal("0.80") + Decimal(draw(f"{key} value", spread)) / 100).quantize(Decimal("0.01"))
    taken = datetime(2026, 1, 5, 6, 0, tzinfo=ZONE) + timedelta(minutes=draw(f"{key} taken", 40_000))
    return {
        "id": key,
        "patient": patient,
        "code": assay.code,
        "test": assay.name,
        "value": value,
        "unit": assay.unit,
        "low": assay.low,
        "high": assay.high,
        "flag": "low" if value < assay.low else "high" if value > assay.high else "normal",
        "final": draw(f"{key} final", 5) > 0,
        "takenAt": taken.isoformat(),
    }


def _document(patient: str, nth: int, serial: int) -> Record:
    key = f"D-{2001 + serial}"
    kind = pick(f"{key} kind", KINDS)
    return {
        "id": key,
        "patient": patient,
        "kind": kind,
        "title": f"{kind.replace('-', ' ').capitalize()} no. {nth + 1}",
        "pages": 1 + draw(f"{key} pages", 12),
        "created": (date(2025, 3, 1) + timedelta(days=draw(f"{key} created", 300))).isoformat(),
    }


def content(document: Record) -> bytes:
    """The document's bytes: shaped like a PDF, with bytes that are not text in any encoding; about 4 KiB a page."""
    key = document["id"]
    pages = b"".join(
        b"%d 0 obj\n<< /Length 4096 >>\nstream\n" % (page + 1)
        + b"".join(sha256(f"{key} page {page} block {block}".encode()).digest() for block in range(128))
        + b"\nendstream\nendobj\n"
        for page in range(document["pages"])
    )
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + pages + b"trailer\n<< /Title (synthetic) >>\n%%EOF\n"
