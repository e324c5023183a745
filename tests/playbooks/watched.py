"""Holds each change of a state machine's phase to its table.

In the compiled build (gateway.build) nobody outside sees an attribute change. There the playbooks hold what goes in and
out, and the run of the pure build holds the phases.
"""

from gateway.build import is_compiled


def watched(machine, moves, *, repeats=False):
    """A class like `machine` whose every change of phase is in `moves`. Its set `seen` gets (before, after) of each.
    Unless it `repeats`, a phase that is set again is no change."""
    if is_compiled():
        return machine
    slot = machine.phase

    class Watched(machine):
        __slots__ = ()

        seen = set()  # noqa: RUF012

        @property
        def phase(self):
            return slot.__get__(self)

        @phase.setter
        def phase(self, after):
            before = getattr(self, "phase", None)
            if before is not None and (repeats or after is not before):
                assert after in moves[before], f"{after} after {before}"
                self.seen.add((before, after))
            slot.__set__(self, after)

    return Watched
