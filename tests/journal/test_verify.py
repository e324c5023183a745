"""Whatever is changed in a journal is found and named by its number: issue 13, "What it must show", 4."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.flips import copy
from gateway.flips.base import OutOfReach
from gateway.flips.chain import CHANGED, CUT, DROPPED, INSERTED, REWRITTEN, SWAPPED, Head, Row, check
from gateway.flips.examined import DAMAGED, STAGES, examine, records
from gateway.flips.record import digest, parsed
from gateway.flips.sqlite import SqliteStages
from tests.journal.kept import FLIP, LENGTH, changed, journal, put, rows

NOBODY = 65534


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return journal(tmp_path_factory.mktemp("journal") / "figway.db.control")


@pytest.fixture
def kept(made, tmp_path):
    return shutil.copy(made, tmp_path / "figway.db.control")


def faults(path, *heads):
    return [(one.number, one.what) for one in examine(path, heads).checked.faults]


def rewritten(path, number, **more):
    """Write a record anew, as somebody who knows the form: its digest is right."""
    found = rows(path)
    record = replace(parsed(found[number - 1][1]), **more)
    found[number - 1] = (number, record.body().decode(), record.digest, record.time, record.actor, record.action,
                         record.capability, record.revision, *found[number - 1][8:])
    put(path, found)


def chained_anew(path, number, **more):
    """Write a record and all after it anew, so that the chain holds."""
    rewritten(path, number, **more)
    for at in range(number + 1, LENGTH + 1):
        rewritten(path, at, previous=rows(path)[at - 2][2])


def test_a_journal_that_nobody_touched_is_whole(kept):
    found = examine(kept)
    assert (found.checked.faults, found.checked.length) == ((), LENGTH)
    assert found.checked.head == rows(kept)[-1][2]


def swap(path, one, other):
    found = rows(path)
    found[one - 1], found[other - 1] = (one, *found[other - 1][1:]), (other, *found[one - 1][1:])
    put(path, found)


def insert(path, at):
    found = rows(path)
    forged = replace(parsed(found[at - 1][1]), reason="forged")
    row = (at, forged.body().decode(), forged.digest, *found[at - 1][3:])
    put(path, [*found[:at - 1], row, *((one[0] + 1, *one[1:]) for one in found[at - 1:])])


def drop_and_close_up(path, number):
    found = rows(path)
    put(path, [*found[:number - 1], *((one[0] - 1, *one[1:]) for one in found[number:])])


TAMPERINGS = {
    "a byte of a body": (lambda path: changed(path, "UPDATE journal SET body = replace(body, 'wards', 'Wards')"),
                         {(3, CHANGED)}),
    "a digest": (lambda path: changed(path, "UPDATE journal SET digest = replace(digest, 'a', 'b') WHERE number = 4"),
                 {(4, CHANGED)}),
    "an actor beside the body": (lambda path: changed(path, "UPDATE journal SET actor = 'bob' WHERE number = 5"),
                                 {(5, CHANGED)}),
    "a blank in a body": (lambda path: changed(path, "UPDATE journal SET body = body || ' ' WHERE number = 2"),
                          {(2, CHANGED)}),
    "a body that is no record": (lambda path: changed(path, "UPDATE journal SET body = '[]' WHERE number = 7"),
                                 {(7, CHANGED)}),
    "a body of bytes": (lambda path: changed(path, "UPDATE journal SET body = CAST(body AS BLOB) WHERE number = 7"),
                        {(7, CHANGED)}),
    "the first record": (lambda path: changed(path, "UPDATE journal SET body = replace(body, 'start', 'stork') "
                                                    "WHERE number = 1"), {(1, CHANGED)}),
    "the first record dropped": (lambda path: changed(path, "DELETE FROM journal WHERE number = 1"), {(1, DROPPED)}),
    "a record dropped": (lambda path: changed(path, "DELETE FROM journal WHERE number = 6"), {(6, DROPPED)}),
    "a record dropped and the others moved up": (lambda path: drop_and_close_up(path, 6), {(6, DROPPED)}),
    "two neighbours swapped": (lambda path: swap(path, 4, 5), {(4, SWAPPED), (5, SWAPPED)}),
    "two others swapped": (lambda path: swap(path, 2, 8), {(2, SWAPPED), (8, SWAPPED)}),
    "a record inserted": (lambda path: insert(path, 5), {(5, INSERTED)}),
    "a record before the first": (lambda path: changed(path, "UPDATE journal SET number = 0 WHERE number = 10"),
                                  {(0, INSERTED)}),
    "a record written anew, digest and all": (lambda path: rewritten(path, 4, reason="another"), {(4, CHANGED)}),
    "a record cut from its past": (lambda path: rewritten(path, 4, previous="f" * 64), {(4, CHANGED)}),
    "the last record": (lambda path: changed(path, "UPDATE journal SET body = replace(body, 'ann', 'bob') "
                                                   "WHERE number = 10"), {(10, CHANGED)}),
    "what is in force": (lambda path: changed(path, "UPDATE stand SET reads = 'modern' WHERE capability = 'rooms'"),
                         {(9, STAGES)}),
    "an override of which there is no record": (
        lambda path: changed(path, "UPDATE override SET reads = 'verify' WHERE capability = 'labs'"), {(10, STAGES)}),
    "the revision": (lambda path: changed(path, "UPDATE control SET revision = revision - 1"), {(0, STAGES)}),
    "a trigger": (lambda path: changed(path, "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM outbox; END"),
                  {(0, DAMAGED)}),
    "the end, which had made a revision": (lambda path: changed(path, "DELETE FROM journal WHERE number = 10"),
                                           {(10, CUT)}),
}


@pytest.mark.parametrize("what", TAMPERINGS)
@pytest.mark.proves(39)
def test_what_is_tampered_with_is_found_and_named(kept, what):
    tamper, wanted = TAMPERINGS[what]
    tamper(kept)
    assert wanted <= set(faults(kept))
    assert {number for number, _ in faults(kept)} <= {number for number, _ in wanted} | {10}


def cut(path, number):
    """Cut off the end, and set back the revision and the stages, as they were then."""
    last = parsed(rows(path)[number - 1][1])
    changed(path, f"DELETE FROM journal WHERE number > {number}", f"UPDATE control SET revision = {last.revision}",
            f"DELETE FROM outbox WHERE number > {number}", "DELETE FROM stand", "DELETE FROM override")


@pytest.mark.parametrize("number", [1, 4, LENGTH - 1])
def test_an_end_that_was_cut_off_is_seen_by_a_head_that_was_kept_elsewhere(kept, number):
    head = rows(kept)[-1][2]
    cut(kept, number)
    assert faults(kept) == []
    for known in (Head(LENGTH, head, "a log"), Head(0, head, "--head")):
        assert faults(kept, known) == [(number + 1, CUT)]


def test_an_end_that_was_cut_off_is_seen_by_the_copy_beside(kept):
    stages = SqliteStages(kept)
    copy.keep(copy.beside(kept), stages.read(), stages.read)
    stages.close()
    cut(kept, 4)
    assert faults(kept) == [(5, CUT)]


def test_a_chain_that_was_written_anew_is_seen_by_a_head_of_before(kept):
    heads = [Head(row[0], row[2], "a segment") for row in rows(kept)]
    chained_anew(kept, 6, reason="another")
    assert faults(kept) == []
    assert faults(kept, heads[3]) == []
    assert faults(kept, heads[5]) == [(6, REWRITTEN)]
    assert faults(kept, *heads) == [(number, REWRITTEN) for number in range(6, LENGTH + 1)]
    assert faults(kept, Head(0, heads[6].digest, "--head")) == [(LENGTH + 1, CUT)]


def test_a_last_record_that_was_written_anew_is_told_from_the_one_before_by_a_head(kept):
    before, last = rows(kept)[-2][2], rows(kept)[-1][2]
    rewritten(kept, LENGTH, previous="f" * 64)
    assert faults(kept) == [(LENGTH - 1, CHANGED)]
    assert "or record 10" in examine(kept).checked.faults[0].says
    assert (LENGTH, CHANGED) in faults(kept, Head(LENGTH - 1, before, "a log"))
    assert (LENGTH, REWRITTEN) in faults(kept, Head(LENGTH, last, "a log"))


def test_an_earlier_head_is_of_a_journal_that_has_grown(kept):
    assert faults(kept, *(Head(row[0], row[2], "a log") for row in rows(kept))) == []


def test_a_file_that_is_damaged_or_is_none_is_said_to_be_so(kept, tmp_path):
    data = kept.read_bytes()
    kept.write_bytes(data[:4096] + b"\xff" * 100 + data[4196:])
    assert (0, DAMAGED) in faults(kept)
    kept.write_text("no database at all, and long enough not to be taken for an empty one" * 20)
    assert faults(kept) == [(0, DAMAGED)]
    with pytest.raises(OutOfReach, match="no control file"):
        examine(tmp_path / "nothing")


@contextmanager
def nobody():
    """While the block runs, this process may write no more than anybody may. (Root may write everywhere.)"""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_copy_on_a_medium_that_cannot_be_written_to_is_verified(kept):
    assert examine(kept).checked.length == LENGTH  # what it imports, nobody may not be able to read
    with TemporaryDirectory() as made:  # not below pytest's folder, which is root's alone
        outer, folder = Path(made), Path(made, "evidence")
        folder.mkdir()
        shutil.copy(kept, folder / "copy")
        (folder / "copy").chmod(0o444)
        outer.chmod(0o755)
        folder.chmod(0o555)
        try:
            with nobody():
                assert not os.access(folder, os.W_OK, effective_ids=True)
                assert examine(folder / "copy").checked.length == LENGTH
                assert [one.name for one in folder.iterdir()] == ["copy"]
        finally:
            folder.chmod(0o755)


def test_verifying_changes_nothing_and_needs_no_end_of_a_gateway(kept):
    stages = SqliteStages(kept)
    stages.flip(FLIP)
    assert examine(kept).checked.length == LENGTH + 1
    assert faults(kept) == []
    stages.close()


def test_a_lost_control_file_is_named_by_the_record_that_began_the_next(kept):
    stages = SqliteStages(kept)
    known = stages.read()
    stages.close()
    kept.unlink()
    again = SqliteStages(kept)
    again.begin(known)
    again.close()
    found = examine(kept)
    assert found.checked.faults == ()
    [lost] = found.lost
    assert (lost.number, lost.control, lost.length, lost.head) == (1, known.name, LENGTH, known.head)
    assert examine(kept, [Head(LENGTH, known.head, "a log", known.name)]).checked.faults == ()


# --- any single edit ---

def stored(path):
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute("SELECT * FROM journal ORDER BY number")
        names = [one[0] for one in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def as_rows(found):
    return [Row(one["number"], one["body"], one["digest"], {
        name: value for name, value in one.items() if name not in ("number", "body", "digest")})
        for one in sorted(found, key=lambda one: one["number"])]


TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)


@st.composite
def edits(draw, found):
    """One edit of the rows, and the numbers of which at least one must be named."""
    found = [dict(one) for one in found]
    at = draw(st.integers(0, len(found) - 1))
    row = found[at]
    match draw(st.sampled_from(["column", "byte", "drop", "swap", "insert", "cut", "renumber", "anew"])):
        case "column":
            name = draw(st.sampled_from([one for one in row if one != "number"]))
            value = draw(st.one_of(TEXT, st.integers(), st.none(), st.binary(max_size=8)))
            if type(value) is type(row[name]) and value == row[name]:
                value = b"another"
            row[name] = value
            return found, {at + 1}
        case "byte":
            name = draw(st.sampled_from(["body", "digest"]))
            place = draw(st.integers(0, len(row[name]) - 1))
            other = draw(st.characters(blacklist_categories=["Cs"]).filter(lambda one: one != row[name][place]))
            row[name] = row[name][:place] + other + row[name][place + 1:]
            return found, {at + 1}
        case "drop":
            del found[at]
            return found, {at + 1}
        case "swap":
            other = draw(st.integers(0, len(found) - 1).filter(lambda one: one != at))
            row["number"], found[other]["number"] = other + 1, at + 1
            return found, {at + 1, other + 1}
        case "insert":
            forged = replace(parsed(row["body"]), number=at + 1, reason=draw(TEXT.filter(
                lambda one: one != parsed(row["body"]).reason)))
            for one in found[at:]:
                one["number"] += 1
            found.append(row | {"number": at + 1, "body": forged.body().decode(), "digest": forged.digest})
            return found, {at + 1}
        case "cut":
            del found[at:]
            return found, {at + 1}
        case "renumber":
            row["number"] = draw(st.integers(-9, 0) | st.integers(len(found) + 1, 99))
            return found, {at + 1}
        case _:
            record = replace(parsed(row["body"]), reason="anew", actor=draw(TEXT), revision=draw(st.integers(0, 99)))
            row |= {"body": record.body().decode(), "digest": record.digest, "actor": record.actor,
                    "revision": record.revision}
            return found, {at + 1}


@given(st.data())
@settings(max_examples=400, deadline=None)
@pytest.mark.proves(39)
def test_any_single_edit_of_the_stored_rows_is_found_and_named(made, data):
    found = stored(made)
    assert check(as_rows(found)).faults == ()
    head = Head(len(found), found[-1]["digest"], "a log")
    edited, wanted = data.draw(edits(found))
    named = {one.number for one in check(as_rows(edited), [head]).faults}
    assert wanted <= named


def test_each_record_that_can_be_read_is_read_whatever_is_beside_it(kept):
    changed(kept, "UPDATE journal SET body = '{\"number\": 3}' WHERE number = 3",
            "UPDATE journal SET body = json_set(body, '$.detail', json('[]')) WHERE number = 4",
            "UPDATE journal SET body = x'00ff' WHERE number = 5")
    assert [one.record.number for one in records(kept)] == [1, 2, 6, 7, 8, 9, 10]


def test_the_digest_is_that_of_the_body(made):
    for row in rows(made):
        assert row[2] == digest(row[1].encode())
        assert json.loads(row[1])["number"] == row[0]
