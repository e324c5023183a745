"""StillLoop: an event loop whose clock jumps instead of waiting, to count how often something at rest wakes up."""

import asyncio
import selectors
from concurrent.futures import Future, ThreadPoolExecutor


class _Jumps(selectors.DefaultSelector):
    """Where the loop would sleep, its clock jumps to the end of the sleep."""

    loop: "StillLoop"

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left that could wake up the loop")
        self.loop.now += timeout
        self.loop.wakes += 1
        return ready


class _AtOnce(ThreadPoolExecutor):
    """Runs at once what others give to a thread, and counts it."""

    handed = 0

    def submit(self, work, /, *args, **kwargs):
        self.handed += 1
        done = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class StillLoop(asyncio.SelectorEventLoop):
    """`now` is its clock in seconds, and `wakes` counts how often it would have woken up from a sleep. Work for threads
    is done at once, in the loop; `threads.handed` counts it."""

    def __init__(self):
        self.now = 0.0
        self.wakes = 0
        selector = _Jumps()
        selector.loop = self
        super().__init__(selector)
        self.threads = _AtOnce(1)
        self.set_default_executor(self.threads)

    def time(self):
        return self.now

    async def woken(self, seconds):
        """How often it wakes up in so many seconds, not counting that they are over."""
        before = self.wakes
        await asyncio.sleep(seconds)
        return self.wakes - before - 1


def run_still(scene):
    """Run a coroutine function in a loop of its own, which it gets."""
    loop = StillLoop()
    try:
        loop.run_until_complete(scene(loop))
    finally:
        loop.close()
