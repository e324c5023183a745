"""Faults of the files that the shadow keeps, told as they begin, change and end: once each, not once a failure."""

import time
from collections.abc import Mapping

from gateway.telemetry.record import Recorder
from shadow.lane.archive import OPENING

_AGAIN = 60.0
"""Seconds after which a fault that goes on under another reason is told again."""


class Faults:
    """What one worker has told of. `tell` belongs to its event loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._since: dict[str, float] = {}
        self._told: dict[str, tuple[str, float]] = {}

    @property
    def told(self) -> bool:
        """Whether there is a fault that was told of."""
        return bool(self._told)

    def tell(self, faults: Mapping[str, str], failures: Mapping[str, int]) -> None:
        """`faults` are those of now, each with its reason, by what fails: "store", "custody", "sealed" or
        "marks"; `failures`
        say how often each has failed since the start."""
        now = time.monotonic()
        for what, reason in faults.items():
            self._since.setdefault(what, now)
            told, at = self._told.get(what, ("", -_AGAIN))
            if reason != told and (told in ("", OPENING) or now - at >= _AGAIN):
                self._told[what] = reason, now
                self._begins(what, reason, failures.get(what, 0))
        for what in [what for what in self._since if what not in faults]:
            seconds = round(now - self._since.pop(what), 1)
            del self._told[what]
            self._recorder.event("recovered", what=what, seconds=seconds, failures=failures.get(what, 0))

    def _begins(self, what: str, reason: str, failures: int) -> None:
        match what:
            case "store":
                self._recorder.event("store_failed", level="error", reason=reason, failures=failures)
            case "marks":
                self._recorder.event("marks_failed", level="error", reason=reason)
            case "custody":
                self._recorder.event("custody_failed", level="error", reason=reason, failures=failures)
            case _:
                self._recorder.event("capture_failed", level="error", reason=reason, failures=failures)
