"""Logs an overload of this worker: once when it begins to refuse work, and once when that is over."""

from gateway.telemetry.record import Recorder

# Seconds without a refusal after which an overload is over.
_QUIET = 10.0


class Overload:
    """The refusals for lack of one resource: `of` is "memory" or "connections". `now` is True while they last."""

    def __init__(self, of: str) -> None:
        self.of = of
        self._refused = 0
        self._refused_before = 0
        self._last = 0.0
        self.now = False

    def report(self, recorder: Recorder, refused: int, limit: int, now: float) -> None:
        """Log an overload that began or ended. `refused` counts the refusals so far, `now` is monotonic seconds."""
        if refused > self._refused:
            if not self.now:
                self.now, self._refused_before = True, self._refused
                recorder.event("overloaded", level="warning", of=self.of, limit=limit)
            self._refused, self._last = refused, now
        elif self.now and now - self._last > _QUIET:
            self.now = False
            recorder.event("overload_over", of=self.of, refused=refused - self._refused_before)
