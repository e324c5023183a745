"""The check that every Store must pass. Third parties call it as `shadow.testing.check_store`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, replace

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape
from shadow.compare.tokens import crosswalk_place
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import HOUR, OTHER, STRATA, Stratum
from shadow.latency import Histogram
from shadow.ledger.groups import Exemplar, Pattern
from shadow.ledger.rows import (
    CROSSED_EPOCHS,
    DAY,
    EPOCHS,
    Binding,
    Crossed,
    Crossing,
    Evidence,
    Gap,
    Reason,
    Restart,
    Sighting,
    Traffic,
)
from shadow.ledger.unlink import tokenless
from shadow.stores.base import (
    NONE_HELD,
    Attentive,
    Batch,
    Held,
    Numbered,
    Provable,
    Restartable,
    Store,
    StoreRenewed,
)
from shadow.stores.habit_checks import check_habits
from shadow.stores.pace_checks import check_paces
from shadow.stores.verdict_checks import STRATUM, check_verdict_rows, epoch_of

_MATCH = Tally("results", "read", Outcome.MATCH)
_MISMATCH = Tally("results", "read", Outcome.MISMATCH)
_SKIPPED = Tally("results", "read", Outcome.SKIPPED, "not_sampled")
_ELSEWHERE = Tally("booking", "list", Outcome.MISMATCH)


def _difference(name: str, index: int = 0, length: int = 4) -> Difference:
    return Difference(
        "value", f"/items/{index}/{name}", Shape("string", length, "word"), Shape("string", 6, "word"),
        modern_path=f"/items/{index + 1}/{name}", legacy_token=f"{index:024x}", modern_token=f"{length:024x}",
        key_token="0" * 24)


def _comparison(tally: Tally, at: float, *differences: Difference) -> Comparison:
    return Comparison(tally, f"trace-{at:g}", at, differences, size=1000 - int(at))


def _latency(seconds: float, times: int) -> Histogram:
    histogram = Histogram()
    histogram.add(seconds, times)
    return histogram


def check_store(store: Store, signatures: int) -> None:
    """Check an empty store against its contract. It must be built to keep `signatures` (at least 2) of each capability.
    Raises AssertionError. The store is left open, and not empty."""
    _check_counts(store)
    _check_findings(store, signatures)
    _check_patterns(store, signatures)
    _check_gaps(store)
    _check_hidden(store)
    _check_traffic(store)
    _check_noise(store, signatures)
    _check_declared(store)
    _check_crosswalk(store)
    _check_evidence(store)
    check_verdict_rows(store)
    _check_bounds_of_evidence(store)
    check_paces(store)
    _check_unlink(store)
    _check_holds(store)
    _check_retention(store)
    if isinstance(store, Provable):
        _check_writer(store, store)
    if isinstance(store, Numbered):
        _check_numbers(store, store)
    if isinstance(store, Restartable):
        _check_restarts(store, store)
    if isinstance(store, Attentive):
        check_habits(store, store)


def _check_counts(store: Store) -> None:
    empty = store.read()
    assert (empty.tallies, empty.traffic, empty.findings, empty.overflow) == ({}, [], [], {}), "starts empty"
    store.write(Batch())
    store.write(Batch([_comparison(_MATCH, 1)], tallies={_SKIPPED: 2}))
    store.write(Batch(tallies={_MATCH: 3, _ELSEWHERE: 1}))
    assert store.read().tallies == {_MATCH: 4, _SKIPPED: 2, _ELSEWHERE: 1}, "counts add up over batches"
    assert store.read("results").tallies == {_MATCH: 4, _SKIPPED: 2}, "one capability is read by itself"
    assert store.read("unknown").tallies == {}, "an unknown capability has nothing"


def _check_severities(store: Store) -> None:
    for at, severity in ((1, Severity.CRITICAL), (2, Severity.MAJOR)):
        store.write(Batch([_comparison(Tally("severe", "read", Outcome.MISMATCH), at, *(
            replace(_difference(name), severity=one) for name in ("{key}", "code")
            for one in (severity, Severity.MINOR)))]))
    ledger = store.read("severe")
    found = {one.exemplar.path.rpartition("/")[2]: str(one.exemplar.severity) for one in ledger.findings}
    assert found == {"{key}": "critical", "code": "major"}, (
        "of an exchange it is the worst; then it is the latest, or where a name is masked what was ever the worst")
    [pattern] = ledger.patterns
    assert {one.path.rpartition("/")[2]: str(severity) for one, severity in zip(
        pattern.signatures, pattern.severities, strict=True)} == found, "and so it is in patterns"


def _check_findings(store: Store, signatures: int) -> None:
    name = "code"
    twice = _comparison(_MISMATCH, 20, _difference(name, 0), _difference(name, 7, length=5))
    store.write(Batch([twice, _comparison(_MISMATCH, 10, _difference(name, 3))]))
    [finding] = store.read("results").findings
    assert finding.count == 2, "a signature counts once for each exchange, whatever its indexes and lengths"
    assert (finding.first_seen, finding.last_seen) == (10, 20), "first and last seen do not depend on the order"
    assert finding.exemplar == _difference(name, 3), "the example is the latest to come, with all that is its own"
    assert finding.trace_id == "trace-10", "the example comes with its trace"

    _check_severities(store)
    again = Comparison(Tally("again", "read", Outcome.MISMATCH, "reproduced_2"), "trace", 20,
                       (_difference(name), _difference("unit")), reproduced=(_difference(name).signature,))
    store.write(Batch([again, again, _comparison(Tally("again", "read", Outcome.MISMATCH), 21, _difference(name))]))
    counts = {found.exemplar.path: (found.count, found.again, found.reproduced)
              for found in store.read("again").findings}
    assert counts == {"/items/0/code": (3, 2, 2), "/items/0/unit": (2, 2, 0)}, "what was there again is counted"
    folded = sorted((found.count, found.again, found.reproduced) for found in store.read("again").patterns)
    assert folded == [(1, 0, 0), (2, 2, 0)], "a pattern is reproduced where all of it is"

    many = [_difference("a" * (count + 1)) for count in range(signatures + 2)]
    store.write(Batch([_comparison(_MISMATCH, 30 + at, found) for at, found in enumerate(many)]))
    store.write(Batch([_comparison(_MISMATCH, 99, _difference(name)), _comparison(_ELSEWHERE, 99, _difference(name))]))
    ledger = store.read()
    kept = [found for found in ledger.findings if found.capability == "results"]
    assert len(kept) == signatures, "the signatures of a capability are bounded"
    assert ledger.overflow == {"results": 3}, "what is over the bound is counted"
    assert max(found.count for found in kept) == 3, "what is known is still counted when the table is full"
    assert any(found.capability == "booking" for found in ledger.findings), "one capability takes no other's room"
    assert ledger.tallies[_MISMATCH] == 2 + len(many) + 1, "every comparison counts, kept or not"


def _check_patterns(store: Store, signatures: int) -> None:
    """Runs after `_check_findings`, whose exchanges have one difference each; only the first has the same one twice."""
    def known() -> dict[str, Pattern]:
        return {found.signatures[0].path: found for found in store.read("results").patterns}

    found = known()["/items/*/code"]
    assert (found.count, found.first_seen, found.last_seen) == (3, 10, 99), "exchanges that differ alike are a pattern"
    assert found.smallest == Exemplar("trace-99", 99, 1, (_difference("code"),), 901), "the smallest example is kept"
    assert {one.trace_id for one in found.exemplars} == {"trace-10", "trace-20", "trace-99"}, "and a sample of all"
    assert len(known()) == signatures, "the patterns of a capability are bounded"
    assert store.read().patternless == {"results": 3}, "exchanges of patterns over the bound are counted"
    kinds = len(store.read("booking").patterns)
    declared = Tally("booking", "list", Outcome.KNOWN_DIFFERENCE, "rounding")
    store.write(Batch([_comparison(declared, 50, _difference("rounded"))]))
    assert len(store.read("booking").patterns) == kinds == 1, "patterns are of mismatches only"


def _check_noise(store: Store, signatures: int) -> None:
    def row(path: str, *counts: int, plain: bool = True, first: float = 1, last: float = 3, build: str = "1") -> Noise:
        modern, legacy, both = counts
        return Noise("noisy", epoch_of(build), "read", "value", path, modern, legacy, both, plain, first, last)

    def noisy(*rows: Noise, build: str = "1") -> None:
        store.write(Batch(sightings=[
            Sighting("noisy", epoch_of(build), STRATUM, Outcome.UNSTABLE, 1, 0, 0, 1, int(build), noise=rows)]))

    noisy(row("/a", 1, 1, 0, first=2, last=3))
    noisy(row("/a", 0, 0, 1, first=1, last=1), row("/b", 0, 0, 1, first=4, last=4))
    noisy(row("/b", 0, 0, 1, plain=False, first=1, last=1))
    assert sorted(store.read("noisy").noise, key=lambda one: one.path) == [
        row("/a", 1, 1, 1), row("/b", 0, 0, 2, plain=False, last=4),
    ], "noise adds up by its place: who disagreed alone, and whether never more than a value drifted"
    noisy(*(row("/" + "c" * (count + 1), 1, 0, 0) for count in range(signatures)), row("/a", 1, 0, 0))
    rows = {one.path: one.modern for one in store.read().noise}
    assert len(rows) == signatures, "the noise of an epoch is bounded"
    assert rows["/a"] == 2, "what is known is still counted when the table is full"
    noisy(row("/a", 5, 0, 0, build="2"), build="2")
    counts = {one.epoch.modern: one.modern for one in store.read("noisy").noise if one.path == "/a"}
    assert counts == {"1": 2, "2": 5}, "another build's noise is counted by itself"
    for build in range(3, EPOCHS + 2):
        noisy(build=str(build))
    assert {one.epoch.modern for one in store.read("noisy").noise} == {"2"}, "noise goes with its epoch"
    assert store.read("results").noise == [], "one capability is read by itself"


def _check_declared(store: Store) -> None:
    def hide(count: int, epoch: int) -> None:
        store.write(Batch(sightings=[
            Sighting("declared", epoch_of(str(epoch)), STRATUM, Outcome.KNOWN_DIFFERENCE, 5, 0, 0, 1, epoch,
                     known=(("K-1", count), ("K-2", 1)))]))

    hide(2, 1)
    hide(3, 1)
    hide(4, 2)
    assert sorted(astuple(row)[2:] for row in store.read("declared").declared if row.epoch == epoch_of("1")) == [
        (STRATUM.operation, "K-1", 5), (STRATUM.operation, "K-2", 2)], "known differences add up by epoch"
    for epoch in range(3, EPOCHS + 2):
        hide(1, epoch)
    left = {row.epoch for row in store.read().declared}
    assert left == {epoch_of(str(epoch)) for epoch in range(2, EPOCHS + 2)}, "they go with their epoch"
    assert store.read("results").declared == [], "one capability is read by itself"


def _binding(legacy: str, modern: str, at: float = 5, epoch: str = "e", name: str = "Patient") -> Binding:
    return Binding("walked", epoch, name, legacy, modern, split=False, merged=False, at=at, trace_id=f"trace-{at:g}")


def _check_crosswalk(store: Store) -> None:
    def crossings(*bindings: Binding) -> dict[tuple[str, Crossed], Crossing]:
        store.write(Batch(bindings=bindings))
        return {(row.epoch, row.kind): row for row in store.read("walked").crossings}

    known = crossings(_binding("1", "a", 6), _binding("2", "b", 5), _binding("1", "a", 9))
    assert known == {("e", Crossed.PAIR): Crossing("walked", "e", "Patient", Crossed.PAIR, 2, 5, 6, "trace-6")}, (
        "a pair is kept once, however often it comes; only new pairs set when and in which trace it was seen")
    known = crossings(_binding("1", "c", 7), _binding("3", "a", 4), _binding("2", "a", 8))
    counts = {kind: row.count for (_, kind), row in known.items()}
    assert counts == {Crossed.PAIR: 2, Crossed.SPLIT: 2, Crossed.MERGED: 2}, "what contradicts a pair is counted"
    split = known["e", Crossed.SPLIT]
    assert (split.first_seen, split.last_seen, split.trace_id) == (7, 8, "trace-8"), "with the trace of the latest"
    assert crossings(_binding("3", "c"))["e", Crossed.PAIR].count == 3, "it changed nothing: both were free still"
    contradiction = replace(_binding("", "", 9), split=True)
    counted = crossings(contradiction, replace(contradiction, merged=True))
    assert (counted["e", Crossed.SPLIT].count, counted["e", Crossed.MERGED].count) == (4, 3), "as is one found before"
    apart = crossings(_binding("1", "c", epoch="f"), _binding("1", "c", name="Order"))
    assert ("f", Crossed.SPLIT) not in apart, "epochs are apart, and so are classes"
    assert sum(row.count for row in store.read().crossings if row.kind is Crossed.SPLIT) == 4, "nothing was added there"
    for number in range(CROSSED_EPOCHS):
        known = crossings(_binding("1", "a", 20 + number, f"new{number}"))
    assert {epoch for epoch, _ in known} == {f"new{number}" for number in range(CROSSED_EPOCHS)}, (
        "epochs are bounded: the one that was seen longest ago goes first")
    assert crossings(_binding("1", "z", 30, "e"))["e", Crossed.PAIR].count == 1, "and with it went its pairs"
    assert store.read("results").crossings == [], "one capability is read by itself"


def _check_gaps(store: Store) -> None:
    def missing(exchanges: int, first: float, last: float, reason: Reason = Reason.KILLED) -> Gap:
        return Gap("missing", reason, exchanges, first, last)

    store.write(Batch(gaps=[missing(2, 10, 20), missing(1, 15, 15, Reason.UNWRITTEN)]))
    store.write(Batch(gaps=[missing(3, 5, 12), missing(4, HOUR, HOUR + 1)]))
    assert sorted(store.read("missing").gaps, key=lambda gap: (gap.reason, gap.last)) == [
        missing(5, 5, 20), missing(4, HOUR, HOUR + 1), missing(1, 15, 15, Reason.UNWRITTEN)]
    assert all(gap.capability == "missing" for gap in store.read().gaps)


def _check_hidden(store: Store) -> None:
    def normalised(at: float, *counts: tuple[str, int]) -> Comparison:
        return Comparison(Tally("ruled", "read", Outcome.MATCH_NORMALISED), "trace", at, hidden=counts)

    store.write(Batch([normalised(2, ("stamps", 3), ("ids", 1)), normalised(1, ("stamps", 2))]))
    store.write(Batch([normalised(0, ("stamps", 1))]))
    assert sorted(astuple(row) for row in store.read("ruled").hidden) == [
        ("ruled", "ids", 1, 1, 2), ("ruled", "stamps", 3, 6, 2)], "what rules hide adds up over exchanges"
    assert store.read("results").hidden == [], "what rules hide is read by capability"


def _check_traffic(store: Store) -> None:
    def row(stage: str, requests: int, seconds: Histogram, at: float) -> Traffic:
        return Traffic("results", "read", stage, "modern", requests, 1, seconds, at)

    store.write(Batch(traffic=[row("shadow", 5, _latency(0.01, 5), 2.0)]))
    store.write(Batch(traffic=[row("shadow", 0, _latency(1.0, 2), 1.0), row("canary", 1, _latency(0.01, 1), 3.0)]))
    both = _latency(0.01, 5)
    both.merge(_latency(1.0, 2))
    found = sorted(store.read("results").traffic, key=lambda one: one.at)
    assert found == [
        Traffic("results", "read", "shadow", "modern", 5, 2, both, 2.0),
        Traffic("results", "read", "canary", "modern", 1, 1, _latency(0.01, 1), 3.0),
    ], "calls of one stage and arm add up, latencies bucket by bucket"
    found[0].seconds.add(1.0)
    assert store.read("results").traffic[0].seconds.total in (7, 1), "what was read is the reader's own"


def _sighting(
    tokens: range, hour: int = 10, build: str = "1", stratum: Stratum = STRATUM, count: int = 5,
    outcome: Outcome = Outcome.MATCH,
) -> Sighting:
    return Sighting("results", epoch_of(build), stratum, outcome, count, 2, 1, hour * HOUR, hour * HOUR + 9.0,
                    frozenset((hour, b"%012d" % token) for token in tokens))


def _check_evidence(store: Store) -> None:
    store.write(Batch(sightings=[_sighting(range(3))]))
    store.write(Batch(sightings=[_sighting(range(4)), _sighting(range(4), outcome=Outcome.MISMATCH)]))
    store.write(Batch(sightings=[_sighting(range(4), hour=11, count=4)]))
    found = {row.outcome: row for row in store.read("results").evidence}
    assert found == {
        Outcome.MATCH: Evidence("results", epoch_of("1"), STRATUM, Outcome.MATCH, 14, 8, 6, 3, 10 * HOUR,
                                11 * HOUR + 9.0, ((10, 4), (11, 4))),
        Outcome.MISMATCH: Evidence("results", epoch_of("1"), STRATUM, Outcome.MISMATCH, 5, 0, 2, 1, 10 * HOUR,
                                   10 * HOUR + 9.0),
    }, "a subject is effective once in an hour, with the outcome that it is first seen with; everything counts"
    store.write(Batch(sightings=[_sighting(range(4, 6), hour=11, build="2")]))
    rows = {(row.epoch.modern, row.outcome): (row.count, row.effective) for row in store.read("results").evidence}
    assert rows["2", Outcome.MATCH] == (5, 2), "another build starts from nothing"
    assert rows["1", Outcome.MATCH] == (14, 8), "what was known of the other is kept"
    assert store.read("booking").evidence == [], "one capability is read by itself"
    store.write(Batch(sightings=[
        Sighting("hourly", epoch_of("1"), STRATUM, Outcome.MATCH, 1, 0, 0, hour * HOUR, hour * HOUR,
                 frozenset({(hour, b"hourly")})) for hour in range(20, 20 + DAY + 3)]))
    [row] = store.read("hourly").evidence
    assert row.hours == tuple((hour, 1) for hour in range(23, 20 + DAY + 3)), "of each hour of a day it is kept"


def _check_bounds_of_evidence(store: Store) -> None:
    kinds = [STRATUM._replace(operation="search", shape=f"parameter{'a' * number}") for number in range(STRATA + 3)]
    store.write(Batch(sightings=[_sighting(range(0), hour=12, build="3", stratum=one, count=1) for one in kinds]))
    store.write(Batch(sightings=[_sighting(range(0), hour=12, build="3", stratum=kinds[0], count=1)]))
    rows = {row.stratum: row.count for row in store.read("results").evidence if row.epoch.modern == "3"}
    assert len(rows) == STRATA + 1, "the strata of a capability are bounded"
    assert rows[Stratum("search", "2xx", OTHER, "")] == 3, "what is over the bound counts together"
    assert rows[kinds[0]] == 2, "what is known is still counted when the table is full"
    dropped: list[tuple[str, Epoch]] = []
    for build in range(EPOCHS):
        dropped += store.write(Batch(sightings=[_sighting(range(0), hour=13 + build, build=f"new{build}")]))
    builds = {row.epoch.modern for row in store.read("results").evidence}
    assert builds == {f"new{build}" for build in range(EPOCHS)}, "of the epochs of a capability the latest are kept"
    assert sorted(dropped) == [("results", epoch_of(build)) for build in ("1", "2", "3")], "what goes is returned, once"


def _check_unlink(store: Store) -> None:
    def exchange(at: float, value: str, name: str) -> Comparison:
        return _comparison(Tally("linked", "read", Outcome.MISMATCH), at,
                           replace(tokenless(_difference("a")), legacy_token=value),
                           replace(tokenless(_difference("b")), key_token=name))

    def unlinked(*tokens: str, traces: Sequence[tuple[str, str]] = ()) -> tuple[int, set[str]]:
        count = store.unlink(lambda capability, place: set(tokens) if place == "/items/*/a" else set(), traces).examples
        ledger = store.read("linked")
        kept = [found for pattern in ledger.patterns for one in (*pattern.exemplars, pattern.smallest)
                for found in one.differences]
        kept += [found.exemplar for found in ledger.findings]
        return count, {token for found in kept for token in (found.legacy_token, found.key_token) if token}

    store.write(Batch([exchange(1, "x1", "y1"), exchange(2, "x2", "y2"), exchange(3, "x3", "y3")]))
    before = store.read("linked")
    every = {"x1", "y1", "x2", "y2", "x3", "y3"}
    assert unlinked("none", "") == (0, every), "what is no subject's is kept"
    assert unlinked("y2") == (0, every), "a token counts at the places that it is made for"
    assert unlinked("x2") == (1, every - {"x2", "y2"}), "a subject's token takes with it those of its exchange"
    assert unlinked("x2") == (0, every - {"x2", "y2"}), "once"
    traces = [("linked", "trace-3"), ("booking", "trace-1")]
    assert unlinked(traces=traces) == (1, {"x1", "y1"}), "an exchange is known by its trace, and its capability"
    after = store.read("linked")
    assert (after.tallies, [found.count for found in after.findings], [one.count for one in after.patterns]) == (
        before.tallies, [found.count for found in before.findings], [one.count for one in before.patterns]), (
        "what was counted stays")

    store.write(Batch(bindings=[_binding("l1", "m1", epoch="z"), _binding("l2", "m2", epoch="z", name="Visit"),
                                      _binding("l3", "m3", epoch="z")]))

    def dropped(held: Held = NONE_HELD, **of: str) -> tuple[tuple[int, ...], int]:
        done = store.unlink(lambda capability, place: {of[place.split("/")[-1]]} if place in (
            crosswalk_place("Patient", "legacy"), crosswalk_place("Patient", "modern")) else set(), (), held)
        return done, sum(row.count for row in store.read("walked").crossings if row.epoch == "z")

    assert dropped(legacy="l2", modern="l1") == ((0, 0, 0), 3), "a pair is known by its class, and its arm's side"
    assert dropped(frozenset({"walked"}), legacy="l1", modern="-") == ((0, 0, 1), 3), "what is held stays"
    assert dropped(legacy="l1", modern="m3") == ((0, 2, 0), 1), "a pair goes with either of its identifiers"


def _check_holds(store: Store) -> None:
    """Held rows outlive every retention, even in a full table."""
    before = store.read("results")
    for number, held in enumerate((frozenset({"results", "1f"}), None)):
        sighting = _sighting(range(0), hour=400 * 24 + number, build=f"held{number}")
        dropped = store.write(Batch(sightings=[sighting]), held)
        ledger = store.read("results")
        assert {name for name, _ in dropped} <= {
            "booking", "noisy", "hourly", "declared", "course", "attempts", "covered", "swept",
            "members", "paced"}, (
            "no epoch of what is held is dropped")
        assert len({row.epoch for row in ledger.evidence}) == EPOCHS + 1 + number, "not to make room either"
        assert (ledger.findings, ledger.patterns, ledger.noise) == (before.findings, before.patterns, before.noise), (
            "nor are its differences, with their examples, and its noise")
        assert store.read("booking").findings == [], "what is not held is forgotten all the same"


def _check_retention(store: Store) -> None:
    """The store must forget after at most a year. All that was written before is of 1970 or 1971."""
    later = 900 * 24
    before = store.read("results").tallies
    dropped = store.write(Batch(sightings=[_sighting(range(3), hour=later, build="late")]))
    ledger = store.read("results")
    assert {row.epoch.modern for row in ledger.evidence} == {"late"}, "evidence that is too old is forgotten"
    assert {one for one in dropped if one[0] == "results"} == {
        *(("results", epoch_of(f"new{build}")) for build in range(EPOCHS)), ("results", epoch_of("held0")),
        ("results", epoch_of("held1")),
    }, "and is returned"
    assert (ledger.findings, ledger.patterns) == ([], []), "and so are differences, with their examples"
    assert store.read().noise == [], "and noise"
    assert store.read().paces == [], "and paces"
    assert store.read().crossings == [], "and who was who"
    assert ledger.tallies == before, "counts stay"
    assert {row.epoch.modern for row in ledger.courses} <= {"late"}, "courses go with their evidence"
    assert {row.epoch and row.epoch.modern for row in store.read().calendars} == {"late"}, (
        "hours go with their epoch, and after a month")
    assert store.read().sizes == [], "and so do sizes"
    closed = {one.epoch.modern: one.closed for one in ledger.attempts}
    assert closed == {"late": False, **dict.fromkeys(closed.keys() - {"late"}, True)}, "attempts are closed with it"
    assert {"1", "new0", "held0"} <= closed.keys(), "and stay, however old they are"


def _check_restarts(store: Store, restartable: Restartable) -> None:
    assert restartable.restarts() == {}, "nothing was begun anew yet"
    assert [restartable.restart(*one) for one in (
        ("results", 1.0, "anna", "mended"), ("results", 2.0, "ben", "once more"), ("booking", 3.0, "anna", "mended"),
    )] == [1, 2, 1], "each capability counts by itself"
    assert restartable.restarts() == {"results": 2, "booking": 1}
    assert sorted(store.read("results").restarts) == [
        Restart("results", 1, 1.0, "anna", "mended"), Restart("results", 2, 2.0, "ben", "once more")]
    store.write(Batch([_comparison(_MATCH, 400 * 86_400)]))
    assert restartable.restarts() == {"results": 2, "booking": 1}, "a restart is never dropped"


def _check_writer(store: Store, provable: Provable) -> None:
    store.write(Batch())
    writer = provable.writer
    assert 0 < writer < 2**63, "who has written is known by a number"
    provable.prove(writer)
    store.write(Batch(tallies={_MATCH: 1}))
    assert provable.writer == writer, "and it stays the same"
    with suppress(StoreRenewed):
        provable.prove(writer % (2**63 - 1) + 1)
        raise AssertionError("nobody else has written")


def _check_numbers(store: Store, numbered: Numbered) -> None:
    store.write(Batch())
    writer, before = numbered.last
    assert (writer, before) == (numbered.writer, numbered.number(writer)), "a write has a number"
    store.write(Batch(tallies={_MATCH: 1}))
    assert before < numbered.number(writer) == numbered.last[1] < 2**62, "a later one has a larger number"
    assert numbered.number(writer % (2**63 - 1) + 1) == 0, "nobody else has written"
