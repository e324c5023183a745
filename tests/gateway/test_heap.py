"""Memory is given back after work, when there is little to do, and not again for nothing."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.heap import Heap, give_back


def given(looks):
    """The looks, by their numbers, after which memory was given back. A look is (seconds, processor's seconds)."""
    done = []

    async def look_at_all():
        under_way = []
        heap = Heap(lambda: done.append(under_way[-1]))
        for number, (now, worked) in enumerate(looks):
            under_way.append(number)
            await heap.look(now, worked)

    asyncio.run(look_at_all())
    return done


def test_nothing_is_given_back_amid_work_but_in_the_first_quiet_second_after_it():
    assert given([(100, 1), (101, 1.9), (102, 2.8), (103, 2.81), (104, 2.82)]) == [3]


def test_it_is_given_back_after_a_rest_and_new_work_only():
    assert given([(100, 1), (101, 1.01), (102, 2.0), (103, 2.01), (111, 2.1), (112, 2.11), (125, 2.2)]) == [1, 4]


def resident():
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) << 10


@pytest.mark.slow
def test_what_the_library_keeps_goes_back_to_the_system():
    held = [bytes(2000 + number % 5000) for number in range(40_000)]
    kept = held[::100]
    peak = resident()
    del held
    give_back()
    assert peak - resident() > 50 << 20
    assert len(kept) == 400
