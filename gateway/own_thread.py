"""Runs work that may hang in a thread of its own, which neither the event loop nor the end of the process waits for.

asyncio.to_thread is for work that is sure to end. Its threads are few and shared, and a process waits for them when it
ends. So one read from a mount that hangs would block other work, and SIGTERM would not end the process.
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


class OwnThread(Generic[T]):
    """One piece of work, for one event loop. Its thread starts when this is made."""

    def __init__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        self._future: Future[T] = Future()
        self._over: asyncio.Event | None = None
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
        """Whether the work has a result or an exception, or its thread is gone without either."""
        return self._future.done() or not self._thread.is_alive()

    def within(self, seconds: float) -> bool:
        """Block until the work has ended, or this many seconds have passed. Return whether it has ended."""
        wait([self._future], seconds)
        return self._future.done()

    async def soon(self, seconds: float | None = None) -> bool:
        """Wait until the work has ended, or this many seconds have passed. Return whether it has ended."""
        if self._over is None:
            self._over = self._event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._future.done()

    def _event(self) -> asyncio.Event:
        """An event of the running loop that is set when the work has ended."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: Future[T]) -> None:
            # The loop may have ended by then.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set)

        self._future.add_done_callback(wake)
        return over

    def result(self) -> T:
        """Return the result of work that has ended. Raises what the work raised."""
        return self._future.result(0)

    def interrupt(self) -> None:
        """Ask the work to end. Python code ends at its next instruction; a system call goes on until it returns."""
        if self._thread.ident is not None and not self.ended:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit))


async def in_own_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread of its own and return its result. Cancelling does not stop the work."""
    working = OwnThread(work, *args, **kwargs)
    await working.soon()
    return working.result()
