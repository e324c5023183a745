"""What can be done with sealed exchanges, through `figway serve` and beside it: judged again, asked again, shrunk."""

import json
import re
import sqlite3

import pytest

from shadow.custody.sqlite import SqliteCustody
from shadow.sealed.base import PURPOSE
from tests.backends.upstream import never, resets
from tests.scenarios.test_sealed import config, listed, says, sealed, shadow

CANARIES = ("Zebulon", "Quarrington", "48151623", "CANARY", "SECRET")
LEGACY = b'{"entry": [{"id": "MRN-48151623", "name": "Zebulon", "at": "2024-01-01T00:00:00Z"}, {"id": "2"}]}'
MODERN = b'{"entry": [{"id": "MRN-48151623", "name": "Quarrington", "at": "2025-06-01T00:00:00Z"}, {"id": "2"}]}'
IGNORES = "rules: [{at: /entry/*/at, volatile: instant}, {at: /entry/*/name, ignore: true, reason: spelling}]\n"


def told(done, status):
    """What a command printed; it ended so, and showed no value."""
    assert done.returncode == status, done.stderr
    assert not [one for one in CANARIES if one in done.stdout + done.stderr]
    return done.stdout


@pytest.fixture
def figway(gateway, legacy, modern):
    says(legacy, LEGACY)
    says(modern, MODERN)
    running = gateway(config(legacy, modern))
    running.ask("GET", "/results/MRN-48151623?who=CANARY", ("Host", "clinic"), ("Authorization", "Bearer SECRET"),
                ("Accept-Language", "cy"))
    sealed(running, 1)
    return running


@pytest.fixture
def record(figway):
    [one] = listed(figway)
    return one


def deeds(figway):
    custody = SqliteCustody(figway.folder / "figway.db.custody")
    trail, whole = custody.trail()
    custody.close()
    assert whole
    return [(one.action, one.subject, one.reason) for one in trail]


def test_sealed_exchanges_are_judged_again_by_rules_to_try_and_by_those_that_are_configured(figway, record):
    assert told(shadow(figway, "recompare"), 1).splitlines() == ["before: 1 mismatch", "now: 1 mismatch"]
    (figway.folder / "rules.yaml").write_text(IGNORES)
    tried = told(shadow(figway, "recompare", "results", "--rules", str(figway.folder / "rules.yaml")), 0)
    assert tried.splitlines() == [
        "before: 1 mismatch", "now: 1 match_normalised", "  hidden: 1 by ignore /entry/*/name",
        "  hidden: 1 by volatile /entry/*/at", f"  {record} read: mismatch → match_normalised"]
    (figway.folder / "rules.yaml").write_text("rules: [{at: /entry/*/at, volatile: instant}]")
    figway.file.write_text(figway.file.read_text().replace("sample: 100%,", "sample: 100%, rules: [" + (
        "{at: /entry/*/name, ignore: true, reason: spelling}],")))
    assert f"  {record} read: mismatch → another mismatch" in told(shadow(figway, "recompare"), 1)
    both = told(shadow(figway, "recompare", "--rules", str(figway.folder / "rules.yaml"), "-o", "json"), 0)
    facts = json.loads(both)
    assert (facts["before"], facts["now"], facts["unreadable"]) == ({"mismatch": 1}, {"match_normalised": 1}, {})
    [one] = facts["exchanges"]
    assert (one["id"], one["changed"], one["differences"]) == (record, True, [])
    alone = shadow(figway, "recompare", "--rules", str(figway.folder / "rules.yaml"), "--alone", "-o", "json")
    [one] = json.loads(told(alone, 1))["exchanges"]
    assert [(found["path"], found["legacy"]) for found in one["differences"]] == [("/entry/0/name", "string(7) word")]
    assert {action for action, _, _ in deeds(figway)} == {"recompare"}
    assert {subject for _, subject, _ in deeds(figway)} == {"*", "results"}


def test_a_record_is_asked_again_as_a_mirror_is(figway, record, legacy, modern):
    asked = [len(one.asked) for one in (legacy, modern)]
    lines = told(shadow(figway, "replay", record, "--reason", "ticket 7"), 1).splitlines()
    assert re.fullmatch(rf"{record} results\.read: legacy 200 in \d+ ms, modern 200 in \d+ ms", lines[0])
    assert [line.split(":")[0].split() for line in lines[1:]] == [
        ["mismatch"], ["again", "major", "value", "/entry/0/name"], ["again", "major", "value", "/entry/0/at"]]
    assert [len(one.asked) for one in (legacy, modern)] == [count + 1 for count in asked]
    for upstream in (legacy, modern):
        sent = upstream.asked[-1]
        assert (sent.method, sent.target) == ("GET", b"/results/MRN-48151623?who=CANARY")
        assert [sent.get(name) for name in ("X-Figway-Shadow", "Host", "Accept-Language", "Via")] == [
            "1", "clinic", "cy", "1.1 figway"]
        assert sent.get("Authorization") is None
    assert deeds(figway) == [("replay", record, "ticket 7")]


def test_what_was_mended_agrees_now_and_what_is_new_is_told_from_what_was_there(figway, record, modern):
    says(modern, LEGACY.replace(b'"2"', b'"3"'))
    facts = json.loads(told(shadow(figway, "replay", record, "-o", "json"), 1))
    assert [(one["path"], one["reproduced"]) for one in facts["differences"]] == [
        ("/entry/1", False), ("/entry/1", False)]
    assert [one["path"] for one in facts["gone"]] == ["/entry/0/name", "/entry/0/at"]
    assert (facts["agrees"], facts["legacy"]["status"], facts["modern"]["failure"]) == (False, 200, None)
    says(modern, LEGACY)
    lines = told(shadow(figway, "replay", record), 0).splitlines()
    assert lines[1] == "agrees now: match"
    assert [line.split()[0] for line in lines[2:]] == ["gone", "gone"]


