"""A third party's store that was made for the release before works for one more release, and says what to change."""

import importlib
import sys
import warnings
from collections import Counter
from dataclasses import replace

import pytest

from shadow import moved
from shadow.compare.comparison import Outcome, Tally
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import Stratum
from shadow.lane.writer import Writer
from shadow.ledger.rows import Declared, Evidence, Gap, Ledger, Reason, Sighting
from shadow.ledger.unlink import Unlinked
from shadow.stores.base import Batch
from shadow.stores.earlier import WRITE, as_of_now
from shadow.stores.memory import Memory

EPOCH = Epoch("1", "2", Setup("0a1b", "2c3d", "4e5f"), "9", 1, "d00d")
STRATUM = Stratum("read", "2xx", "json", "")
NOISE = Noise("results", EPOCH, "read", "value", "/a", 1, 0, 0, True, 1.0, 1.0)
SIGHTING = Sighting("results", EPOCH, STRATUM, Outcome.MATCH, 1, 0, 0, 1.0, 2.0, noise=(NOISE,), known=(("K-1", 1),))
MATCH = Tally("results", "read", Outcome.MATCH)


class OfThen:
    """Keeps epochs in four columns of text, as stores did."""

    def __init__(self):
        self.tallies, self.rows, self.closed = Counter(), [], False

    def write(self, comparisons, tallies, traffic, sightings=(), held=frozenset(), bindings=()):
        self.tallies.update(tallies)
        for one in sightings:
            legacy, modern, rules, comparator = one.epoch
            assert [type(text) for text in one.epoch] == [str] * 4
            self.rows.append(((legacy, modern, rules, comparator), one))
        return [("results", Epoch(*self.rows.pop(0)[0]))] if len(self.rows) > 1 else None

    def read(self, capability=None):
        evidence = [Evidence(one.capability, Epoch(*texts), one.stratum, one.outcome, one.count, 0, 0, 0, one.first,
                             one.last) for texts, one in self.rows]
        noise = [replace(row, epoch=Epoch(*texts)) for texts, one in self.rows for row in one.noise]
        declared = [Declared("results", Epoch(*texts), "read", *known)
                    for texts, one in self.rows for known in one.known]
        return Ledger(dict(self.tallies), evidence=evidence, noise=noise, declared=declared)

    def unlink(self, tokens, traces, held=frozenset()):
        return Unlinked(len(traces), 0, 0)

    def close(self):
        self.closed = True


def test_a_store_of_now_is_used_as_it_is():
    store = Memory(Memory.Options())
    assert as_of_now(store) is store


@pytest.mark.parametrize("write", [
    lambda batch, held: (), lambda batch, held=frozenset(): (), lambda batch, /, held=None, *, more=1: (),
    lambda *whatever, **named: (), max])
def test_a_write_that_takes_a_batch_and_what_is_held_is_one_of_now_however_it_is_spelt(write):
    class OfNow:
        pass

    store = OfNow()
    store.write = write
    assert as_of_now(store) is store


def test_a_store_of_the_release_before_keeps_what_it_is_given_and_warns_with_the_new_line():
    then = OfThen()
    with pytest.warns(FutureWarning, match=r"OfThen was made for the release before") as warned:
        store = as_of_now(then)
    assert WRITE in str(warned[0].message)
    assert store.write(Batch(tallies={MATCH: 2}, sightings=[SIGHTING])) == set()
    ledger = store.read("results")
    assert ledger.tallies == {MATCH: 2}
    assert [row.epoch for row in (*ledger.evidence, *ledger.noise, *ledger.declared)] == [EPOCH] * 3
    later = replace(SIGHTING, epoch=EPOCH._replace(modern="3"), noise=())
    assert store.write(Batch(sightings=[later])) == {("results", EPOCH)}, "what it dropped has its key destroyed"
    assert store.unlink(lambda capability, place: set(), [("results", "trace")]) == (1, 0, 0)
    store.close()
    assert then.closed


