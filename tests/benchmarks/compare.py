"""What comparing costs: shuffled FHIR Bundles with volatile timestamps, CPU seconds by size.

    python -m tests.benchmarks.compare

Both bodies are parsed, paired by key and compared, as the judge's process does it. Cost is linear where µs/KB stays
as it is.
"""

import gc
import json
import random
import time

from shadow.compare import compare
from shadow.judge import COLLECT
from tests.shadow.exchanges import answer, pair

VOLATILE = 0.6
RUNS = 5


def bundle(entries, rng, stamp):
    """A searchset of Observations, some 1 KB each; `stamp` tells the second in which it was made."""
    return {"resourceType": "Bundle", "type": "searchset", "total": entries, "entry": [
        _entry(at, stamp if rng.random() < VOLATILE else 0) for at in range(entries)]}


def _entry(at, stamp):
    return {"fullUrl": f"https://ehr.example/fhir/Observation/{at}", "resource": {
        "resourceType": "Observation", "id": str(at), "meta": {
            "versionId": "3", "lastUpdated": f"2025-03-01T10:{stamp:02}:00.000Z"},
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{2000 + at % 50}-1", "display": "Glucose"},
                            {"system": "urn:oid:2.16.840.1.113883.6.1", "code": f"L{at % 50}"}], "text": "Glucose"},
        "subject": {"reference": f"Patient/{at % 97}", "display": "a patient of the clinic"},
        "effectiveDateTime": "2025-02-28T08:30:00+01:00", "issued": "2025-02-28T09:00:00.000Z",
        "valueQuantity": {"value": 72.50 + at, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        "interpretation": [{"coding": [{"system": "http://hl7.org/fhir/v3/ObservationInterpretation", "code": "N"}]}],
        "referenceRange": [{"low": {"value": 70, "unit": "mg/dL"}, "high": {"value": 99, "unit": "mg/dL"}}],
    }}


def seconds(entries):
    """The median of CPU seconds that one comparison takes, with the bytes of one body."""
    rng = random.Random(entries)
    legacy, modern = bundle(entries, random.Random(1), 0), bundle(entries, random.Random(1), 7)
    rng.shuffle(modern["entry"])
    asked = pair(*(answer(arm, json.dumps(body).encode(), content_type="application/fhir+json")
                   for arm, body in (("legacy", legacy), ("modern", modern))))
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        compare(asked)
        taken.append(time.process_time() - began)
    return sorted(taken)[RUNS // 2], len(asked.control.body), compare(asked)


def main():
    gc.set_threshold(COLLECT)
    print(f"{'entries':>8} {'KB':>8} {'CPU ms':>8} {'µs/KB':>8}  outcome")
    for entries in (10, 100, 1_000, 10_000):
        spent, size, judged = seconds(entries)
        figures = size / 1e3, spent * 1e3, spent * 1e9 / size
        print(f"{entries:>8} {figures[0]:>8.0f} {figures[1]:>8.1f} {figures[2]:>8.1f}  {judged.tally.outcome}")


if __name__ == "__main__":
    main()
