"""The ports through which the admin port sees a gateway: the facts of its workers, and reports of the shadow.

Because of them the admin port can run in a worker, or in a process of its own beside the workers.
"""

from typing import Protocol

from gateway.telemetry.facts import WorkerFacts
from shadow.report.report import Report


class Workers(Protocol):
    """The workers of one gateway."""

    def all(self) -> list[tuple[bool, WorkerFacts]]:
        """Whether each worker still runs, and its last facts. Workers that have ended are included, for their counters.
        May block: it may read files."""
        ...


class Reports(Protocol):
    """Reports on capabilities, from the store."""

    def __call__(self, capability: str | None, share: float = 1.0, /) -> Report:
        """The report of one capability, or of all (None), with the verdict on a step to this share of clients. May
        block. Raises LookupError if there is no such capability, StoreError if the store cannot be read."""
        ...
