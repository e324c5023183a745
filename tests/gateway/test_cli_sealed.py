"""figway shadow, over sealed records: who sees them, what keeps them, what destroys them, and what the trail says."""

import grp
import gzip
import os
import pwd
import sqlite3
import time

import pytest
from click.testing import CliRunner

from adapters.message import Headers, Request
from gateway.cli.main import main
from shadow.compare.comparison import compare
from shadow.compare.pair import Pair
from shadow.compare.tokens import crosswalk_place, token
from shadow.custody.base import LONGEST, Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Epoch, Setup
from shadow.lane.epoch_keys import PURPOSE as EPOCH
from shadow.lane.epoch_keys import scope
from shadow.ledger.rows import Binding
from shadow.sealed.base import PURPOSE, Bounds, Captured
from shadow.sealed.sqlite import SqliteVault
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite
from tests.shadow.exchanges import answer

ME = pwd.getpwuid(os.getuid()).pw_name
ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
shadow:
  capture: {views: {reviewer: [WHO], nobody: [somebody-else, "%no-such-group"]}}
upstreams:
  legacy: {url: "http://127.0.0.1:9001"}
capabilities:
  results: {owner: us, operations: {read: {path: "/results/{id}"}}, legacy: legacy, stage: legacy}
  booking: {owner: us, operations: {list: {path: /bookings}}, legacy: legacy, stage: legacy}
