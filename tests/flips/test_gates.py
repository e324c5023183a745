"""Which steps need evidence, and what the gate's answer makes of them: tables, one row a test."""

import pytest

from gateway.flips import gates
from gateway.flips.base import NoEvidence, Refused
from gateway.flips.gates import Step
from tests.flips.test_steps import at


@pytest.mark.parametrize(("before", "after", "needed"), [
    ("legacy/legacy", "shadow/legacy", None),
    ("legacy/legacy", "canary/legacy/0", None),
    ("shadow/legacy/500", "canary/legacy/500", Step(0.05)),
    ("legacy/legacy/500", "canary/legacy/500", Step(0.05)),
    ("canary/legacy/500", "canary/legacy/2500", Step(0.25)),
    ("canary/legacy/500", "canary/legacy/100", None),
    ("canary/legacy/500", "verify/legacy/500", Step(1.0)),
    ("shadow/legacy", "verify/legacy", Step(1.0)),
    ("verify/legacy", "modern/legacy", Step(1.0)),
    ("modern/legacy", "verify/legacy", None),
    ("modern/modern", "canary/modern/500", None),
    ("modern/modern", "legacy/legacy", None),
    ("verify/legacy", "verify/modern", Step(0.0, writes=True)),
    ("verify/legacy/0", "verify/canary/0", None),
    ("verify/legacy/0", "verify/canary/500", Step(0.0, writes=True)),
    ("canary/canary/500", "canary/canary/600", Step(0.06, writes=True)),
    ("verify/modern", "legacy/modern", None),
    ("verify/legacy", "legacy/modern", Step(0.0, writes=True)),
    ("shadow/modern", "verify/legacy", Step(1.0)),
    ("modern/modern", "retired/retired", Step(1.0, writes=True)),
])
def test_a_step_after_which_modern_serves_more_needs_evidence(before, after, needed):
    assert gates.step(at(before), at(after)) == needed


@pytest.mark.parametrize(("wanted", "known", "error", "says"), [
    (Step(0.05), {"answer": "SAFE", "says": "SAFE up to 5%"}, None, ""),
    (Step(0.05), {"answer": "NOT SAFE", "says": "NOT SAFE: it differs"}, Refused, "NOT SAFE: it differs"),
    (Step(0.05), {"answer": "NOT ENOUGH EVIDENCE", "says": "NOT ENOUGH EVIDENCE: 3 more"}, NoEvidence,
     "NOT ENOUGH EVIDENCE: 3 more"),
    (Step(0.05), {"unread": "the store is locked"}, NoEvidence,
     "NOT ENOUGH EVIDENCE: the evidence is unread, the store is locked"),
    (Step(0.0, writes=True), {"answer": "SAFE", "says": "SAFE"}, NoEvidence,
     "NOT ENOUGH EVIDENCE for writes: no mode compares writes yet"),
    (Step(1.0, writes=True), {"answer": "SAFE", "says": "SAFE"}, NoEvidence,
     "NOT ENOUGH EVIDENCE for writes: no mode compares writes yet"),
])
def test_the_answer_of_the_gate_decides(wanted, known, error, says):
    found = gates.objection(wanted, known)
    assert (type(found) if found is not None else None, str(found or "")) == (error, says)
