"""Logs faults of the shadow's files. Each fault is logged when it begins, changes and ends, not at every failure."""

import time
from collections.abc import Mapping

from gateway.telemetry.record import Recorder
from shadow.lane.archive import OPENING

_AGAIN = 60.0
"""Seconds after which a continuing fault is logged again, if its reason has changed."""


class Faults:
    """The faults that one worker has logged. It belongs to the worker's event loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._since: dict[str, float] = {}
        # File → the reason that was logged, and when.
        self._reported: dict[str, tuple[str, float]] = {}

    @property
    def any_reported(self) -> bool:
        """Whether a logged fault still continues."""
        return bool(self._reported)

    def report(self, faults: Mapping[str, str], failures: Mapping[str, int]) -> None:
        """Log the changes since the last call. `faults` are the current ones: the file ("store", "custody", "sealed",
        "marks" or "control") → the reason. `failures` says how often each file has failed since the start."""
        now = time.monotonic()
        for what, reason in faults.items():
            self._since.setdefault(what, now)
            known, at = self._reported.get(what, ("", -_AGAIN))
            if reason != known and (known in ("", OPENING) or now - at >= _AGAIN):
                self._reported[what] = reason, now
                self._begins(what, reason, failures.get(what, 0))
        for what in [what for what in self._since if what not in faults]:
            seconds = round(now - self._since.pop(what), 1)
            del self._reported[what]
            self._recorder.event("recovered", what=what, seconds=seconds, failures=failures.get(what, 0))

    def _begins(self, what: str, reason: str, failures: int) -> None:
        match what:
            case "store":
                self._recorder.event("store_failed", level="error", reason=reason, failures=failures)
            case "marks":
                self._recorder.event("marks_failed", level="error", reason=reason)
            case "control":
                self._recorder.event("control_failed", level="error", reason=reason)
            case "custody":
                self._recorder.event("custody_failed", level="error", reason=reason, failures=failures)
            case _:
                self._recorder.event("capture_failed", level="error", reason=reason, failures=failures)
