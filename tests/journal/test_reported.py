"""What others' audit chains got wrong, tried here: the reports that each test names."""

import json
import threading
from dataclasses import replace

import pytest

from gateway.flips import copy
from gateway.flips.base import Actor, Already, Flip, Kind
from gateway.flips.chain import CHANGED, CUT, REWRITTEN, Head
from gateway.flips.examined import STAGES, examine
from gateway.flips.record import canonical, digest
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage
from tests.journal.kept import ANN, FLIP, LENGTH, changed, journal, put, rows


@pytest.fixture
def kept(tmp_path):
    return journal(tmp_path / "figway.db.control")


def faults(path, *heads):
    return {(one.number, one.what) for one in examine(path, heads).checked.faults}


def test_a_journal_without_any_record_is_not_whole(kept):
    """flare19/payment-reconciliation-agent-platform 18: deleting the whole log verified as valid."""
    head = Head(LENGTH, rows(kept)[-1][2], "a log")
    changed(kept, "DELETE FROM journal")
    assert faults(kept) == {(1, CUT)}
    changed(kept, "UPDATE control SET revision = 0", "DELETE FROM outbox")
    assert faults(kept) == {(0, STAGES)}
    changed(kept, "DELETE FROM stand")
    assert faults(kept, head) == {(1, CUT)}


def test_a_byte_that_is_changed_in_the_file_itself_is_found(kept):
    """codenotary/immudb 2063: a value edited in its file with a hex editor passed the audit."""
    changed(kept, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = kept.read_bytes()
    at = data.index(b"wards agreed")
    kept.write_bytes(data[:at] + b"W" + data[at + 1:])
    assert (3, CHANGED) in faults(kept)


def test_a_chain_that_was_cut_and_then_continued_is_found_by_a_head_of_before(kept):
    """systemd 28885 and 28886 (CVE-2023-31438, 31439): a log could be cut, continued, and verified."""
    before = rows(kept)
    changed(kept, "DELETE FROM journal WHERE number > 6", "UPDATE control SET revision = 5",
            "UPDATE override SET reads = 'verify'", "DELETE FROM outbox WHERE number > 6",
            "UPDATE stand SET reads = 'legacy' WHERE capability = 'rooms'")
    stages = SqliteStages(kept)
    for _ in range(LENGTH - 6):
        stages.flip(Flip(Kind.FLIP, "labs", ANN, "again", reads=Stage.CANARY))
        stages.flip(Flip(Kind.TO_FILE, "labs", ANN, "again"))
    stages.close()
    assert faults(kept, Head(6, before[5][2], "a log")) == set()
    assert faults(kept, Head(LENGTH, before[-1][2], "a log")) == {(LENGTH, REWRITTEN)}


def test_a_journal_that_is_written_to_while_it_is_verified_raises_no_alarm(kept):
    """systemd 27532: verifying a journal in use found corruption that was none."""
    over = threading.Event()

    def write():
        stages = SqliteStages(kept)
        while not over.is_set():
            for kind, reads in ((Kind.FLIP, Stage.VERIFY), (Kind.ROLLBACK, Stage.LEGACY)):
                try:
                    state, _ = stages.flip(Flip(kind, "labs", ANN, "why", reads=reads))
                except Already:
                    continue
                copy.keep(copy.beside(kept), state, stages.read)
        stages.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        found = [examine(kept).checked for _ in range(40)]
    finally:
        over.set()
        writing.join()
    assert [one.faults for one in found] == [()] * 40
    assert found[-1].length > LENGTH


def test_many_writers_at_once_leave_one_chain(kept):
    """LanternOps/breeze 1002, librefang 7847, vaaraio/vaara 529: writers that read the same head forked the chain."""
    def write(name):
        stages = SqliteStages(kept, busy=60.0)
        for at in range(15):
            stages.refuse(replace(FLIP, actor=Actor(f"{name} {at}")), Already("is there"))
        stages.close()

    writing = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for one in writing:
        one.start()
    for one in writing:
        one.join()
    assert examine(kept).checked.length == LENGTH + 6 * 15
    assert faults(kept) == set()


def test_what_json_writers_disagree_on_is_verified_as_it_is_stored(kept):
    """theam/facility 202, Basekick-Labs/arc 703: a writer and a verifier that wrote the same value in two ways."""
    evidence = {"b": [1.0, 1e-7, -0.0, 1.2345678901234568e20, 2**70, True, None], "a": "\u2028 \u00e9 \U0001f600",
                "": {}}
    stages = SqliteStages(kept)
    _, record = stages.flip(replace(FLIP, evidence=evidence))
    stages.close()
    assert faults(kept) == set()
    assert json.loads(rows(kept)[-1][1])["evidence"] == evidence
    assert record.evidence_digest == digest(canonical(evidence))


def test_a_record_of_a_later_release_is_verified_and_not_taken_for_changed(kept):
    """The same, of fields that this release does not know."""
    found = rows(kept)
    body = canonical(json.loads(found[-1][1]) | {"later": [1, 2]})
    found[-1] = (LENGTH, body.decode(), digest(body), *found[-1][3:])
    put(kept, found)
    assert faults(kept) == set()


def test_a_key_that_is_there_twice_does_not_say_two_things(kept):
    """Basekick-Labs/arc 703: of two equal keys one reader believes the first, another the last."""
    found = rows(kept)
    body = found[-1][1].replace('"actor":"ann"', '"actor":"bob","actor":"ann"')
    found[-1] = (LENGTH, body, digest(body.encode()), *found[-1][3:])
    put(kept, found)
    assert faults(kept) == {(LENGTH, CHANGED)}


def test_a_copy_of_the_file_without_its_log_is_short_and_a_head_says_so(kept, tmp_path):
    """ovumcy/ovumcy-web 331: a copy of the main file alone lacked what was in the log, and every check passed."""
    stages = SqliteStages(kept)
    state, _ = stages.flip(FLIP)
    (tmp_path / "copy").write_bytes(kept.read_bytes())
    assert examine(tmp_path / "copy").checked.length == LENGTH
    assert faults(tmp_path / "copy", Head(state.length, state.head, "a log")) == {(LENGTH + 1, CUT)}
    stages.close()
