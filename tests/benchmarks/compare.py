"""What comparing costs: shuffled FHIR Bundles with volatile timestamps, CPU seconds by size; and other formats.

    python -m tests.benchmarks.compare

Both bodies are parsed, paired by key and compared, as the judge's process does it. Cost is linear where µs/KB stays
as it is. The last rows are of a modern side that names all records otherwise, held against a crosswalk: once it knows
them all, and at first sight, where entries are paired by all that is not a name.

The second table is of documents of 100 KB that two services write in their own ways: if they hold the same, and if
values of three, fifty or all rows differ.
"""

import gc
import json
import random
import re
import time
from dataclasses import replace

from adapters.crosswalk import Crosswalk
from shadow.compare.comparison import compare
from shadow.compare.rules import Class, Rule, Rules
from shadow.judge.__main__ import COLLECT
from tests.benchmarks.documents import PRETTY, TIGHT, WRITERS
from tests.shadow.exchanges import answer, pair

VOLATILE = 0.6
RUNS = 5
SIZE = 100_000
RULES = Rules((
    Rule("ids", "/**/id", crosswalk="resource"), Rule("references", "/**/reference", crosswalk="reference"),
    Rule("urls", "/entry/*/fullUrl", crosswalk="reference"),
), (), (Class("Observation"), Class("Patient")))


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


def renamed(text):
    """The same bundle, with another name for every record."""
    return re.sub(r'((?:Observation|Patient)/|"id": ")([0-9]+)"', r'\1n\2"', text)


def known(entries):
    crosswalk = Crosswalk()
    for at in range(entries):
        crosswalk.bind("Observation", str(at), f"n{at}")
    for at in range(97):
        crosswalk.bind("Patient", str(at), f"n{at}")
    return crosswalk


def seconds(entries, crosswalk=None):
    """The median of CPU seconds that one comparison takes, with the bytes of one body."""
    rng = random.Random(entries)
    legacy, modern = bundle(entries, random.Random(1), 0), bundle(entries, random.Random(1), 7)
    rng.shuffle(modern["entry"])
    texts = [json.dumps(legacy), json.dumps(modern) if crosswalk is None else renamed(json.dumps(modern))]
    asked = pair(*(answer(arm, text.encode(), content_type="application/fhir+json")
                   for arm, text in zip(("legacy", "modern"), texts, strict=True)))
    if crosswalk is not None:
        asked = replace(asked, rules=RULES)
    return median(asked, crosswalk), len(asked.control.body), compare(asked, crosswalk)


def median(asked, crosswalk=None):
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        compare(asked, crosswalk)
        taken.append(time.process_time() - began)
    return sorted(taken)[RUNS // 2]


def of_formats():
    """For each format and share of rows that differ: CPU seconds, the bytes of both bodies, and the comparison."""
    for name, (write, media, row) in WRITERS.items():
        rows = SIZE // row
        shares = {"none": (), "three": (1, rows // 2, rows - 2), "fifty": range(0, rows, rows // 50),
                  "all": range(rows)}
        for share, changed in shares.items():
            texts = write(rows, (), PRETTY), write(rows, frozenset(changed), TIGHT)
            asked = pair(*(answer(arm, text.encode(), content_type=media)
                           for arm, text in zip(("legacy", "modern"), texts, strict=True)))
            yield name, share, median(asked), sum(map(len, texts)), compare(asked)


def main():
    gc.set_threshold(COLLECT)
    print(f"{'entries':>8} {'KB':>8} {'CPU ms':>8} {'µs/KB':>8}  outcome")
    rows = [(entries, None, "") for entries in (10, 100, 1_000, 10_000)]
    rows += [(1_000, known(1_000), ", renamed and known"), (1_000, Crosswalk(), ", renamed and never seen")]
    for entries, crosswalk, said in rows:
        spent, size, judged = seconds(entries, crosswalk)
        figures = size / 1e3, spent * 1e3, spent * 1e9 / size
        print(f"{entries:>8} {figures[0]:>8.0f} {figures[1]:>8.1f} {figures[2]:>8.1f}  {judged.tally.outcome}{said}")
    print(f"\n{'format':>10} {'differ':>8} {'KB each':>8} {'CPU ms':>8}  outcome")
    for name, share, spent, size, judged in of_formats():
        print(f"{name:>10} {share:>8} {size / 2e3:>8.0f} {spent * 1e3:>8.1f}  {judged.tally.outcome}")


if __name__ == "__main__":
    main()
