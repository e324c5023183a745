"""Logs the answers of upstreams that broke a rule of HTTP/1.1: which upstream, which rule, and how many."""

import time
from collections.abc import Iterable

from gateway.telemetry.record import Recorder

_AGAIN = 3600.0
"""Seconds after which a rule that an upstream still breaks is logged again: an old server may break it each time."""


class Breaches:
    """What one worker has logged of it. It belongs to the worker's event loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # (Upstream, rule, "repaired" or "refused") → the count that was logged, and when.
        self._logged: dict[tuple[str, str, str], tuple[int, float]] = {}

    def report(self, rows: Iterable[tuple[str, str, str, int]], *, last: bool = False) -> None:
        """Log what is new since the last call: upstream, rule, "repaired" or "refused", and the count since the start.
        With `last`, what would wait for its hour is logged now."""
        now = time.monotonic()
        for upstream, rule, became, count in rows:
            known, at = self._logged.get((upstream, rule, became), (0, -_AGAIN))
            if count > known and (last or now - at >= _AGAIN):
                self._logged[upstream, rule, became] = count, now
                if became == "repaired":
                    self._recorder.event("answer_repaired", level="warning", upstream=upstream, rule=rule,
                                         count=count - known)
                else:
                    self._recorder.event("answer_refused", level="warning", upstream=upstream, rule=rule,
                                         count=count - known)
