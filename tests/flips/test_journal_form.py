"""The form of a record is what the reference says."""

from dataclasses import fields

from gateway.flips.record import Record, digest_of, parsed
from tests.test_docs import column


def test_the_reference_has_every_field_of_a_record():
    assert column("The journal") == [one.name for one in fields(Record)]


def test_a_record_is_read_as_it_was_written_and_evidence_has_a_digest():
    record = Record(1, "2026-01-01T00:00:00.000Z", "ann", "operator", "socket", "flip", "labs", 7, "wards agreed – é",
                    before={"reads": "shadow"}, evidence={"answer": "SAFE"},
                    evidence_digest=digest_of({"answer": "SAFE"}))
    assert parsed(record.body()) == record
    assert parsed(record.body()).digest == record.digest
    assert digest_of(None) == ""
    assert b" agreed" in record.body()
