"""Digests of bodies that pass: made in a thread, of the content alone, and bounded in what waits for it."""

import asyncio
import hashlib
import threading
import zlib

from adapters.message import Headers
from gateway.digests import BEHIND, Digests
from gateway.transports.collect import Collected
from shadow.observation import Digest

PLAIN, GZIP = Headers(), Headers([(b"Content-Encoding", b"gzip")])


async def heard(passing):
    found = asyncio.get_running_loop().create_future()
    passing.end(found.set_result)
    return await found


def of(content):
    return Digest(len(content), hashlib.sha256(content).digest())


async def test_a_digest_is_of_all_pieces_in_order_without_the_coding():
    digests = Digests()
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"ab" * 1000) + packer.flush()
    one, other = digests.begin(PLAIN, [b"a", b"b"]), digests.begin(GZIP, [packed[:5]])
    assert one.add(b"c")
    assert other.add(packed[5:])
    assert digests.pending == 2
    assert (await heard(one), await heard(other)) == (of(b"abc"), of(b"ab" * 1000))
    assert digests.pending == 0


async def test_what_waits_is_bounded_and_told_when_it_is_less():
    digests = Digests()
    # The thread stands still until it may go on.
    go, begun = threading.Event(), threading.Event()
    digests.begin(PLAIN, []).drop()
    digests._work.put(lambda: (begun.set(), go.wait()))
    passing = digests.begin(PLAIN, [])
    piece = bytes(1 << 20)
    told = [passing.add(piece) for _ in range(BEHIND // len(piece) + 1)]
    assert told == [True] * (BEHIND // len(piece)) + [False]
    less = asyncio.Event()
    passing.when_less_waits(less.set)
    begun.wait()
    assert not less.is_set()
    go.set()
    await less.wait()
    assert passing.add(piece)
    assert (await heard(passing)).size == BEHIND + 2 * len(piece)


async def test_nobody_hears_of_a_digest_that_was_dropped():
    digests = Digests()
    dropped, last = digests.begin(PLAIN, [b"a"]), digests.begin(PLAIN, [])
    dropped.end(lambda digest: (_ for _ in ()).throw(AssertionError(digest)))
    dropped.drop()
    dropped.drop()
    assert await heard(last) == of(b"")
    assert digests.pending == 0


async def test_the_end_of_a_worker_waits_for_digests_and_not_for_ever():
    digests = Digests()
    found = []
    digests.begin(PLAIN, [b"a"]).end(found.append)
    await digests.settle(30)
    assert found == [of(b"a")]
    digests.begin(PLAIN, [])  # its body never ends
    await digests.settle(0.01)
    assert digests.pending == 1


class Arm:
    def __init__(self):
        self.did = []
        self.goes_on = asyncio.Event()

    def pause(self):
        self.did.append("pause")

    def resume(self):
        self.did.append("resume")
        self.goes_on.set()

    def cancel(self):
        self.did.append("cancel")


def collecting(arm, limit=4):
    settled = asyncio.get_running_loop().create_future()
    collected = Collected(limit, settled.set_result, digested=True)
    collected.sending = arm
    collected.on_head(200, b"OK", Headers([(b"Content-Length", b"99")]), 99)
    return collected, settled


async def test_an_answer_past_the_limit_has_a_digest_in_place_of_its_body():
    collected, settled = collecting(Arm())
    for piece in (b"abc", b"def", b"g"):
        collected.on_data(piece)
    collected.on_end(Headers([(b"X-Sum", b"1")]))
    await settled
    assert (collected.body, collected.digest, collected.failure) == (b"", of(b"abcdefg"), None)
    assert collected.trailers == [(b"X-Sum", b"1")]


async def test_an_arm_waits_where_its_answer_comes_faster_than_it_is_digested():
    arm = Arm()
    collected, settled = collecting(arm)
    piece = bytes(1 << 20)
    while "pause" not in arm.did:
        collected.on_data(piece)
    await arm.goes_on.wait()
    collected.on_end(Headers())
    await settled
    assert "cancel" not in arm.did


async def test_an_answer_that_nobody_needs_is_given_up():
    arm = Arm()
    collected, settled = collecting(arm)
    collected.on_data(b"abcdef")
    collected.give_up()
    await asyncio.sleep(0)
    assert arm.did == ["cancel"]
    assert not settled.done()