@pytest.mark.parametrize(("outcome", "reason", "tells"), [
    (Outcome.MATCH, "", True), (Outcome.TRANSIENT, "after_2s", True), (Outcome.UNSTABLE, "noise", True),
    (Outcome.TRANSIENT, "race", False), (Outcome.SHED, "queue_full", False),
])
def test_it_gets_strata_of_four_fields_and_no_proof_that_only_a_reason_could_tell(outcome, reason, tells):
    then = OfThen()
    with pytest.warns(FutureWarning, match="OfThen"):
        store = as_of_now(then)
    store.write(Batch(sightings=[replace(SIGHTING, stratum=STRATUM._replace(asked="HEAD"), outcome=outcome,
                                         reason=reason, tokens=frozenset({(1, b"token")}))]))
    [(_, given)] = then.rows
    assert given.stratum == ("read", "2xx", "json", "")
    assert bool(given.tokens) is tells
    assert store.read().evidence[0].stratum == STRATUM


def test_gaps_are_given_where_there_are_any():
    class OfLate(OfThen):
        found = ()

        def write(self, comparisons, tallies, traffic, sightings=(), held=frozenset(), bindings=(), gaps=()):
            self.found = gaps

    then = OfLate()
    with pytest.warns(FutureWarning, match="OfLate"):
        store = as_of_now(then)
    gap = Gap("results", Reason.KILLED, 1, 1.0, 1.0)
    store.write(Batch(gaps=[gap]))
    assert then.found == [gap]


async def test_the_writer_writes_to_it():
    with pytest.warns(FutureWarning, match="OfThen"):
        store = as_of_now(OfThen())
    writer = Writer(store, SqliteCustody(None))
    writer.count(MATCH)
    await writer.close()
    assert writer.failures == 0
    assert store.read().tallies == {MATCH: 1}


def test_the_module_of_such_a_store_loads_and_each_old_import_prints_the_new_line(monkeypatch):
    name = "tests.shadow.stores.store_of_the_release_before"
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match="has moved: write") as warned:
        module = importlib.import_module(name)
    lines = {str(one.message) for one in warned}
    assert "shadow.ledger.Ledger has moved: write `from shadow.ledger.rows import Ledger`" in lines
    assert "shadow.stratum.Epoch has moved: write `from shadow.evidence.epoch import Epoch`" in lines
    assert module.Ledger is Ledger
    assert module.Epoch is Epoch
    with pytest.warns(FutureWarning, match="made for the release before"):
        store = as_of_now(module.Store(module.Store.Options()))
    store.write(Batch(tallies={MATCH: 2}, sightings=[SIGHTING]))
    assert store.read().tallies == {MATCH: 2}


def test_whatever_an_old_path_of_stores_forwards_is_there():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for module, homes in moved.STORES.items():
            for home, names in homes.items():
                for name in names:
                    old, _, new = name.partition("=")
                    then = getattr(importlib.import_module(module), old)
                    assert then is getattr(importlib.import_module(home), new or old), f"{module}.{old}"


# What the stores of the release before import: third parties wrote theirs after them.
IMPORTED = {
    "shadow.compare": "Comparison Outcome Tally", "shadow.diff": "Difference Severity Shape Signature",
    "shadow.latency": "Histogram",
    "shadow.ledger": "Binding CROSSED_EPOCHS Crossed Crossing Declared EPOCHS Evidence Finding Gap HOURS Hidden Ledger "
                     "PAIRS Reason SUBJECTS Sighting Traffic bridged conflicts crossed hidden hourly joined latest",
    "shadow.noise": "Noise Spot added spot",
    "shadow.signatures": "Pattern decode encode merged patterns standing worst",
    "shadow.stores.base": "Held NONE_HELD RETENTION SIGNATURES StoreError StoreRenewed is_held",
    "shadow.stratum": "Epoch HOUR Stratum placed", "shadow.tokens": "bound",
    "shadow.unlink": "Tokens Trace Unlinked theirs tokenless unlinked",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("module", IMPORTED)
def test_whatever_the_stores_of_then_imported_is_there(module):
    for name in IMPORTED[module].split():
        assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_stores_of_then_folded_rows_with_folds_those_of_now():
    ledger = importlib.import_module("shadow.ledger")
    assert ledger.latest([], [], [SIGHTING]) == SIGHTING.last
    assert ledger.latest([], [], []) == 0.0
