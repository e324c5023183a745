"""An attempt to read a configuration is given up after a while; what it then comes to is nobody's."""

import asyncio
import contextlib
import threading
from dataclasses import dataclass

import pytest

from gateway.config.attempts import Attempts, build_in_time
from gateway.config.compile import build
from gateway.config.problem import Invalid
from gateway.config.watch import look, watch
from gateway.own_thread import OwnThread, in_own_thread
from tests.backends.upstream import until
from tests.gateway.test_config import SMALLEST, write

__all__ = ["write"]  # a fixture

SLOW = SMALLEST + "policies: {slow: {slow: {}}}\n"


class Plugins:
    """A policy that is not built before it may be."""

    def __init__(self):
        self.may_end = threading.Event()

    def find(self, group, name):
        may_end = self.may_end

        class Policy:
            @dataclass
            class Options:
                pass

            credentials = ()

            def __init__(self, name, options):
                may_end.wait()

            async def close(self): ...

        return Policy if group == "figway.policies" else Nothing


class Nothing:
    @dataclass
    class Options:
        pass


@pytest.fixture
def plugins():
    made = Plugins()
    yield made
    made.may_end.set()


# An interrupt that comes while a callback runs, of a weak reference for instance, ends the callback; Python says so.
callbacks_may_be_interrupted = pytest.mark.filterwarnings(
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


@pytest.mark.slow
@callbacks_may_be_interrupted
async def test_what_hangs_is_given_up_counted_and_stands_in_no_other_s_way(write, plugins):
    running = build(write(SMALLEST), find=plugins.find)
    attempts = Attempts(write(SLOW), 0.05, plugins.find)
    for _ in range(1_000):
        # On a busy machine an attempt may be given up, and so ended, before it comes to what hangs.
        with pytest.raises(Invalid, match="too_slow"):
            await attempts.build(running)
        if attempts.hanging == 32:
            await asyncio.sleep(0.2)  # the last may just be ending
            if attempts.hanging == 32:
                break
    write(SMALLEST)
    with pytest.raises(Invalid, match="32 earlier attempts hang"):
        await attempts.build(running)

    plugins.may_end.set()
    until(lambda: not attempts.hanging, "they do not end")
    assert (await Attempts(write(SMALLEST), find=plugins.find).build(running)).digest == running.digest


def test_a_start_and_a_command_wait_no_longer_than_that(write, plugins):
    with pytest.raises(Invalid, match=r"not read within 0.05 s.*too_slow"):
        build_in_time(write(SLOW), 0.05, plugins.find)


def test_python_that_loops_is_ended():
    def loops():
        while True:
            pass

    work = OwnThread(loops)
    assert not work.within(0.01)
    work.interrupt()
    until(lambda: work.ended, "it loops on")


@callbacks_may_be_interrupted
async def test_what_was_interrupted_in_vain_is_interrupted_again_by_the_next_attempt(write):
    class Stubborn(Plugins):
        interrupts = 0

        def find(self, group, name):
            plugins = self

            class Policy:
                @dataclass
                class Options:
                    pass

                credentials = ()

                def __init__(self, name, options):
                    while plugins.interrupts < 2:
                        try:
                            while True:
                                pass
                        except SystemExit:
                            plugins.interrupts += 1
                    raise SystemExit

                async def close(self): ...

            return Policy if group == "figway.policies" else Nothing

    plugins = Stubborn()
    running = build(write(SMALLEST), find=plugins.find)
    attempts = Attempts(write(SLOW), 2, plugins.find)
    with pytest.raises(Invalid, match="too_slow"):
        await attempts.build(running)
    until(lambda: plugins.interrupts == 1, "it is not interrupted")
    write(SMALLEST)
    with contextlib.suppress(Invalid):  # beside a thread that loops, this attempt may be too slow itself
        await attempts.build(running)
    until(lambda: not attempts.hanging, "it is not interrupted again")


async def test_what_work_raises_is_raised_where_it_is_waited_for():
    def fails():
        raise KeyError("no")

    with pytest.raises(KeyError, match="no"):
        await in_own_thread(fails)
    assert await in_own_thread(sum, (1, 2)) == 3


async def test_a_look_that_hangs_is_told_and_so_is_its_end(tmp_path):
    may_end, told = threading.Event(), asyncio.Queue()

    def hangs(files):
        may_end.wait()
        return look(files)

    watching = asyncio.create_task(
        watch(lambda: [tmp_path], lambda: told.put_nowait("changed"), 0.01, look=hangs, hangs=0.01))
    await told.get()
    assert told.empty()
    may_end.set()
    await told.get()
    (tmp_path / "new").touch()
    await told.get()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
