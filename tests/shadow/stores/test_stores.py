"""Both stores keep the contract; the file survives its process and is shared by several."""

import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256

import pytest

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Shape
from shadow.compare.tokens import TOKEN
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import HOUR, STRATA, Stratum
from shadow.ledger.rows import ATTEMPTS, EPOCHS, MEMBERS, PAIRS, SUBJECTS, Binding, Crossed, Member, Sighting
from shadow.stores.base import Batch, StoreError
from shadow.stores.memory import Memory
from shadow.stores.sqlite import Sqlite
from shadow.testing import check_store
from tests.backends.processes import LONG, started

MATCH = Tally("results", "read", Outcome.MATCH)


def test_memory_keeps_the_contract():
    check_store(Memory(Memory.Options(signatures=3)), 3)


def test_sqlite_keeps_the_contract_and_what_it_was_told(tmp_path):
    path = tmp_path / "figway.db"
    store = Sqlite(Sqlite.Options(path, signatures=3))
    check_store(store, 3)
    before = store.read()
    store.close()
    again = Sqlite(Sqlite.Options(path))
    assert again.read() == before
    again.close()


def test_several_processes_write_one_file(tmp_path):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shadow.compare.comparison import compare\n"
        "from shadow.latency import Histogram\n"
        "from shadow.ledger.rows import Traffic\n"
        "from shadow.stores.base import Batch\n"
        "from shadow.stores.sqlite import Sqlite\n"
        "from tests.shadow.exchanges import pair\n"
        "sys.stdin.readline()\n"
        "store = Sqlite(Sqlite.Options(Path(sys.argv[1]), busy=60))\n"
        "seconds = Histogram()\n"
        "seconds.add(0.01)\n"
        "for _ in range(50):\n"
        "    row = Traffic('results', 'read', 'shadow', 'legacy', 1, 0, seconds, 1.0)\n"
        "    store.write(Batch([compare(pair(b'1', b'2'))], traffic=[row]))\n"
        "store.close()\n"
    )
    path = tmp_path / "figway.db"
    with ExitStack() as stack:
        command = [sys.executable, "-c", script, str(path)]
        workers = [stack.enter_context(started(command, stdin=subprocess.PIPE)) for _ in range(3)]
        for worker in workers:
            worker.stdin.write(b"\n")
            worker.stdin.flush()
        assert [worker.wait(LONG) for worker in workers] == [0, 0, 0]
    store = Sqlite(Sqlite.Options(path))
    ledger = store.read("results")
    store.close()
    assert ledger.tallies == {Tally("results", "read", Outcome.MISMATCH): 150}
    assert [finding.count for finding in ledger.findings] == [150]
    assert [(row.requests, row.seconds.total) for row in ledger.traffic] == [(150, 150)]


def test_a_batch_is_written_wholly_or_not_at_all(tmp_path):
    path = tmp_path / "figway.db"
    store = Sqlite(Sqlite.Options(path, busy=0.05))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="SQLITE_BUSY"):
        store.write(Batch(tallies={MATCH: 1}))
    assert store.read().tallies == {}
    other.close()
    store.write(Batch(tallies={MATCH: 1}))
    with pytest.raises(AttributeError):
        store.write(Batch(tallies={MATCH: 1}, traffic=["no row"]))
    assert store.read().tallies == {MATCH: 1}
    store.close()


@pytest.mark.parametrize("content", [b"this is no database" * 100, None])
def test_a_file_that_is_no_store_is_refused(tmp_path, content):
    path = tmp_path / "figway.db" if content else tmp_path / "none" / "figway.db"
    if content:
        path.write_bytes(content)
    with pytest.raises(StoreError):
        Sqlite(Sqlite.Options(path, busy=0.05))


def test_a_newer_store_is_refused(tmp_path):
    path = tmp_path / "figway.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        Sqlite(Sqlite.Options(path))


def a_day(store, subjects):
    """A day of a capability whose clients think of something new every minute, told hour by hour."""
    for hour in range(24):
        at = float(HOUR * hour)
        for minute in range(0, 60, 5):
            now, number = at + 60 * minute, 60 * hour + minute
            names = [f"{'abcdefghij'[number % 10]}{'x' * (number // 10)}{'y' * one}" for one in range(20)]
            comparisons = [
                Comparison(Tally("results", "read", Outcome.MISMATCH), f"{number}-{name}", now,
                           (Difference("value", f"/{name}", Shape("string", 4), Shape("string", 5)),))
                for name in names
            ]
            tokens = frozenset((hour, b"%012d" % one) for one in range(number, number + subjects))
            sightings = [
                Sighting("results", Epoch("1", str(hour), Setup(), "2"), Stratum("read", "2xx", "json", name),
                         Outcome.MATCH, subjects, 0, 0, now, now, tokens) for name in names
            ]
            store.write(Batch(comparisons, tallies={MATCH: 100}, sightings=sightings))
        yield store.read()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.slow
