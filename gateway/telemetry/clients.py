"""Collects what clients still do (shadow.ledger.habits), and who is to be named in the log as refused.

Addresses are kept here for some minutes at most, in memory, and within bounds. They leave this module only to become
tokens (gateway.shadowing). An ordinary request costs one look into a set.
"""

import time
from collections.abc import Collection
from typing import NamedTuple

from shadow.ledger.habits import NOTHING, REACHES, REFUSED, SPEAKS, SPOKEN, Thing

MOST = 5_000
"""Clients that are told apart between two renewals, each counted for each thing that it does. The others are counted
together."""

RENEWAL = 300.0
"""Seconds after which a client is noted again. A habit's last time is so much too early at most."""

NAMED = 10_000
"""Clients and rules that are remembered as named in the log."""

AT_ONCE = 50
"""Clients that are named in the log in an hour for each rule. The others are only counted: an attacker may have very
many addresses."""

_HOUR = 3600.0
NOBODY: frozenset[str] = frozenset()


class Taken(NamedTuple):
    """What is to be written: clients that did something, by address; the things that others did, for whom there was no
    room; and whom to name in the log, with the rule."""

    met: list[tuple[Thing, str]]
    others: list[Thing]
    refused: list[tuple[str, str]]


class Clients:
    """What the clients of one worker do. It belongs to the worker's event loop.

    `refusals` counts the requests and handshakes that were refused, by rule."""

    def __init__(self, most: int = MOST, at_once: int = AT_ONCE) -> None:
        self.refusals: dict[str, int] = {}
        self._most = most
        self._at_once = at_once
        # Who did a thing since the last renewal.
        self._met: dict[Thing, set[str]] = {}
        # The clients with each sum of bits, so that a client with several needs one look.
        self._spoke: dict[int, set[str]] = {}
        self._count = 0
        self._fresh: list[tuple[Thing, str]] = []
        self._others: set[Thing] = {NOTHING}
        # Who was named in the log, the oldest first; how many may still be in this hour, by rule; who will be next.
        self._named: dict[tuple[str, str], None] = {}
        self._left: dict[str, int] = {}
        self._refused: list[tuple[str, str]] = []
        # Refusals that the log tells of already, by rule: one for each client that it names, and those summed up.
        self._told: dict[str, int] = {}
        self._renewed = self._summed = time.monotonic()

    # --- what a request touches ---

    def reached(self, capability: str, operation: str, arm: str) -> Collection[str]:
        """Who has reached an operation on an arm since the last renewal: a set that stays the same object."""
        return self._met.setdefault(Thing(REACHES, operation, capability, arm), set()) if arm else NOBODY

    def meet(self, place: tuple[str, str, str], address: str, habits: int, rule: str) -> None:
        """Note a request that is finished. `place` is its capability, operation and arm, `habits` the sum of bits that
        its head has, `rule` the one by which it was refused, "" for none."""
        capability, operation, arm = place
        if arm:
            self._note(Thing(REACHES, operation, capability, arm), address)
        if habits:
            spoke = self._spoke.setdefault(habits, set())
            if address not in spoke:
                if len(spoke) < self._most:
                    spoke.add(address)
                for bit, name in SPOKEN.items():
                    if habits & bit:
                        self._note(Thing(SPEAKS, name), address)
        if rule:
            self.refuse(address, rule)

    def refuse(self, address: str, rule: str) -> None:
        """Note that a client was refused by a rule."""
        self.refusals[rule] = self.refusals.get(rule, 0) + 1
        self._note(Thing(REFUSED, rule), address)
        if (address, rule) in self._named:
            return
        left = self._left.get(rule, self._at_once)
        if left > 0:
            self._left[rule] = left - 1
            self._named[address, rule] = None
            if len(self._named) > NAMED:
                del self._named[next(iter(self._named))]
            self._refused.append((address, rule))

    def _note(self, thing: Thing, address: str) -> None:
        met = self._met.setdefault(thing, set())
        if address in met:
            return
        if self._count >= self._most:
            self._others.add(thing)
            return
        self._count += 1
        met.add(address)
        self._fresh.append((thing, address))

    # --- what the worker takes now and then ---

    @property
    def are_due(self) -> bool:
        """Whether there is something to take or to sum up."""
        now = time.monotonic()
        return (bool(self._fresh or self._others or self._refused) or now - self._renewed >= RENEWAL
                or now - self._summed >= _HOUR)

    def take(self) -> Taken | None:
        """What was noted since the last call; None if there is nothing."""
        now = time.monotonic()
        if now - self._renewed >= RENEWAL:
            self._renewed = now
            self._renew()
        if not (self._fresh or self._others or self._refused):
            return None
        taken = Taken(self._fresh, list(self._others), self._refused)
        self._fresh, self._others, self._refused = [], set(), []
        return taken

    def put_back(self, taken: Taken) -> None:
        """Keep what could not be written."""
        self._fresh[:0] = taken.met[:max(0, self._most - len(self._fresh))]
        self._others.update(taken.others)
        self._refused[:0] = taken.refused[:NAMED]

    def _renew(self) -> None:
        for met in (*self._met.values(), *self._spoke.values()):
            met.clear()
        self._count = 0
        self._others.add(NOTHING)

    def named(self, rule: str) -> None:
        """A line of the log names a client for this rule."""
        self._told[rule] = self._told.get(rule, 0) + 1

    def untold(self, *, last: bool = False) -> list[tuple[str, int]]:
        """Once an hour, and where it is the `last` time: how many refusals no line of the log tells of, by rule."""
        now = time.monotonic()
        if not last and now - self._summed < _HOUR:
            return []
        self._summed = now
        self._left.clear()
        found = [(rule, count - self._told.get(rule, 0)) for rule, count in self.refusals.items()]
        self._told = dict(self.refusals)
        return [(rule, count) for rule, count in found if count > 0]
