"""The demo's verdict: it is content with every seeded defect and nothing else, and with nothing less."""

from collections import Counter
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from adapters.message import Headers, Request
from gateway.demo.clinic import build
from gateway.demo.defects import DEFECTS
from gateway.demo.findings import review
from gateway.demo.rest import payload
from gateway.demo.summary import capabilities, complaints, differences, verdict
from gateway.demo.traffic import Tally as Clients
from gateway.demo.traffic import plan
from shadow.compare.comparison import Outcome, Tally, compare
from shadow.compare.difference import ABSENT, Difference, Shape
from shadow.compare.pair import Pair
from shadow.latency import Histogram
from shadow.ledger.rows import Traffic
from shadow.observation import Failure, Observation
from shadow.report.report import fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory

ASKS = plan(build(), 400, seed=1)
STAGES = {"patients": "shadow", "results": "shadow", "appointments": "canary", "documents": "verify"}


def observed(arm, answer):
    if answer.torn:
        return Observation(arm, 0.01, failure=Failure("truncated", sent=True))
    headers = Headers([(b"Content-Type", b"application/json")] if answer.document else [])
    return Observation(arm, 0.01, answer.status, headers, payload(answer))


@pytest.fixture(scope="module")
def ledger():
    """What the shadow would learn of these requests, with the product's own comparator and store."""
    store = Memory(Memory.Options())
    comparisons, traffic = [], []
    for ask in ASKS:
        operation = ask.operation
        stage = STAGES.get(operation.capability, "legacy")
        seconds = Histogram()
        seconds.add(0.004)
        traffic.append(Traffic(operation.capability, operation.name, stage, "legacy", 1, 0, seconds, 1.0))
        if stage != "legacy" and operation.method == "GET" and not ask.refused:
            request = Request("GET", ask.target.encode(), Headers())
            pair = Pair(operation.capability, operation.name, request, observed("legacy", ask.right),
                        observed("modern", ask.spoilt), "t", 1.0)
            comparisons.append(compare(pair))
    store.write(Batch(comparisons, traffic=traffic))
    return store.read()


def text(*pages):
    console = Console(file=StringIO(), width=140)
    for page in pages:
        console.print(page)
    return console.file.getvalue()


def test_every_defect_is_found_as_often_as_it_was_met(ledger):
    judged = review(ledger, ASKS)
    assert judged.ok, judged
    assert judged.found == judged.seeded
    assert all(judged.seeded[one.name] for one in DEFECTS)


def test_a_defect_that_is_not_found_is_missed(ledger):
    less = replace(ledger, findings=ledger.findings[1:])
    judged = review(less, ASKS)
    assert not judged.ok
    assert "✘ 7 of 8 seeded defects" in text(verdict(judged, Clients()))


def test_a_difference_that_nobody_seeded_is_named(ledger):
    odd = replace(ledger.findings[0], capability="patients", operation="read",
                  exemplar=Difference("extra", "/surprise", ABSENT, Shape("string", 4, "word")))
    judged = review(replace(ledger, findings=[*ledger.findings, odd]), ASKS)
    assert not judged.ok
    assert [line.path for line in judged.others] == ["/surprise"]
    shown = text(differences(judged))
    assert "not a seeded defect" in shown
    assert "major extra /surprise" in shown
    assert "✘ other differences found: 1" in text(verdict(judged, Clients()))


def test_what_was_left_unjudged_is_told(ledger):
    shed = Tally("results", "read", Outcome.SHED, "queue_full")
    judged = review(replace(ledger, tallies={**ledger.tallies, shed: 3}), ASKS)
    assert not judged.ok
    assert "✘ not judged: results: shed, queue_full (3)" in text(verdict(judged, Clients()))


def test_a_wrong_answer_to_a_client_is_told(ledger):
    page = text(verdict(review(ledger, ASKS), Clients(right=3, wrong=["patients.read: status 502"] * 2)))
    assert "✘ of 5 clients' requests" in page
    assert "✘ wrong: patients.read: status 502 (2)" in page


def test_what_the_gateway_complains_of_is_told():
    page = text(complaints("[+] accepting: new requests\n[-] connections: 3 of 12, 963 turned away\n"
                           "[-] store: full\nok\n"))
    assert [line.strip() for line in page.splitlines()] == [
        "✘ the gateway says: connections: 3 of 12, 963 turned away", "✘ the gateway says: store: full"]


def test_the_table_has_every_capability_and_says_where_nothing_is_compared(ledger):
    lines = [line.split() for line in text(capabilities(fold(ledger))).splitlines()]
    asked = Counter(one.operation.capability for one in ASKS)
    found = {line[0]: line[1:4] for line in lines if line}
    assert found["patient-search"] == ["legacy", str(asked["patient-search"]), "–"]
    assert found["patients"][:2] == ["shadow", str(asked["patients"])]
    assert found["(all"][-1] == "legacy"
    assert [line[0] for line in lines if line][-1] == "(all"
