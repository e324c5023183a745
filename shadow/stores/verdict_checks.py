"""The part of a Store's contract that the verdict rests on most: courses, attempts, hours, sizes and members.
See shadow.stores.checks."""

from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import HOUR, LARGEST, Stratum
from shadow.ledger.rows import EPOCHS, START, Member, Point, Sighting, Waiting
from shadow.stores.base import Batch, Store

STRATUM = Stratum("read", "2xx", "Patient", "")


def epoch_of(build: str) -> Epoch:
    """The epoch of one of modern's builds."""
    return Epoch("legacy", build, Setup(rules="rules"), "1")


def check_verdict_rows(store: Store) -> None:
    """Check these rows of a store that has none of them yet for the capabilities used here. Raises AssertionError."""
    _check_courses(store)
    _check_attempts(store)
    _check_coverage(store)
    _check_swept(store)
    _check_members(store)
    _check_waiting(store)


def _check_waiting(store: Store) -> None:
    one, other = Waiting("waits", "a", 3, 1, 10.0), Waiting("waits", "b", 2, 0, 10.0)
    store.write(Batch(waiting=[one, other]))
    again = replace(one, exchanges=4, at=20.0)
    store.write(Batch(waiting=[again]))
    assert sorted(store.read("waits").waiting, key=lambda row: row.worker) == [again, other], "a worker says it anew"
    store.write(Batch(waiting=[replace(again, exchanges=0, critical=0)]))
    assert store.read("waits").waiting == [other], "or that nothing waits any more"
    assert store.read("booking").waiting == [], "one capability is read by itself"


def _check_coverage(store: Store) -> None:
    def sighting(hour: int, build: str, *sizes: tuple[int, int, int], outcome: Outcome = Outcome.MATCH) -> Sighting:
        tokens = frozenset({(hour, f"covered{hour}{build}{outcome}".encode())})
        return Sighting("covered", epoch_of(build), STRATUM, outcome, 1, 0, 0, hour * HOUR, hour * HOUR, tokens,
                        sizes=sizes)

    store.write(Batch(sightings=[sighting(10, "1", (5, 2, 1), (LARGEST, 1, 0)), sighting(11, "1", (5, 1, 1))],
                      eligible={("covered", 10): 7, ("covered", 11): 2}))
    store.write(Batch(sightings=[sighting(10, "1", outcome=Outcome.MISMATCH), sighting(11, "2", (0, 1, 1)),
                                 replace(sighting(11, "2", outcome=Outcome.SHED), reason="queue_full")],
                      eligible={("covered", 11): 3}))
    ledger = store.read("covered")
    assert {row.epoch: row.hours for row in ledger.calendars} == {
        None: ((10, 7), (11, 5)), epoch_of("1"): ((10, 2), (11, 1)), epoch_of("2"): ((11, 1),)}, (
        "effective exchanges add up by epoch and hour, and those that were to be compared by capability and hour")
    assert {row.epoch: row.buckets for row in ledger.sizes} == {
        epoch_of("1"): ((5, 3, 2), (LARGEST, 1, 0)), epoch_of("2"): ((0, 1, 1),)}, "sizes add up by epoch"
    elsewhere = store.read("booking")
    assert (elsewhere.calendars, elsewhere.sizes) == ([], []), "one capability is read by itself"


def _check_members(store: Store) -> None:
    def member(token: str, effective: int, bad: int, dimension: str = "client", build: str = "1") -> Member:
        return Member("members", epoch_of(build), dimension, token, effective, bad)

    def written(*rows: Member, build: str = "1") -> set[tuple[str, str, str, int, int]]:
        store.write(Batch(members=rows, sightings=[Sighting(
            "members", epoch_of(build), STRATUM, Outcome.MATCH, 1, 0, 0, int(build), int(build))]))
        return {(one.epoch.modern, one.dimension, one.token, one.effective, one.bad)
                for one in store.read("members").members}

    written(member("0a", 2, 1), member("0b", 1, 0), member("0a", 1, 1, "facility"))
    assert written(member("0a", 3, 0), member("0b", 1, 1, build="2"), build="2") == {
        ("1", "client", "0a", 5, 1), ("1", "client", "0b", 1, 0), ("1", "facility", "0a", 1, 1),
        ("2", "client", "0b", 1, 1)}, "members add up by dimension and epoch"
    assert store.read("booking").members == [], "one capability is read by itself"
    for build in range(3, EPOCHS + 2):
        kept = written(build=str(build))
    assert {build for build, *_ in kept} == {"2"}, "they go with their epoch"


