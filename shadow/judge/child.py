"""The comparer, as the lane sees it: pairs in, comparisons out, judged in a child process (`shadow.judge`).

A plain subprocess rather than an executor: it is killed by its handle where it takes too long, it holds nothing of
its parent's, and the end of its pipe ends it.
"""

import asyncio
import pickle
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Protocol

from shadow.compare.comparison import Comparison
from shadow.compare.pair import Pair
from shadow.judge.judgement import packed

RESTART = 0.5
"""Seconds before a child that was lost is started again, so that one that dies at once costs little."""


class ComparerLost(Exception):
    """The comparer went away with the batch that it had."""


class ComparerSlow(Exception):
    """The comparer did not answer in time, and was ended."""


class Comparer(Protocol):
    """Judges pairs somewhere else. One call at a time."""

    async def compare(self, pairs: Sequence[Pair], seconds: float) -> list[Comparison]:
        """One comparison for each pair, in order, within `seconds`. Raises ComparerLost or ComparerSlow."""
        ...

    async def close(self) -> None:
        """Leave no process behind. It may be used again afterwards."""
        ...


class Child:
    """A comparer in a child process, started when it is first needed and again after it was lost."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The child's process id, or None where there is none now."""
        return self._process.pid if self._process else None

    async def compare(self, pairs: Sequence[Pair], seconds: float) -> list[Comparison]:
        answered = False
        try:
            async with asyncio.timeout(seconds):
                comparisons = await self._ask(packed(pairs))
            answered = True
            return comparisons
        except TimeoutError:
            raise ComparerSlow from None
        except (OSError, EOFError):
            raise ComparerLost from None
        finally:
            if not answered:
                # Whatever it may still answer would be taken for the next batch's.
                self._not_before = time.monotonic() + RESTART
                await self.close()

    async def _ask(self, message: bytes) -> list[Comparison]:
        if self._process is None:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            # -P: the working directory is no place to import from. No stderr: a traceback could hold a value.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "shadow.judge", stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            )
        down, up = self._process.stdin, self._process.stdout
        if down is None or up is None:
            raise EOFError
        down.write(len(message).to_bytes(4) + message)  # at once, or the child would wake up twice
        await down.drain()
        answer = await up.readexactly(int.from_bytes(await up.readexactly(4)))
        comparisons: list[Comparison] = pickle.loads(answer)  # noqa: S301 (our own child wrote it)
        return comparisons

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.kill()
        except ProcessLookupError:
            pass
        await process.communicate()
