"""The parent's side of the judge: pairs go to a child process (`python -m shadow.judge`), comparisons come back.

It is a plain subprocess and no executor: it can be killed if it takes too long, it inherits nothing from its parent,
and it ends when its pipe ends.
"""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Protocol

from shadow.compare.comparison import Comparison
from shadow.compare.pair import Pair
from shadow.judge.codec import LENGTH, decode_comparisons, encode_pairs, frame

RESTART = 0.5
"""Seconds to wait before a lost child is started again, so that one that keeps dying at its start costs little."""


class JudgeLost(Exception):
    """The judge's process ended, and its batch was lost with it."""


class JudgeSlow(Exception):
    """The judge did not answer in time, and was killed."""


class Judge(Protocol):
    """Judges batches of pairs outside the event loop. One call at a time."""

    async def judge(self, pairs: Sequence[Pair], seconds: float) -> list[Comparison]:
        """One comparison for each pair, in order, within `seconds`. Raises JudgeLost or JudgeSlow."""
        ...

    async def close(self) -> None:
        """End its process. `judge` may be called again afterwards."""
        ...


class Child:
    """A Judge in a child process, which is started at the first call, and again after it was lost."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The child's process id, or None if there is no child now."""
        return self._process.pid if self._process else None

    async def judge(self, pairs: Sequence[Pair], seconds: float) -> list[Comparison]:
        answered = False
        try:
            async with asyncio.timeout(seconds):
                comparisons = await self._ask(frame(encode_pairs(pairs)))
            answered = True
            return comparisons
        except TimeoutError:
            raise JudgeSlow from None
        except (OSError, EOFError):
            raise JudgeLost from None
        finally:
            if not answered:
                # A late answer would be taken for the answer to the next batch.
                self._not_before = time.monotonic() + RESTART
                await self.close()

    async def _ask(self, message: bytes) -> list[Comparison]:
        if self._process is None:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            # -P: nothing is imported from the working directory. No stderr: a traceback could hold a value.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "shadow.judge", stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            )
        down, up = self._process.stdin, self._process.stdout
        if down is None or up is None:
            raise EOFError
        down.write(message)  # In one piece, or the child would wake up twice.
        await down.drain()
        return decode_comparisons(await up.readexactly(int.from_bytes(await up.readexactly(LENGTH))))

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.kill()
        except ProcessLookupError:
            pass
        await process.communicate()