def test_an_arm_that_fails_is_an_outcome(figway, record, modern):
    modern.does(resets)
    lines = told(shadow(figway, "replay", record), 1).splitlines()
    assert "modern reset in" in lines[0]
    assert lines[1] == "candidate_error (reset)"
    figway.file.write_text(figway.file.read_text().replace("sample: 100%,", "sample: 100%, deadline: 300ms,"))
    modern.does(never)
    assert told(shadow(figway, "replay", record), 1).splitlines()[1] == "candidate_error (total_timeout)"


def test_a_sealed_exchange_becomes_a_test_without_anybody_in_it(figway, record):
    file = figway.folder / "test_case.py"
    done = shadow(figway, "minimise", record, "--at", "/entry/*/name", "-o", str(file), "--reason", "bug 9")
    assert told(done, 0) == ""
    text = file.read_text()
    assert "('value', '/entry/*/name', 'string word', 'string word', 'major')" in text
    assert not [one for one in CANARIES if one in text]
    assert deeds(figway) == [("minimise", record, "bug 9")]


def test_the_trace_of_the_report_is_an_id_too(figway, record):
    trace = shadow(figway, "list").stdout.split()[-3]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert told(shadow(figway, "replay", trace), 1).startswith(record)


@pytest.mark.parametrize("change", [("/results/{id}", "/other/{id}"), ("{method: GET,", "{method: GET, safe: false,"),
                                    ("    modern: modern\n    stage: shadow", "    stage: legacy")])
def test_what_may_not_be_asked_again_is_refused(figway, record, legacy, change):
    written = figway.file.read_text().replace(*change)
    if "stage: legacy" in change[1]:
        written = re.sub("    shadow: {sample.*\n", "", written)
    figway.file.write_text(written)
    asked = len(legacy.asked)
    done = shadow(figway, "replay", record)
    assert told(done, 2) == ""
    assert any(one in done.stderr for one in ("the request is", "it is not sent again", "has only one arm"))
    assert len(legacy.asked) == asked


def test_what_is_not_to_be_had_is_said(figway, record):
    for name in ("0" * 16, "f" * 32, "Zebulon"):
        done = shadow(figway, "replay", name)
        assert done.returncode == 2
        assert "no such record" in done.stderr or "nothing is sealed under that id" in done.stderr
        assert "Zebulon" not in done.stderr
    figway.stop()
    custody = SqliteCustody(figway.folder / "figway.db.custody")
    custody.destroy(PURPOSE, record)
    custody.close()
    for command in ("replay", "minimise"):
        assert "the record's key is destroyed" in shadow(figway, command, record).stderr
    assert "nothing to judge" in shadow(figway, "recompare").stderr
    assert "there is no capability" in shadow(figway, "recompare", "nobody").stderr
    (figway.folder / "figway.sealed").unlink()
    assert "there is no sealed file" in shadow(figway, "replay", record).stderr
    (figway.folder / "figway.db.custody").unlink()
    assert "there is no custody" in shadow(figway, "replay", record).stderr


def test_the_same_trace_twice_is_asked_which(figway, record):
    trace = shadow(figway, "list").stdout.split()[-3]
    figway.ask("GET", "/results/2", ("Host", "clinic"), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01"))
    sealed(figway, 2)
    done = shadow(figway, "replay", trace)
    assert (done.returncode, done.stdout) == (2, "")
    assert record in done.stderr


def test_a_search_by_post_is_asked_again_with_its_body_and_a_write_never(gateway, legacy, modern):
    says(legacy, LEGACY)
    says(modern, MODERN)
    figway = gateway(config(legacy, modern).replace("{read: {method: GET, path: \"/results/{id}\"}}", (
        "{search: {method: POST, path: /results/_search, safe: true}}"), 1))
    figway.ask("POST", "/results/_search", ("Host", "clinic"), ("Content-Type", "application/json"),
               body=b'{"who": "Zebulon"}')
    sealed(figway, 1)
    [record] = listed(figway)
    assert told(shadow(figway, "replay", record), 1).startswith(f"{record} results.search: legacy 200 in")
    for upstream in (legacy, modern):
        sent = upstream.settled()[-1]
        assert (sent.method, sent.body, sent.get("X-Figway-Shadow")) == ("POST", b'{"who": "Zebulon"}', "1")
    figway.file.write_text(figway.file.read_text().replace(", safe: true", ""))
    asked = len(legacy.asked), len(modern.asked)
    assert "changes something" in shadow(figway, "replay", record).stderr
    assert (len(legacy.asked), len(modern.asked)) == asked


def test_what_could_not_be_read_is_told_and_is_no_success(figway, record):
    figway.ask("GET", "/results/2", ("Host", "clinic"))
    sealed(figway, 2)
    figway.stop()
    with sqlite3.connect(figway.folder / "figway.sealed") as connection:
        connection.execute("UPDATE record SET operation = 'other' WHERE id = ?", (record,))
    (figway.folder / "rules.yaml").write_text(IGNORES)
    done = shadow(figway, "recompare", "--rules", str(figway.folder / "rules.yaml"))
    assert told(done, 1).splitlines()[-1] == f"  {record}: the record is not as it was sealed"