def test_a_day_of_load_stays_within_bounds(tmp_path, kind):
    path = tmp_path / "figway.db"
    store = Memory(Memory.Options(signatures=50)) if kind == "memory" else Sqlite(Sqlite.Options(path, signatures=50))
    sizes = []
    for ledger in a_day(store, 100):
        assert len(ledger.findings) <= 50
        assert len(ledger.patterns) <= 50
        assert len({row.epoch for row in ledger.evidence}) <= EPOCHS
        assert max(Counter(row.epoch for row in ledger.evidence).values()) <= STRATA + 1
        sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
    assert ledger.tallies == {MATCH: 24 * 12 * 100, Tally("results", "read", Outcome.MISMATCH): 24 * 12 * 20}
    assert ledger.overflow["results"] == 24 * 12 * 20 - 50
    store.close()
    # The later half of the day adds nothing: what it writes takes the room of what is forgotten.
    assert sizes[-1] <= 1.2 * max(sizes[:12])
    assert sizes[-1] < 12 << 20


def subjects(capability, outcome, numbers, mark=b""):
    """A sighting of these subjects, with tokens as evenly spread as digests are."""
    tokens = frozenset((1, sha256(f"{capability} {one}".encode()).digest()[:TOKEN] + mark) for one in numbers)
    return Sighting(capability, Epoch("", "", Setup(), "2"), Stratum("read", "2xx", "", ""), outcome, len(tokens), 0, 0,
                    0.0, 0.0, tokens)


@pytest.mark.slow
def test_the_subjects_of_an_hour_are_bounded_and_good_and_bad_are_thinned_alike():
    store = Memory(Memory.Options())
    store.write(Batch(sightings=[subjects("results", Outcome.MATCH, range(SUBJECTS))]))
    more = range(SUBJECTS, 2 * SUBJECTS)
    for begin in range(SUBJECTS, 2 * SUBJECTS, 10_000):
        store.write(Batch(sightings=[
            subjects("results", Outcome.MATCH, range(begin, begin + 7_000)),
            subjects("results", Outcome.MISMATCH, range(begin + 7_000, begin + 10_000), b"!")]))
    store.write(Batch(sightings=[subjects("booking", Outcome.MATCH, range(1_000))]))
    rows = {(row.capability, row.outcome): (row.count, row.effective) for row in store.read().evidence}
    assert rows["booking", Outcome.MATCH] == (1_000, 1_000), "one capability takes no other's room"
    good, bad = (rows["results", outcome][1] for outcome in (Outcome.MATCH, Outcome.MISMATCH))
    assert rows["results", Outcome.MISMATCH][0] == 0.3 * len(more)
    assert bad / (good - SUBJECTS + bad) == pytest.approx(0.3, abs=0.01)
    assert good + bad == pytest.approx(SUBJECTS * 1.5, rel=0.01)


@pytest.mark.slow
def test_the_members_of_an_epoch_are_bounded_and_thinned_by_their_tokens():
    store, epoch = Memory(Memory.Options()), Epoch("", "", Setup(), "2")
    rows = [Member("results", epoch, "client", sha256(b"%d" % one).digest()[:TOKEN].hex(), 1, one % 2)
            for one in range(MEMBERS + MEMBERS // 2)]
    one = subjects("results", Outcome.MATCH, range(0))
    for begin in range(0, len(rows), 1_000):
        store.write(Batch(members=rows[begin:begin + 1_000], sightings=[one]))
    store.write(Batch(members=[*rows, Member("results", epoch, "facility", "00", 1, 0)], sightings=[one]))
    found = store.read("results").members
    clients = [row for row in found if row.dimension == "client"]
    assert len(found) == len(clients) + 1, "one dimension takes no other's room"
    assert len(clients) == pytest.approx(len(rows) / 2, rel=0.05)
    assert {row.effective for row in clients} == {2}, "what is kept has all of its exchanges"
    assert sum(row.bad for row in clients) == pytest.approx(len(clients), rel=0.05)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.slow
def test_the_pairs_of_an_epoch_are_bounded(tmp_path, kind):
    store = Memory(Memory.Options()) if kind == "memory" else Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    first = Binding("results", "epoch", "Patient", "l", "m", split=False, merged=False, at=1.0, trace_id="t")
    many = [replace(first, legacy=f"l{number}", modern=f"m{number}") for number in range(PAIRS + 2)]
    store.write(Batch(bindings=many))
    store.write(Batch(bindings=[many[0], replace(many[1], modern="other")]))
    assert {row.kind: row.count for row in store.read("results").crossings} == {
        Crossed.PAIR: PAIRS, Crossed.OVERFLOW: 2, Crossed.SPLIT: 1}
    store.close()


@pytest.mark.slow
def test_the_attempts_of_a_capability_are_bounded_and_those_with_most_evidence_stay():
    store, more = Memory(Memory.Options()), 30
    store.write(Batch(sightings=[
        Sighting("results", Epoch("", str(build), Setup(), "2"), Stratum("read", "2xx", "", ""), Outcome.MATCH, 1, 0, 0,
                 build, build, frozenset((1, b"%06d%d" % (build, one)) for one in range(2 if build == 3 else 1)))
        for build in range(ATTEMPTS + more)]))
    kept = {one.epoch.modern: one for one in store.read("results").attempts}
    store.close()
    assert len(kept) == ATTEMPTS
    assert (kept["3"].effective, kept["3"].closed) == (2, True), "what came close to SAFE is not forgotten"
    assert not {str(build) for build in range(more) if build != 3} & kept.keys(), "of others the oldest go first"
    assert kept[str(ATTEMPTS + more - 1)].number == ATTEMPTS + more, "and no number is given twice"
