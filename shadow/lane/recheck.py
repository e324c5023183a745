"""Rechecks: which mismatches wait to be asked about again, what that costs, and how they end.

A mismatch may mean only that modern lags behind legacy. Modern is asked again after some seconds, and held against what
legacy has said: if they agree then, the mismatch was transient; if they differ again, it counts as reproduced. Where a
person has opted in, legacy is asked again too: then it shows as well whether legacy has moved on, or drifts.
"""

import asyncio
from collections.abc import Callable
from typing import Generic

from shadow.compare.comparison import AGREED, Comparison, Outcome
from shadow.compare.difference import Severity
from shadow.evidence.noise import seen_again, settled, still_drifts, unstable, with_bonds
from shadow.lane.mirror import Job, Way
from shadow.settings import LaneSettings

_WAITING = 4
"""One in this many places of the lane is for jobs that wait for a recheck."""

_SAVED = 20.0
"""Rechecks that a capability can save up, so that a bad minute after a good day is no burst."""

_LENT = 5.0
"""Rechecks that a capability may take before it has earned them: for critical differences, and if legacy is known to
disagree with itself."""

_ROUNDING = 1e-9


class Rechecks(Generic[Way]):
    """The jobs that wait to be asked again, and the budgets of their capabilities.

    Each exchange earns its capability a share of a recheck; a job spends one, however often it is asked again. `due` is
    called with each job when its time has come.
    """

    def __init__(self, settings: LaneSettings, due: Callable[[Job[Way]], None]) -> None:
        self._settings = settings
        self._due = due
        self._saved: dict[str, float] = {}
        self._waiting: dict[Job[Way], asyncio.TimerHandle] = {}

    def earn(self, job: Job[Way]) -> None:
        """Credit the job's capability for one exchange."""
        if budget := job.recheck.budget:
            capability = job.mirror.capability
            self._saved[capability] = min(_SAVED, self._saved.get(capability, 0.0) + budget)

    def may_ask_again(self, job: Job[Way], found: Comparison, held: int, *, drifts: bool) -> bool:
        """Whether the mismatch `found` may be asked again. If it may, one recheck is spent.

        There must be a time to ask again, budget, and room: jobs that wait leave room for those that come. `held` are
        the bytes that the lane holds. `drifts` says that legacy is known to disagree with itself there.
        """
        lent = _LENT if drifts or found.severity is Severity.CRITICAL else 0.0
        recheck, capability = job.recheck, job.mirror.capability
        if not (recheck.after and recheck.budget > 0 and self._saved[capability] + lent >= 1 - _ROUNDING
                and len(self._waiting) < self._settings.queue // _WAITING and held <= self._settings.memory // 2):
            return False
        self._saved[capability] -= 1
        return True

    def wait(self, job: Job[Way]) -> None:
        """Keep a job until it is due, a number of seconds after its mismatch was found."""
        due = job.at + job.recheck.after[job.round]
        self._waiting[job] = asyncio.get_running_loop().call_at(due, self._ring, job)

    def stop(self) -> list[Job[Way]]:
        """Let no job wait any longer, and return those that did."""
        left = list(self._waiting)
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        return left

    def _ring(self, job: Job[Way]) -> None:
        del self._waiting[job]
        self._due(job)


def ended(job: Job[Way], again: Comparison) -> Comparison | None:
    """How a job ends now that its arms were asked `again`, or None if that did not settle the mismatch.

    `job.found` is then the mismatch with what asking again has shown.
    """
    assert job.found is not None
    outcome = again.tally.outcome
    job.found = found = with_bonds(job.found, (again,))
    if outcome is Outcome.UNSTABLE and still_drifts(found, again):
        return unstable(found)
    if outcome in AGREED or outcome in (Outcome.TRANSIENT, Outcome.UNSTABLE):
        return settled(found, f"after_{job.recheck.after[job.round]:g}s")
    if outcome is Outcome.MISMATCH:
        job.times += 1
        job.found = seen_again(found, again, job.times)
    else:
        job.last_hash = None
    return None
