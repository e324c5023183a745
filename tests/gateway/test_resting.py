"""Servers at rest: uvicorn's would wake up ten times a second to see whether they should end."""

import asyncio
import os
import signal
import threading

import pytest
import uvicorn

from gateway.worker import Resting
from tests.still_loop import run_still


async def app(scope, receive, send):
    raise AssertionError("nobody calls it")


def server():
    return Resting(uvicorn.Config(app))


def test_a_server_sleeps_until_it_is_asked_to_end():
    async def scene(loop):
        made = server()
        serving = asyncio.create_task(made.main_loop())
        await asyncio.sleep(1)
        assert await loop.woken(600) == 0
        assert not serving.done()
        made.should_exit = True
        await asyncio.wait_for(serving, 1)

    run_still(scene)


async def test_a_server_that_was_asked_before_does_not_sleep():
    made = server()
    made.should_exit = True
    await asyncio.wait_for(made.main_loop(), 60)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_signal_ends_it_while_the_loop_sleeps(loop):
    made = server()
    config = uvicorn.Config(app, loop=loop)

    async def serve():
        with made.capture_signals():
            sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
            sender.start()
            await asyncio.wait_for(made.main_loop(), 60)

    before = signal.signal(signal.SIGUSR1, made.handle_exit)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(serve())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert made.should_exit
