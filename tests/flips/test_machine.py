"""Any order of flips, reloads, trips and expiries: what must always hold."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.flips.base import Actor, Already, Flip, FlipError, Kind, Position
from gateway.flips.memory import MemoryStages
from gateway.flips.precedence import further_back, in_force, moves_forward, position
from gateway.flips.record import ORIGIN
from gateway.stage import WRITES, Stage

NAMES = ("labs", "rooms")
PERSON, GUARD, FILE = Actor("ann", "operator", "socket"), Actor("guard", source="guard"), Actor("file", source="file")
READS = st.sampled_from(list(Stage)[:-1])
UNSAFE = st.sampled_from([one for one in WRITES if one is not Stage.RETIRED])
SHARES = st.sampled_from([0, 1, 500, 10_000])
POSITIONS = st.builds(Position, READS, UNSAFE, SHARES)


class Flips(RuleBasedStateMachine):
    """Stages in memory, with a clock that only the rules move."""

    def __init__(self):
        super().__init__()
        self.now = 1_000.0
        self.stages = MemoryStages(clock=lambda: self.now)
        self.files = {name: Position(Stage.SHADOW, Stage.LEGACY, 500) for name in NAMES}
        self.stages.adopt(self.files, FILE)
        self.revision = self.stages.read().revision

    def at(self, name):
        return position(self.stages.read().stands[name])

    def flip(self, kind, name, actor=PERSON, **how):
        return self.stages.flip(Flip(kind, name, actor, "why", **how))

    @rule(name=st.sampled_from(NAMES), reads=st.none() | READS, writes=st.none() | UNSAFE, share=st.none() | SHARES,
          lasts=st.none() | st.just(60.0))
    def flips(self, name, reads, writes, share, lasts):
        before = self.stages.read()
        try:
            state, record = self.flip(Kind.FLIP, name, reads=reads, writes=writes, share=share, lasts=lasts)
        except FlipError:
            assert self.stages.read().stands == before.stands
        else:
            assert state.revision == before.revision + 1
            assert record.after == self.at(name)._asdict()
            assert state.stands[name].latch == before.stands[name].latch

    @rule(name=st.sampled_from(NAMES), reads=READS, both=st.booleans())
    def rolls_back(self, name, reads, both):
        """It is always possible, and never goes forward."""
        before = self.at(name)
        writes = reads if reads in WRITES else Stage.LEGACY
        with suppress(Already):
            self.flip(Kind.ROLLBACK, name, reads=reads, writes=writes if both else None)
        assert not moves_forward(before, self.at(name))
        wanted = Position(reads, writes if both else before.writes, 10_000)
        assert not moves_forward(wanted, self.at(name))

    @rule(name=st.sampled_from(NAMES), reads=st.sampled_from([None, Stage.LEGACY]),
          writes=st.sampled_from([None, Stage.LEGACY]))
    def trips(self, name, reads, writes):
        before = self.at(name)
        with suppress(Already):
            self.flip(Kind.TRIP, name, GUARD, reads=reads, writes=writes)
        assert not moves_forward(before, self.at(name))

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from([Kind.RESUME, Kind.TO_FILE]))
    def ends(self, name, kind):
        stand = self.stages.read().stands[name]
        try:
            self.flip(kind, name)
        except FlipError:
            assert (stand.latch if kind is Kind.RESUME else stand.override) is None

    @rule(name=st.sampled_from(NAMES), file=POSITIONS)
    def reloads(self, name, file):
        self.files[name] = file
        self.stages.adopt(self.files, FILE)

    @rule(name=st.sampled_from(NAMES), to=POSITIONS)
    def reloads_backward(self, name, to):
        before, file = self.at(name), further_back(self.files[name], to)
        self.reloads(name, file)
        assert not moves_forward(before, self.at(name))

    @rule(seconds=st.sampled_from([1.0, 59.0, 61.0]))
    def time_passes(self, seconds):
        self.now += seconds
        ends = [one.override.expires for one in self.stages.read().stands.values()
                if one.override is not None and one.override.expires is not None]
        self.stages.expire()
        left = [one.override.expires for one in self.stages.read().stands.values()
                if one.override is not None and one.override.expires is not None]
        assert left == [one for one in ends if one > self.now]

    @invariant()
    def what_is_in_force_follows_from_latch_override_and_file(self):
        state = self.stages.read()
        for name, stand in state.stands.items():
            assert stand.file == self.files[name]
            latch, override = stand.latch, stand.override
            wanted = in_force(stand.file, override)
            wanted = wanted._replace(**{part: getattr(latch, part) for part in ("reads", "writes")
                                        if latch is not None and getattr(latch, part) is not None})
            assert position(stand) == wanted

    @invariant()
    def revisions_grow_and_the_journal_is_whole(self):
        state = self.stages.read()
        assert state.revision >= self.revision
        self.revision = state.revision
        journal = self.stages.history(most=10_000)[::-1]
        assert [one.previous for one in journal] == [ORIGIN, *(one.digest for one in journal)][:len(journal)]
        assert state.head == journal[-1].digest
        assert state.length == len(journal)
        for name in NAMES:
            changes = [one for one in journal if one.capability == name and one.action != "refusal"]
            assert changes[-1].after == self.at(name)._asdict()
            assert replace(changes[-1], reason="other").digest != changes[-1].digest


TestFlips = Flips.TestCase
TestFlips.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
