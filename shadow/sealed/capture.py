"""Capture: seals a sample of the mismatches in the vault, in threads, and destroys the records of those that settle.

The number of waiting exchanges is limited, and no other work waits for them. Exchanges that find no room, or that the
vault cannot keep, are counted and dropped.
"""

import asyncio
import random
import re
import secrets
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace

from adapters.message import Headers, Request
from shadow.compare.comparison import Comparison
from shadow.compare.pair import Pair
from shadow.credentials import is_credential, without_in_body, without_in_target
from shadow.custody.base import CustodyError
from shadow.ledger.groups import key
from shadow.observation import Observation
from shadow.sealed.base import Captured, Vault, VaultError
from shadow.settings import Sealing
from shadow.words import worded

WAITING = 64
"""Exchanges that wait to be sealed."""

WAITING_BYTES = 16 << 20
"""Bytes of the bodies that wait to be sealed."""

EXPIRY = 60.0
"""Seconds between two searches of the vault for expired records."""

DRAIN = 2.0
"""Seconds at the end in which waiting exchanges may still be sealed."""

_COOKIE = re.compile(rb"^([^=;]*=)[^;]+")
_roll = random.random


class Capture:
    """Seals for one worker. `start` and all later calls belong to one event loop.

    `counts` are by result: "sealed", "discarded" (no mismatch in the end), "shed" (no room to wait) and "failed" (the
    vault or custody could not be written). `fault` says why the last work on the vault failed, "" if it did not.
    """

    def __init__(self, vault: Vault) -> None:
        self.counts: Counter[str] = Counter({"sealed": 0, "discarded": 0, "shed": 0, "failed": 0})
        self.fault = ""
        self._vault = vault
        self._seals: dict[str, Captured] = {}
        self._discards: deque[str] = deque()
        self._held = 0
        self._closing = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def take(self, pair: Pair, comparison: Comparison, sealing: Sealing, *, safe: bool) -> str:
        """Seal a mismatch with the probability of `sealing.share`. Returns its id, or "" if it is not sealed. Takes
        constant time."""
        if _roll() >= sealing.share:
            return ""
        if len(self._seals) >= WAITING or self._held + _size(pair) > WAITING_BYTES or self._closing:
            self.counts["shed"] += 1
            return ""
        asked = pair.request
        headers = Headers((name, b"" if name.lower() in sealing.secrets or is_credential(name) else value)
                          for name, value in asked.headers)
        asked = Request(asked.method, without_in_target(asked.target), headers, without_in_body(asked))
        captured = Captured(
            secrets.token_hex(8), pair.at, pair.capability, pair.operation, pair.trace_id, key(comparison.differences),
            safe, asked, _without_cookies(pair.control),
            _without_cookies(pair.candidate))
        self._seals[captured.id] = captured
        self._held += _size(captured)
        self._woken.set()
        return captured.id

    def drop(self, id: str) -> None:
        """Destroy the record with this id: the exchange turned out to be no mismatch."""
        captured = self._seals.pop(id, None)
        if captured is not None:
            self._held -= _size(captured)
            self.counts["discarded"] += 1
        else:
            self._discards.append(id)
            self._woken.set()

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Seal and discard what waits, within a bound, and stop. The vault is not closed."""
        self._closing = True
        self._woken.set()
        if self._task is not None:
            # Not cancelled: a thread may still use the vault, which is closed next.
            await self._task

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        look = 0.0
        while not self._closing:
            if clock() >= look:
                await self._do(self._vault.expire)
                look = clock() + EXPIRY
            elif self._seals or self._discards:
                await self._work()
            else:
                self._woken.clear()
                try:
                    async with asyncio.timeout_at(look):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        until = clock() + DRAIN
        while (self._seals or self._discards) and clock() < until:
            await self._work()
        self.counts["shed"] += len(self._seals)
        self._seals.clear()

    async def _work(self) -> None:
        """Discard one record, or else seal one exchange."""
        if self._discards:
            id = self._discards.popleft()
            if await self._do(lambda: self._vault.discard(id)):
                self.counts["discarded"] += 1
            return
        captured = self._seals.pop(next(iter(self._seals)))
        if await self._do(lambda: self._vault.seal(captured)):
            self.counts["sealed"] += 1
        self._held -= _size(captured)

    async def _do(self, work: Callable[[], object]) -> bool:
        try:
            await asyncio.to_thread(work)
        except Exception as error:
            # Whatever was raised: shadowing and serving go on without it.
            self.counts["failed"] += 1
            self.fault = worded(error, (VaultError, CustodyError))
            return False
        self.fault = ""
        return True


def _size(exchange: Pair | Captured) -> int:
    return len(exchange.request.body) + len(exchange.control.body) + len(exchange.candidate.body)


def _without_cookies(one: Observation) -> Observation:
    """An answer without the values of its cookies, which may open a session. The names stay: they are compared."""
    headers = Headers((name, _COOKIE.sub(rb"\1*", value) if name.lower() == b"set-cookie" else value)
                      for name, value in one.headers)
    return replace(one, headers=headers)
