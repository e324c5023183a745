"""A third party's store as it was written for the release before: its import lines and `write` are those of then."""

from collections import Counter
from dataclasses import dataclass

from shadow.compare import Comparison, Outcome, Tally
from shadow.diff import Difference, Severity, Shape, Signature
from shadow.ledger import (
    EPOCHS,
    HOURS,
    SUBJECTS,
    Binding,
    Crossing,
    Declared,
    Evidence,
    Finding,
    Gap,
    Hidden,
    Ledger,
    Reason,
    Sighting,
    Traffic,
    hidden,
    hourly,
)
from shadow.noise import Noise, added, spot
from shadow.signatures import Pattern, decode, encode, merged, patterns, worst
from shadow.stores.base import NONE_HELD, Held, StoreError, StoreRenewed, is_held
from shadow.stratum import HOUR, Epoch, Stratum, placed
from shadow.unlink import Tokens, Trace, Unlinked, tokenless, unlinked

USED = (
    EPOCHS, HOUR, HOURS, NONE_HELD, SUBJECTS, Binding, Comparison, Counter, Crossing, Declared, Difference, Epoch,
    Evidence, Finding, Gap, Held, Hidden, Ledger, Noise, Outcome, Pattern, Reason, Severity, Shape, Sighting,
    Signature, StoreError, StoreRenewed, Stratum, Tally, Tokens, Trace, Traffic, Unlinked, added, decode, encode,
    hidden, hourly, is_held, merged, patterns, placed, spot, tokenless, unlinked, worst)


class Store:
    """Keeps counts alone."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """None."""

    def __init__(self, options):
        self.tallies = Counter()

    def write(self, comparisons, tallies, traffic, sightings=(), held=NONE_HELD, bindings=(), gaps=()):
        self.tallies.update(tallies)
        self.tallies.update(one.tally for one in comparisons)
        return ()

    def read(self, capability=None):
        return Ledger(dict(self.tallies))

    def unlink(self, tokens, traces, held=NONE_HELD):
        return Unlinked(0, 0, 0)

    def close(self):
        """Nothing is open."""