def _check_courses(store: Store) -> None:
    other = STRATUM._replace(asked="HEAD")

    def exchanges(count: int, begin: int, outcome: Outcome = Outcome.MATCH, reason: str = "",
                  stratum: Stratum = STRATUM, at: float = 10.0 * HOUR) -> Sighting:
        tokens = frozenset((10, b"course%06d" % token) for token in range(begin, begin + count))
        return Sighting("course", epoch_of("1"), stratum, outcome, count, 0, 0, at, at, tokens, reason=reason)

    store.write(Batch(sightings=[exchanges(START, 0), exchanges(2, START, Outcome.TRANSIENT, "after_2s")]))
    store.write(Batch(sightings=[exchanges(3, 1000, Outcome.SHED, "comparer_slow", other),
                                 exchanges(4, 2000, Outcome.SHED, "queue_full", other), exchanges(5, 0)]))
    began = 10.0 * HOUR
    sums, slow = Point(START + 2, first=2, at=began), (("comparer_slow", 3),)
    assert {row.stratum: row.points for row in store.read("course").courses} == {
        STRATUM: (Point(0), sums), other: (Point(0), Point(3, after=slow, at=began)),
        None: (Point(0), sums, Point(START + 5, first=2, after=slow, at=began)),
    }, "effective exchanges add up in the order of the batches, by what they count as; what is excluded adds nothing"
    rows = {(row.stratum.asked, row.reason): (row.count, row.effective) for row in store.read("course").evidence}
    assert rows == {("", ""): (START + 5, START), ("", "after_2s"): (2, 2), ("HEAD", "comparer_slow"): (3, 3),
                    ("HEAD", "queue_full"): (4, 4)}, "a reason is counted by itself, and what is excluded too"
    assert store.read("booking").courses == [], "one capability is read by itself"
    later = exchanges(START, 3000, at=began + 60)
    store.write(Batch(sightings=[later, exchanges(1, 4000, Outcome.MISMATCH, at=began + 60)]))
    store.write(Batch(sightings=[exchanges(2, 5000, Outcome.MISMATCH, at=began + 30)]))
    [found] = [row.points for row in store.read("course").courses if row.stratum is None]
    assert found[-2:] == (sums, Point(2 * START + 8, 3, 2, after=slow, at=began + 60)), (
        "what is late adds to the points after it, and makes none")


def _check_attempts(store: Store) -> None:
    def seen(build: int, tokens: range = range(0)) -> list[tuple[int, str, int, bool]]:
        store.write(Batch(sightings=[Sighting(
            "attempts", epoch_of(str(build)), STRATUM, Outcome.MATCH, 1, 0, 0, build, build,
            frozenset((0, b"%dattempt%d" % (build, token)) for token in tokens))]))
        return sorted((one.number, one.epoch.modern, one.effective, one.closed)
                      for one in store.read("attempts").attempts)

    assert seen(1, range(3)) == [(1, "1", 3, False)], "an epoch is an attempt from its first exchange on"
    assert seen(1, range(5)) == [(1, "1", 5, False)], "which goes on"
    for build in range(2, EPOCHS + 1):
        seen(build)
    assert seen(EPOCHS + 1, range(1))[0] == (1, "1", 5, True), "it is closed, and stays, when its evidence is dropped"
    again = seen(1, range(7))
    assert again[0] == (1, "1", 5, True), "an epoch that comes back"
    assert again[-1] == (EPOCHS + 2, "1", 2, False), "is another attempt"


def _check_swept(store: Store) -> None:
    for swept, tokens in (False, range(3)), (True, range(2, 7)), (False, range(6, 8)):
        store.write(Batch(sightings=[Sighting(
            "swept", epoch_of("1"), STRATUM, Outcome.MATCH, len(tokens), 0, 0, 10 * HOUR, 10 * HOUR,
            frozenset((10, b"swept%06d" % token) for token in tokens), swept=swept)]))
    [row] = store.read("swept").evidence
    assert (row.count, row.effective, row.swept) == (10, 8, 4), "a subject counts once, whether swept or not"
    assert row.hours == ((10, 4),), "what was swept says nothing about the hours"
    assert [one.hours for one in store.read("swept").calendars] == [((10, 4),)], "in the calendar neither"
    [course] = [one for one in store.read("swept").courses if one.stratum is None]
    assert course.points[-1] == Point(8, at=10.0 * HOUR), "but it is evidence"
