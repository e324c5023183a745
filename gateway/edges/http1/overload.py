"""What this worker refuses because it has too much to do: told once when that begins and once when it is over."""

from gateway.telemetry.record import Recorder

_QUIET = 10.0


class Overload:
    """The refusals for want of one thing: `of` is "memory" or "connections"."""

    def __init__(self, of: str) -> None:
        self.of = of
        self._told = 0
        self._began = 0
        self._last = 0.0
        self.now = False

    def tell(self, recorder: Recorder, refused: int, limit: int, now: float) -> None:
        """`refused` is how many there have been so far, `now` is monotonic. Call it every now and then."""
        if refused > self._told:
            if not self.now:
                self.now, self._began = True, self._told
                recorder.event("overloaded", level="warning", of=self.of, limit=limit)
            self._told, self._last = refused, now
        elif self.now and now - self._last > _QUIET:
            self.now = False
            recorder.event("overload_over", of=self.of, refused=refused - self._began)
