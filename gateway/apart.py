"""Work in a thread of its own that nothing waits for: not the loop, and not the process when it ends.

asyncio.to_thread is for what surely ends. Its threads are few and shared, and a process waits for them at its end, so
one read from a mount that hangs would keep others waiting and SIGTERM from ending anything.
"""

import asyncio
import contextlib
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Apart(Generic[T]):
    """One piece of work, under way from the moment that this is made."""

    def __init__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        self._future: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, args=(lambda: work(*args, **kwargs),), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:
            self._future.set_exception(error)
        else:
            self._future.set_result(result)

    @property
    def ended(self) -> bool:
        """Whether there is a result, or an exception, or nothing any more."""
        return self._future.done() or not self._thread.is_alive()

    def within(self, seconds: float) -> bool:
        """Block until it has ended, at most so long; whether it has."""
        wait([self._future], seconds)
        return self._future.done()

    async def soon(self, seconds: float | None = None) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[T]) -> None:
            # The loop may be over by then, and nobody wants to know.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set)

        self._future.add_done_callback(tell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await over.wait()
        return self._future.done()

    def result(self) -> T:
        """What the work came to, once it has ended. Raises what it raised."""
        return self._future.result(0)

    def interrupt(self) -> None:
        """Ask it to end. Python that loops does so at its next instruction; a system call goes on until it returns."""
        if self._thread.ident is not None and not self.ended:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit))


async def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` comes to. Cancelling leaves it to itself."""
    working = Apart(work, *args, **kwargs)
    await working.soon()
    return working.result()
