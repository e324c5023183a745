"""The commands of `figway audit`: what they print, in 80 columns, and how they exit."""

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.flips.fhir import audit_event
from gateway.flips.record import canonical, digest, parsed
from tests.journal.kept import LENGTH, changed, journal, rows
from tests.test_docs import column

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams: {legacy: {url: "http://127.0.0.1:9001"}}
"""


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "routes.yaml").write_text(ROUTES)
    return journal(tmp_path / "figway.db.control")


@pytest.fixture
def audit(kept):
    def audit(*arguments, status=0):
        done = CliRunner().invoke(main, ["audit", *map(str, arguments), "--config", str(kept.parent / "routes.yaml")],
                                  env={"COLUMNS": "80"})
        assert done.exit_code == status, done.output
        return done.stdout

    return audit


def found(audit, *arguments, status=0):
    return [one["number"] for one in json.loads(audit("search", *arguments, "-o", "json", status=status))["records"]]


def test_a_whole_journal_is_said_to_be_whole_with_its_head_and_what_cannot_be_seen(audit, kept):
    said = audit("verify")
    assert f"whole: {LENGTH} records" in said
    assert f"head {LENGTH}:{rows(kept)[-1][2]}" in said
    assert "cannot be seen" in said
    assert "cannot be seen" not in audit("verify", "--head", rows(kept)[-1][2].upper())


def test_a_cut_end_is_named_by_a_head_an_export_and_a_log(audit, kept, tmp_path):
    head = rows(kept)[-1][2]
    export, log = tmp_path / "export.jsonl", tmp_path / "gateway.log"
    export.write_text(audit("export"))
    control = json.loads(export.read_text().splitlines()[0])["control"]
    log.write_text("not JSON\n" + "\n".join(json.dumps(one) for one in (
        {"event": "started", "control": control, "journal": 0, "head": "0" * 64}, {"event": "request", "head": 7},
        {"event": "stages_changed", "control": control, "journal": LENGTH, "head": head},
        {"event": "stages_changed", "control": "memory", "journal": 99, "head": head})))
    for one in (("--head", head), ("--head", f"{LENGTH}:{head}"), ("--segment", export), ("--segment", log)):
        audit("verify", *one)
    changed(kept, f"DELETE FROM journal WHERE number = {LENGTH}", "UPDATE control SET revision = 8")
    for one in (("--head", head), ("--head", f"{LENGTH}:{head}"), ("--segment", export), ("--segment", log)):
        assert f"record {LENGTH} cut" in audit("verify", *one, status=1)
    facts = json.loads(audit("verify", "--segment", log, "-o", "json", status=1))
    assert (facts["whole"], facts["records"], facts["faults"][0]["what"]) == (False, LENGTH - 1, "cut")


def test_heads_of_a_file_that_this_one_took_the_place_of_are_no_proof_of_it(audit, kept, tmp_path):
    log = tmp_path / "gateway.log"
    log.write_text(json.dumps({"control": "another", "journal": 1, "head": rows(kept)[0][2]}))
    assert "replaced" in audit("verify", "--segment", log, status=1)


@pytest.mark.parametrize("arguments", [
    ("--head", "abc"), ("--head", f"x:{'0' * 64}"), ("--segment", "routes.yaml"), ("--segment", "nowhere")])
def test_what_is_no_head_is_wrong_usage(audit, kept, arguments, monkeypatch):
    monkeypatch.chdir(kept.parent)
    audit("verify", *arguments, status=2)


def test_a_file_that_is_not_there_is_out_of_reach(audit, kept):
    kept.unlink()
    for command in ("verify", "search", "export"):
        audit(command, status=5)


def test_records_are_found_by_actor_capability_action_and_time(audit, kept):
    assert found(audit) == [*range(LENGTH, 0, -1)]
    assert found(audit, "--actor", "ann") == [10, 7, 6, 4, 3]
    assert found(audit, "--capability", "rooms", "--action", "reload") == [9, 2]
    assert found(audit, "--action", "trip") == [5]
    assert found(audit, "-n", "2") == [10, 9]
    assert found(audit, "--since", "1h") == found(audit, "--until", "2999-01-01") == [*range(LENGTH, 0, -1)]
    assert found(audit, "--until", "1h", status=1) == found(audit, "--since", "2999-01-01T08:00Z", status=1) == []
    at = parsed(rows(kept)[4][1]).time
    assert found(audit, "--since", at, "--action", "trip") == [5]
    assert found(audit, "--until", at, "--action", "trip", status=1) == []
    audit("search", "--since", "yesterday", status=2)


def test_what_is_printed_fits_80_columns_and_drives_no_terminal(audit, kept):
    long = replace(parsed(rows(kept)[-1][1]), number=LENGTH + 1, reason="why " * 200 + "\x1b[2J" + "x" * 200,
                   actor="a" * 120, previous=rows(kept)[-1][2])
    changed(kept, "INSERT INTO journal SELECT 11, '" + long.body().decode().replace("'", "''") + f"', '{long.digest}', "
            "time, actor, action, capability, revision, link FROM journal WHERE number = 10")
    for said in (audit("search"), audit("verify", status=1)):
        assert max(map(len, said.splitlines())) <= 80
        assert "\x1b" not in said


def test_an_export_is_verified_without_figway(audit):
    before = "0" * 64
    for line in audit("export").splitlines():
        record = json.loads(line)
        record.pop("control")
        stated = record.pop("digest")
        assert digest(canonical(record)) == stated
        assert record["previous"] == before
        before = stated


def test_an_export_of_a_journal_that_is_not_whole_says_so(audit, kept):
    changed(kept, "UPDATE journal SET body = replace(body, 'wards', 'Wards')")
    assert len(audit("export", status=1).splitlines()) == LENGTH


CODE = re.compile(r"\S+( \S+)*")


def test_a_resource_has_what_fhir_r4_asks_of_an_audit_event(audit):
    """Cardinalities and types of https://hl7.org/fhir/R4/auditevent.html."""
    for number, line in enumerate(audit("export", "--as", "fhir").splitlines(), 1):
        event = json.loads(line)
        assert event.keys() <= {"resourceType", "id", "type", "subtype", "action", "recorded", "outcome", "outcomeDesc",
                                "purposeOfEvent", "agent", "source", "entity"}
        assert event["resourceType"] == "AuditEvent"
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
        assert event["type"].keys() == {"system", "code", "display"}
        assert event["action"] in set("CRUDE")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["recorded"])
        assert event["outcome"] in {"0", "4", "8", "12"}
        assert len(event["agent"]) >= 1
        for agent in event["agent"]:
            assert isinstance(agent["requestor"], bool)
            assert agent["who"].keys() == {"display"}
        assert event["source"]["observer"].keys() == {"display"}
        for entity in event["entity"]:
            assert not {"name", "query"} <= entity.keys()  # invariant sev-1
            for detail in entity.get("detail", []):
                assert (CODE.fullmatch(detail["type"]) is not None, bool(detail["valueString"])) == (True, True)
        assert {"type": "number", "valueString": str(number)} in event["entity"][-1]["detail"]


def test_a_refusal_is_a_failure_and_a_guard_is_no_person(kept):
    events = {record.action: audit_event(record, row[2], "c0") for row in rows(kept) for record in [parsed(row[1])]}
    assert [events[action]["outcome"] for action in ("flip", "refusal")] == ["0", "4"]
    assert "first" in events["refusal"]["outcomeDesc"]
    assert [events[action]["agent"][0]["requestor"] for action in ("flip", "trip", "reload")] == [True, False, False]
    assert events["trip"]["purposeOfEvent"] == [{"text": "20% errors"}]


def test_the_reference_has_every_fault():
    from gateway.flips import chain, examined

    assert column("How the journal is verified") == [
        chain.CHANGED, chain.DROPPED, chain.SWAPPED, chain.INSERTED, chain.CUT, chain.REWRITTEN, examined.STAGES,
        examined.REPLACED, examined.DAMAGED]
