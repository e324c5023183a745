"""Turns messages of Python's logging, and errors of the event loop, into events of the gateway's log: one JSON object
for each line. Tracebacks are never logged, because they may hold patient data."""

import asyncio
import logging
from typing import Any

from gateway.telemetry.record import Recorder

# Loggers whose messages are logged: they hold only names and numbers. Of others, only logger, level and type are.
_OURS = ("gateway.", "shadow.", "adapters.")


class Bridge(logging.Handler):
    """A handler for the root logger, from warnings up."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        message = record.getMessage() if record.name.startswith(_OURS) else ""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._recorder.event("logged", level=record.levelname.lower(), logger=record.name, message=message, type=error)

    def loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The event loop's exception handler: a callback or a task has failed."""
        error = context.get("exception")
        self._recorder.event("loop_error", level="error", type=type(error).__name__ if error is not None else "")
