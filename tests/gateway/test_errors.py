"""What clients get where there is no upstream's answer: problem+json with a status, a code and a source."""

import json
from pathlib import Path

import pytest

from gateway.errors import CODES, FAILURES, code_of, phrase, problem, whereabouts
from shadow.observation import Failure


@pytest.mark.parametrize("code", CODES)
def test_an_answer_of_our_own_is_problem_json_that_nobody_keeps(code):
    status, headers, body = problem(code)
    row = CODES[code]
    assert status == row.status
    assert list(headers) == [
        (b"Content-Type", b"application/problem+json"), (b"Content-Length", str(len(body)).encode()),
        (b"Cache-Control", b"no-store"), (b"Proxy-Status", f"figway; error={row.proxy_status}".encode()),
    ]
    assert json.loads(body) == {
        "type": f"urn:figway:error:{code}", "title": row.title, "status": status, "code": code,
        "retryable": row.retryable,
    }


def test_it_says_more_where_more_is_known():
    _, headers, body = problem("upstream_refused", detail="try later", trace_id="0af7", next_hop="old:80")
    assert json.loads(body).items() >= {"detail": "try later", "trace_id": "0af7"}.items()
    assert headers.get(b"proxy-status") == b'figway; error=connection_refused; next-hop="old:80"'


def test_a_next_hop_is_written_in_ascii():
    _, headers, _ = problem("internal", next_hop="ä")
    assert headers.get(b"proxy-status") == b'figway; error=proxy_internal_error; next-hop="?"'


def test_a_code_without_a_row_is_a_fault_of_ours():
    with pytest.raises(KeyError):
        problem("no_such_code")


def test_every_failure_has_a_code_and_every_code_a_phrase():
    assert set(FAILURES.values()) <= CODES.keys()
    assert all(phrase(row.status) for row in CODES.values())
    assert (phrase(502), phrase(413)) == (b"Bad Gateway", b"Request Entity Too Large")


def test_a_fault_of_an_upstream_is_502_503_or_504_and_one_of_a_client_is_not():
    assert {row.status for row in CODES.values() if row.source == "upstream"} == {502, 503, 504}
    assert {row.status for row in CODES.values() if row.source == "gateway"} == {500, 503}
    assert all(row.status // 100 == 4 or row.status in (501, 505, 508)
               for row in CODES.values() if row.source == "downstream")


@pytest.mark.parametrize(("failure", "code"), [
    (Failure("connect_refused"), "upstream_refused"), (Failure("no_endpoint", "gateway"), "upstream_unavailable"),
    (Failure("no_room", "gateway"), "overloaded"), (Failure("raw_target", "gateway"), "raw_target"),
    # An adapter may fail on the upstream's answer, on the client's request, or by its own fault.
    (Failure("adapter", "upstream"), "upstream_malformed"), (Failure("adapter", "request"), "not_translatable"),
    (Failure("adapter", "gateway"), "internal"),
    # Only of an adapter does it matter on what it failed.
    (Failure("reset", "request"), "upstream_reset"),
    # Nobody is left to answer, or the kind is new.
    (Failure("cancelled", "downstream"), "internal"), (Failure("new"), "internal"),
])
def test_a_failed_call_has_the_code_of_whose_fault_it_is(failure, code):
    assert code_of(failure) == code


def test_an_exception_is_placed_where_it_was_raised_and_not_quoted():
    def fail():
        raise ValueError("Jane Doe")

    with pytest.raises(ValueError, match="Jane") as raised:
        fail()
    line = fail.__code__.co_firstlineno + 1
    assert whereabouts(raised.value) == f"{Path(__file__).name}:{line}"
    assert whereabouts(ValueError("never raised")) == ""
