"""Plugins that break their contracts. Gateways that are started inside `installed` know them."""

import asyncio
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.message import Request, Response
from gateway.call import Call

SECRET = "NHS-9434765919"


@dataclass(frozen=True, slots=True)
class When:
    """When an adapter fails: at the "request" or at the "response"."""

    when: str = "response"


class Adapter:
    """Raises errors that no adapter may raise."""

    Options = When

    def __init__(self, options: When) -> None:
        self._when = options.when

    def operations(self) -> None:
        """Any."""

    def request(self, operation: str, params: Mapping[str, str], request: Request) -> Request:
        if self._when == "request":
            raise KeyError(SECRET)
        return request

    def response(self, operation: str, response: Response) -> Response:
        raise KeyError(SECRET)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No options."""


class Policy:
    """Admits everybody, after a while."""

    Options = Nothing
    credentials: tuple[bytes, ...] = ()

    def __init__(self, name: str, options: Nothing) -> None:
        """Nothing is kept."""

    async def admit(self, call: Call) -> None:
        await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class While:
    """A file. As long as it exists, building a policy waits: in a system call that never returns, or in Python
    (`spins`)."""

    there: Path
    spins: bool = False


class Hanging(Policy):
    """Cannot be built as long as a file exists."""

    Options = While  # type: ignore[assignment]

    def __init__(self, name: str, options: While) -> None:  # type: ignore[override]
        never = threading.Event()
        while options.there.exists():
            never.wait(None if not options.spins else 0)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Gateways that are started in this block know the adapter and the policy `faulty`, and two more policies:
    `unloadable` raises when it is imported, and `hanging` cannot be built as long as a file exists."""
    info = folder / "faulty-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[figway.adapters]\nfaulty = {__name__}:Adapter\n"
        f"[figway.policies]\nfaulty = {__name__}:Policy\nunloadable = unloadable:Policy\n"
        f"hanging = {__name__}:Hanging\n")
    (folder / "unloadable.py").write_text(f"raise KeyError('{SECRET}')\n")
    root = Path(sys.modules[__name__.partition(".")[0]].__path__[0]).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder}:{root}")
        yield
