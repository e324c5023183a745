"""The ports through which the admin port sees a gateway: the facts of its workers, and reports of the shadow.

Because of them the admin port can run in a worker, or in a process of its own beside the workers.
"""

from typing import Protocol

from gateway.telemetry.facts import WorkerFacts
from shadow.report.report import Report


class Workers(Protocol):
    """The workers of one gateway."""

    def all(self) -> list[tuple[bool, WorkerFacts]]:
        """Each worker's last facts and whether it still runs; also of workers that have ended, for their counters.
        May block: it may read files."""
        ...


class Reports(Protocol):
    """Reports on capabilities, from the store."""

    def __call__(self, capability: str | None, /) -> Report:
        """The report of one capability, or of all. May block. Raises LookupError where there is no such capability,
        StoreError where the store cannot be read."""
        ...
