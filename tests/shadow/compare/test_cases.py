"""Pairs of bodies in `cases`, each with the right answer, which stands for a whole kind of pairs."""

from pathlib import Path

import pytest

from adapters.message import Headers
from gateway.cli.files import MEDIA
from shadow.compare.comparison import Outcome, compare
from shadow.observation import Observation
from tests.shadow.exchanges import pair

CASES = Path(__file__).parent / "cases"
MATCH, NORMALISED, MISMATCH = Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.MISMATCH


def told(name, media=""):
    """The outcome, and the differences as (severity, kind, index-free path)."""
    sides = []
    for arm in ("legacy", "modern"):
        [path] = CASES.glob(f"{name}.{arm}.*")
        fields = Headers([(b"Content-Type", (media or MEDIA[path.suffix]).encode())])
        sides.append(Observation(arm, 0.0, 200, fields, path.read_bytes()))
    found = compare(pair(*sides))
    return found.tally.outcome, [(str(one.severity), one.kind, one.signature.path) for one in found.differences]


@pytest.mark.parametrize(("name", "outcome", "differences"), [
    ("json-latin1", MISMATCH, [("critical", "value", "/dose")]),
    ("json-bom", MISMATCH, [("critical", "value", "/dose")]),
    ("json-bom-only", NORMALISED, []),
    ("hl7-result-other-patient", MISMATCH, [("critical", "moved", "PID/OBR")]),
    ("hl7-note-other-result", MISMATCH, [("critical", "moved", "PID/OBR/OBX/NTE")]),
    ("hl7-reaction-other-vaccine", MISMATCH, [("critical", "moved", "PID/RXA/OBX")]),
    ("xml-interleaved", MISMATCH, [("major", "moved", "/r/Name")]),
    ("xml-qname-prefix", NORMALISED, []),
    ("html-input-value", MISMATCH, [("critical", "value", "/input[@name='dose']/@value")]),
    ("html-deep", MISMATCH, [("major", "value", "")]),
    ("json-number-list", MISMATCH, [("minor", "precision", "/*")] * 3),
    ("json-40-rows", MISMATCH, [("minor", "precision", "/*/value")] * 40),
])
def test_a_pair_has_its_right_answer(name, outcome, differences):
    assert told(name) == (outcome, differences)


def test_each_side_of_a_multipart_body_has_its_own_boundary():
    assert told("multipart", "multipart/related") == (MATCH, [])