default: {upstream: legacy}
"""
NOW = time.time()


def captured(number, at=NOW, capability="results", target=b"/results/7", legacy=b'{"name": "Wren"}', **more):
    request = Request("GET", target, Headers([(b"Accept", b"*/*"), (b"Authorization", b"")]))
    return Captured(f"{number:016x}", at, capability, "read", f"trace{number}", "patternkey", True, request,
                    answer("legacy", legacy, **more), answer("modern", {"name": "Wrenn"}))


@pytest.fixture
def routes(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES.replace("WHO", ME))
    return file


@pytest.fixture
def custody(tmp_path):
    custody = SqliteCustody(tmp_path / "figway.db.custody")
    yield custody
    custody.close()


@pytest.fixture
def vault(tmp_path, custody):
    vault = SqliteVault(tmp_path / "figway.sealed", custody, Bounds())
    for number in (1, 2, 3):
        vault.seal(captured(number, at=NOW + number))
    vault.seal(captured(4, at=NOW + 4, capability="booking"))
    yield vault
    vault.close()


@pytest.fixture
def figway(routes):
    def figway(*arguments, said=None):
        found = CliRunner().invoke(main, ["shadow", *map(str, arguments), "--config", str(routes)], input=said)
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    return figway


def ids(vault):
    return [int(entry.id, 16) for entry in vault.entries()]


def deeds(custody):
    trail, whole = custody.trail()
    assert whole
    assert {deed.actor for deed in trail} <= {ME}
    return [(deed.action, deed.subject, deed.reason) for deed in trail]


# --- list ---

def test_list_tells_what_is_sealed_and_shows_nothing_of_it(figway, vault, custody):
    found = figway("list")
    header, *lines = found.stdout.splitlines()
    assert header.split() == ["ID", "EXCHANGE", "AT", "PATTERN", "TRACE", "BYTES", "EXPIRES"]
    assert [line.split()[:2] for line in lines] == [
        [captured(number).id, "booking.read" if number == 4 else "results.read"] for number in (1, 2, 3, 4)]
    assert lines[0].split()[3:5] == ["patternkey", "trace1"]
    assert "Wren" not in found.output
    assert [line.split()[0] for line in figway("list", "booking").stdout.splitlines()[1:]] == [captured(4).id]
    assert deeds(custody) == []


def test_a_sealed_file_that_fails_is_named(figway, vault, tmp_path):
    vault.close()
    for file in tmp_path.glob("figway.sealed*"):
        file.write_bytes(b"this is no database" * 100)
    found = figway("list")
    says = f"figway: {tmp_path}/figway.sealed: the sealed file fails: SQLITE_NOTADB (it is damaged, or no SQLite file)"
    assert (found.exit_code, found.stderr) == (2, f"{says}\n")


def test_a_sealed_file_that_fails_keeps_nobody_from_the_trail_and_the_holds(figway, vault, custody, tmp_path):
    figway("hold", "results", "--reason", "case 7")
    vault.close()
    for file in tmp_path.glob("figway.sealed*"):
        file.write_bytes(b"this is no database" * 100)
    for command in ("holds", "audit"):
        found = figway(command)
        assert (found.exit_code, "case 7" in found.stdout, found.stderr) == (0, True, "")
    assert figway("release", "results", "--reason", "closed").exit_code == 0
    assert not custody.holds()


def test_list_shows_what_is_held(figway, vault, custody):
    custody.hold(Hold("booking", 1.0, "jo", "case"))
    assert [line.split()[-1] == "held" for line in figway("list").stdout.splitlines()[1:]] == [False] * 3 + [True]


@pytest.mark.parametrize("command", [["list"], ["view", captured(1).id, "--role", "reviewer", "--reason", "x"],
                                     ["purge", "--all", "--reason", "x"]], ids=lambda command: command[0])
def test_where_nothing_is_sealed_that_is_said(figway, routes, custody, tmp_path, command):
    found = figway(*command)
    assert (found.exit_code, "it is made when a gateway starts" in found.stderr) == (2, True)
    assert not (tmp_path / "figway.sealed").exists()
    routes.write_text(ROUTES.replace("  capture:", "  drain: 5s #"))
    found = figway(*command)
    assert (found.exit_code, "has no `capture`" in found.stderr) == (2, True)


# --- view ---

def test_a_view_shows_the_exchange_and_is_in_the_trail(figway, vault, custody):
    found = figway("view", captured(1).id, "--role", "reviewer", "--reason", "ticket 7")
    assert found.exit_code == 0
    for part in ["results.read at ", "trace trace1", "GET /results/7", "Accept: */*", "Authorization: \n",
                 '--- legacy: 200 after 0.010 s\n', '{"name": "Wren"}', "--- modern: 200", '{"name": "Wrenn"}']:
        assert part in found.stdout
    [deed], _ = custody.trail()
    assert (deed.actor, deed.role, deed.action, deed.subject, deed.reason) == (
        ME, "reviewer", "view", captured(1).id, "ticket 7")


def test_a_member_of_a_group_may_view(figway, vault, routes):
    routes.write_text(ROUTES.replace("WHO", f'"%{grp.getgrgid(os.getegid()).gr_name}"'))
    assert figway("view", captured(1).id, "--role", "reviewer", "--reason", "x").exit_code == 0


@pytest.mark.parametrize(("role", "reason", "why"), [
    ("nobody", "ticket 7", 'you are not in the role "nobody"'),
    ("other", "ticket 7", 'there is no role "other"'),
    ("\x1b[2J", "ticket 7", 'there is no role "\\x1b[2J"'),
    ("reviewer", "", "a view needs a reason"),
    ("reviewer", " \t", "a view needs a reason"),
])
def test_a_view_that_is_refused_shows_nothing_and_is_in_the_trail(figway, vault, custody, role, reason, why):
    found = figway("view", captured(1).id, "--role", role, "--reason", reason)
    assert (found.exit_code, found.stdout) == (1, "")
    assert why in found.stderr
    [deed], _ = custody.trail()
    assert (deed.action, deed.role, deed.reason) == ("view_refused", role, reason)


def test_nobody_may_view_where_no_role_is_written(figway, vault, routes, custody):
    routes.write_text(ROUTES.replace("{views: {reviewer: [WHO], nobody: [somebody-else, \"%no-such-group\"]}}", "{}"))
    assert figway("view", captured(1).id, "--role", "reviewer", "--reason", "x").exit_code == 1
    assert figway("list").exit_code == 0


def test_what_the_environment_says_of_the_user_counts_for_nothing(figway, vault, routes, monkeypatch):
    routes.write_text(ROUTES.replace("WHO", "somebody-else"))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert figway("view", captured(1).id, "--role", "reviewer", "--reason", "x").exit_code == 1


def test_a_view_tells_the_terminal_nothing(figway, vault):
    vault.seal(captured(9, target=b"/\x1b]0;x\x07", legacy=b"\x1b[2J\xff\r\nnext"))
    found = figway("view", captured(9).id, "--role", "reviewer", "--reason", "x")
    assert "\x1b" not in found.stdout
    assert "\\x1b[2J\\xff\\r\nnext" in found.stdout


def test_a_view_takes_content_coding_off(figway, vault):
    vault.seal(captured(8, legacy=gzip.compress(b"inside"), content_encoding="gzip"))
    vault.seal(captured(9, legacy=b"torn", content_encoding="gzip"))
    assert "\ninside\n" in figway("view", captured(8).id, "--role", "reviewer", "--reason", "x").stdout
    assert "\ntorn\n" in figway("view", captured(9).id, "--role", "reviewer", "--reason", "x").stdout


@pytest.mark.parametrize(("number", "why"), [(7, "no such record"), (1, "not as it was sealed"), (2, "is destroyed")])
def test_a_record_that_is_not_to_be_had_is_said_to_be_so(figway, vault, custody, tmp_path, number, why):
    with sqlite3.connect(tmp_path / "figway.sealed") as connection:
        connection.execute("UPDATE record SET operation = 'other' WHERE id = ?", (captured(1).id,))
    connection.close()
    custody.destroy(PURPOSE, captured(2).id)
    found = figway("view", captured(number).id, "--role", "reviewer", "--reason", "x")
    assert (found.exit_code, found.stdout) == (2, "")
    assert why in found.stderr
    assert deeds(custody) == [("view", captured(number).id, "x")]


def test_an_id_that_is_none_does_not_come_into_the_trail(figway, vault, custody):
    assert figway("view", "MRN-4711", "--role", "reviewer", "--reason", "x").exit_code == 2
    assert deeds(custody) == []


# --- hold and release ---

def test_a_hold_keeps_a_record_until_it_is_released(figway, vault, custody):
    one = captured(1).id
    assert figway("hold", one, "--reason", "case 7").stdout == f"{one} is held\n"
    assert figway("hold", "booking", "--reason", "case 8").exit_code == 0
    assert [line.split()[0] for line in figway("holds").stdout.splitlines()] == ["HELD", one, "booking"]
    found = figway("purge", "--all", "--reason", "end")
    assert (found.exit_code, found.stdout) == (1, "2 records destroyed, 2 held and kept\n")
    assert ids(vault) == [1, 4]
    assert figway("release", one, "--reason", "closed").exit_code == 0
    assert figway("release", "booking", "--reason", "closed").exit_code == 0
    assert figway("purge", "--all", "--reason", "end").stdout == "2 records destroyed, 0 held and kept\n"
    assert deeds(custody) == [
        ("hold", one, "case 7"), ("hold", "booking", "case 8"), ("purge", "all", "end"),
        ("purged", "all", "2 records destroyed, 2 held and kept"), ("release", one, "closed"),
        ("release", "booking", "closed"), ("purge", "all", "end"),
        ("purged", "all", "2 records destroyed, 0 held and kept")]


@pytest.mark.parametrize("command", [["hold", "results"], ["release", "results"], ["purge", "--all"]])
def test_without_a_reason_nothing_is_done_and_the_trail_says_so(figway, vault, custody, command):
    if command[0] == "release":
        custody.hold(Hold("results", 1.0, "jo", "case"))
    before = custody.holds()
    found = figway(*command, "--reason", " ")
    assert (found.exit_code, "needs a reason" in found.stderr) == (1, True)
    assert [action for action, *_ in deeds(custody)] == [f"{command[0]}_refused"]
    assert custody.holds() == before
    assert ids(vault) == [1, 2, 3, 4]


def test_what_is_not_there_cannot_be_held_or_released(figway, vault, custody):
    found = figway("hold", "resluts", "--reason", "x")
    assert (found.exit_code, 'did you mean "results"' in found.stderr) == (2, True)
    assert figway("hold", captured(9).id, "--reason", "x").exit_code == 2
    assert figway("release", "results", "--reason", "x").exit_code == 2
    assert (custody.holds(), deeds(custody)) == ({}, [])


def test_a_capability_is_held_where_nothing_is_sealed_at_all(figway, routes, custody):
    routes.write_text(ROUTES.replace("  capture:", "  drain: 5s #"))
    assert figway("hold", "results", "--reason", "case").exit_code == 0
    assert custody.holds().keys() == {"results"}


# --- purge ---

def told(records, examples=0, pairs=0, held=0):
    """What a purge by subject says."""
    counts = ((records, "record", "destroyed"), (examples, "example", "unlinked"), (pairs, "pair", "dropped"))
    return "".join(f"{count} {what}{'' if count == 1 else 's'} {done}, " for count, what, done in counts) + (
        f"{held} held and kept")


def test_a_subject_is_purged_from_exactly_its_records(figway, vault, custody):
    vault.seal(captured(5, at=NOW + 5, target=b"/results/7?mrn=MRN%2d4711"))
    vault.seal(captured(6, at=NOW + 6, legacy=b'{"id": "MRN-4712"}'))
    vault.seal(captured(7, at=NOW + 7, legacy=gzip.compress(b'{"id": "MRN-4711"}'), content_encoding="gzip"))
    found = figway("purge", "--subject", "-", "--reason", "request of 3 May", said="MRN-4711\n")
    assert (found.exit_code, found.stdout) == (0, told(2) + "\n")
    assert ids(vault) == [1, 2, 3, 4, 6]
    assert {int(one, 16) for one in custody.scopes(PURPOSE)} == {1, 2, 3, 4, 6}
    assert deeds(custody) == [("purge", "a subject", "request of 3 May"),
                              ("purged", "a subject", told(2))]


def test_a_subject_that_occurs_nowhere_is_no_fault(figway, vault):
    found = figway("purge", "--subject", "-", "--reason", "x", said="MRN-0000\n")
    assert (found.exit_code, found.stdout) == (0, told(0) + "\n")


def test_a_subject_s_held_record_stays_and_is_said_to(figway, vault, custody):
    custody.hold(Hold(captured(2).id, 1.0, "jo", "case"))
    found = figway("purge", "--subject", "-", "--reason", "x", said="wren\n")
    assert (found.exit_code, found.stdout) == (1, told(3, 0, held=1) + "\n")
    assert ids(vault) == [2]


def test_a_record_that_cannot_be_read_is_said_to_be_unsearched(figway, vault, tmp_path):
    with sqlite3.connect(tmp_path / "figway.sealed") as connection:
        connection.execute("UPDATE record SET operation = 'other' WHERE id = ?", (captured(1).id,))
    connection.close()
    found = figway("purge", "--subject", "-", "--reason", "x", said="wren\n")
    assert (found.exit_code, found.stdout) == (
        1, "3 records destroyed, 0 examples unlinked, 0 pairs dropped, 0 held and kept, 1 that cannot be read\n")
    assert figway("purge", "--all", "--reason", "x").exit_code == 0
    assert ids(vault) == []


EPOCHS = [Epoch("1", build, Setup(rules="rules"), "4") for build in ("1", "2")]


def exchanged(custody, number, capability="results", value="MRN-4711", epoch=EPOCHS[0], names=()):
    """A comparison as a judge makes it, with the tokens of an epoch."""
    key = custody.key(EPOCH, scope(capability, epoch), 1.0)
    request = Request("GET", b"/", Headers())
    bodies = ({"id": value, "name": "Wren", **dict.fromkeys(names, 1)}, {"id": "other", "name": "Finch"})
    sides = [answer(arm, body) for arm, body in zip(("legacy", "modern"), bodies, strict=True)]
    return compare(Pair(capability, "read", request, *sides, f"trace{number}", NOW, key=key))


def tokens(store):
    known = store.read()
    every = [one for pattern in known.patterns for example in (*pattern.exemplars, pattern.smallest)
             for one in example.differences]
    every += [finding.exemplar for finding in known.findings]
    return {token for one in every for token in (one.legacy_token, one.modern_token, one.key_token) if token}


@pytest.fixture
def store(tmp_path):
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    yield store
    store.close()


def of(*comparisons):
    return {token for one in comparisons for found in one.differences
            for token in (found.legacy_token, found.modern_token, found.key_token) if token}


def test_a_subject_is_taken_out_of_the_store_s_examples_in_every_epoch(figway, custody, store, tmp_path):
    theirs = [exchanged(custody, 1), exchanged(custody, 2, epoch=EPOCHS[1]), exchanged(custody, 3, value=4711),
              exchanged(custody, 4, value="x", names=["MRN-4711"])]
    other = exchanged(custody, 5, value="MRN-4712")
    for one in (*theirs, other):
        store.write(Batch([one]))
    assert tokens(store) == of(*theirs, other)
    found = figway("purge", "--subject", "-", "--reason", "x", said="MRN-4711\n")
    assert (found.exit_code, found.stdout) == (0, told(0, 3) + "\n")
    assert tokens(store) == of(other, theirs[2])
    assert figway("purge", "--subject", "-", "--reason", "x", said="4711\n").exit_code == 0
    assert tokens(store) == of(other)
    gone = of(*theirs) - of(other)
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [token for token in gone if token.encode() in held] == []


def test_the_examples_of_an_exchange_go_with_its_record(figway, custody, store, vault):
    one, other = exchanged(custody, 1, value="x"), exchanged(custody, 9, value="y")
    store.write(Batch([one]))
    store.write(Batch([other]))
    vault.seal(captured(9, at=NOW + 9, legacy=b'{"text": "about MRN-4711"}'))
    found = figway("purge", "--subject", "-", "--reason", "x", said="MRN-4711\n")
    assert (found.exit_code, found.stdout) == (0, told(1, 1) + "\n")
    assert tokens(store) == of(one)


def test_held_examples_stay_and_are_said_to(figway, custody, store):
    one, other = exchanged(custody, 1), exchanged(custody, 2, capability="booking")
    store.write(Batch([one, other]))
    custody.hold(Hold("results", 1.0, "jo", "case"))
    found = figway("purge", "--subject", "-", "--reason", "x", said="MRN-4711\n")
    assert (found.exit_code, found.stdout) == (1, told(0, 1, held=1) + "\n")
    assert tokens(store) == of(one)


def pair_of(custody, legacy, modern, capability="results", name="Patient"):
    """A pair of identifiers as a judge tells it, as tokens."""
    key = custody.key(EPOCH, scope(capability, EPOCHS[0]), 1.0)
    both = (token(key, crosswalk_place(name, arm), value) for arm, value in (("legacy", legacy), ("modern", modern)))
    return Binding(capability, "epoch", name, *both, split=False, merged=False, at=NOW, trace_id="trace")


def test_a_subject_s_identifiers_are_no_pair_any_more(figway, custody, store):
    store.write(Batch(bindings=[
        pair_of(custody, "MRN-4711", "a"), pair_of(custody, "MRN-4712", "b"),
        pair_of(custody, "7", "mrn-4711", name="Visit"), pair_of(custody, "MRN-4711", "a", capability="booking")]))
    custody.hold(Hold("booking", 1.0, "jo", "case"))
    found = figway("purge", "--subject", "-", "--reason", "x", said="MRN-4711\n")
    assert (found.exit_code, found.stdout) == (1, told(0, pairs=2, held=1) + "\n")
    assert {row.capability: row.count for row in store.read().crossings if row.count} == {"results": 1, "booking": 1}


@pytest.mark.parametrize("said", ["", "\n", "ab\n", "  7  \n"])
def test_an_identifier_that_occurs_everywhere_is_none(figway, vault, said):
    assert figway("purge", "--subject", "-", "--reason", "x", said=said).exit_code == 2
    assert ids(vault) == [1, 2, 3, 4]


def test_an_identifier_is_not_taken_from_the_arguments(figway, vault):
    assert figway("purge", "--subject", "MRN-4711", "--reason", "x").exit_code == 2


def test_a_capability_is_purged(figway, vault):
    found = figway("purge", "--capability", "results", "--reason", "x")
    assert found.stdout == "3 records destroyed, 0 held and kept\n"
    assert ids(vault) == [4]
    assert figway("purge", "--capability", "resluts", "--reason", "x").exit_code == 2
    assert figway("purge", "--capability", captured(4).id, "--reason", "x").exit_code == 2
    assert figway("purge", "--capability", "booking", "--reason", "x").stdout == "1 record destroyed, 0 held and kept\n"


@pytest.mark.parametrize("arguments", [[], ["--all", "--capability", "results"], ["--all", "--subject", "-"]])
def test_a_purge_is_of_one_thing(figway, vault, arguments):
    assert figway("purge", "--reason", "x", *arguments, said="MRN-4711\n").exit_code == 2
    assert ids(vault) == [1, 2, 3, 4]


# --- the trail ---

def test_the_trail_is_printed_whole(figway, vault, custody):
    figway("hold", "results", "--reason", "case 7")
    figway("view", captured(1).id, "--role", "nobody", "--reason", "curious")
    found = figway("audit")
    assert found.exit_code == 0
    assert [line.split()[1:] for line in found.stdout.splitlines()[1:]] == [
        [ME, "-", "hold", "results", "case", "7"], [ME, "nobody", "view_refused", captured(1).id, "curious"]]


def test_a_trail_that_was_tampered_with_is_said_to_be_so(figway, vault, custody, tmp_path):
    figway("hold", "results", "--reason", "case 7" + "x" * LONGEST)
    figway("hold", "booking", "--reason", "\x1b[2J")
    with sqlite3.connect(tmp_path / "figway.db.custody") as connection:
        connection.execute("UPDATE trail SET reason = 'another' WHERE number = 1")
    connection.close()
    found = figway("audit")
    assert (found.exit_code, "not complete" in found.stderr) == (1, True)
    assert "another" in found.stdout
    assert "\x1b" not in found.stdout
