"""Makes digests of bodies that are too large to be kept, in a thread of their own, as the bodies pass.

The event loop hands each piece over and goes on: to take a content coding off, and to hash, would hold up every client.
Nothing is kept but the pieces that wait for the thread, and their number of bytes is bounded.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue

from adapters.message import Headers
from shadow.compare.codings import codings_of
from shadow.compare.digests import Digesting
from shadow.observation import Digest

BEHIND = 4 << 20
"""Bytes of one body that may wait for the thread."""

Heard = Callable[[Digest], None]


class Digests:
    """The thread of one process. It is started when the first large body comes. `pending` counts the digests that are
    not ended; it belongs to the event loop."""

    def __init__(self) -> None:
        self.pending = 0
        self._none: asyncio.Event | None = None
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, headers: Headers, pieces: list[bytes]) -> "Passing":
        """Begin the digest of a body with these header fields, of which `pieces` have come."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="digests", daemon=True)
            self._thread.start()
        self.pending += 1
        return Passing(self, self._work, codings_of(headers), pieces)

    async def settle(self, seconds: float) -> None:
        """Wait until the digests of all bodies that have ended are known, at most so many seconds."""
        if self.pending:
            self._none = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none.wait()

    def less(self) -> None:
        """One digest has ended."""
        self.pending -= 1
        if not self.pending and self._none is not None:
            self._none.set()

    def _run(self) -> None:
        while True:
            self._work.get()()


class Passing:
    """The digest of one body that is passing. Its methods belong to the event loop in which it was made, and return at
    once. It ends once, by `end` or by `drop`."""

    __slots__ = ("_added", "_digesting", "_digests", "_done", "_dropped", "_limit", "_loop", "_resume", "_work")

    def __init__(
        self, digests: Digests, work: "SimpleQueue[Callable[[], None]]", codings: tuple[str, ...], pieces: list[bytes],
    ) -> None:
        self._digests = digests
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._digesting = Digesting(codings)
        # Written by the loop and by the thread, each one of them.
        self._added = self._done = 0
        self._dropped = False
        self._resume: Callable[[], object] | None = None
        self._limit = BEHIND + sum(map(len, pieces))
        for piece in pieces:
            self.add(piece)

    def add(self, data: bytes) -> bool:
        """Take the next piece. Returns whether more may come now: else too much waits for the thread."""
        self._added += len(data)
        self._work.put(lambda: self._take(data))
        return self._added - self._done <= self._limit

    def when_less_waits(self, resume: Callable[[], object]) -> None:
        """Call `resume` in the loop once most of what waits was taken."""
        self._resume = resume
        self._work.put(self._caught_up)

    def end(self, heard: Heard) -> None:
        """The body is complete: call `heard` with its digest, in the loop, soon."""
        self._work.put(lambda: self._call(lambda: self._ended(heard, self._digesting.end())))

    def drop(self) -> None:
        """Nobody needs the digest."""
        if not self._dropped:
            self._dropped = True
            self._digests.less()

    def _ended(self, heard: Heard, digest: Digest) -> None:
        if not self._dropped:
            self._digests.less()
            heard(digest)

    # --- in the thread ---

    def _take(self, data: bytes) -> None:
        if not self._dropped:
            self._digesting.take(data)
        self._done += len(data)

    def _caught_up(self) -> None:
        resume, self._resume = self._resume, None
        if resume is not None and not self._dropped:
            self._call(resume)

    def _call(self, what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what)


DIGESTS = Digests()
"""The digests of this process."""
