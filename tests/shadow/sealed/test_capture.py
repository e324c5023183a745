"""Capture: which mismatches come to the vault, what is left out of them, and that nothing waits for it."""

import asyncio
import threading

import pytest

from adapters.message import Headers
from shadow.compare.agreement import identical
from shadow.compare.comparison import compare
from shadow.custody.sqlite import SqliteCustody
from shadow.lane.lane import Lane
from shadow.ledger.groups import patterns
from shadow.sealed.base import Bounds, VaultError
from shadow.sealed.capture import WAITING, Capture
from shadow.sealed.sqlite import SqliteVault
from shadow.settings import Recheck, Sealing
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, mirror, pair
from tests.shadow.lane.test_lane import SETTINGS, Inline, echo

ALL = Sealing(1.0)


@pytest.fixture
def vault(tmp_path):
    custody = SqliteCustody(None)
    vault = SqliteVault(tmp_path / "figway.sealed", custody, Bounds(), lambda: 2.0)
    yield vault
    vault.close()
    custody.close()


def mirrored(body, said, sealing=ALL, **more):
    return mirror(body, way=said, sealing=sealing, **more)


async def through(capture, mirrors):
    """The mirrors, all the way through a lane that captures."""
    lane = Lane(echo, Memory(Memory.Options()), SETTINGS, Inline(), capture=capture)
    lane.start()
    for one in mirrors:
        lane.offer(one)
    await lane.idle()
    await lane.drain(5)
    return capture.counts


async def test_a_mismatch_is_sealed_as_it_was(vault):
    counts = await through(Capture(vault), [mirrored(b'{"a": 1}', b'{"a": 2}'), mirrored(b'{"a": 1}', b'{"a": 1}')])
    assert counts == {"sealed": 1, "discarded": 0, "shed": 0, "failed": 0}
    [entry] = vault.entries()
    found = vault.open(entry.id)
    assert (found.control, found.candidate) == (answer("legacy", b'{"a": 1}'), answer("modern", b'{"a": 2}'))
    assert (found.capability, found.operation, found.trace_id, found.at, found.safe) == (
        "results", "read", "trace", 1.0, True)


async def test_a_record_has_the_key_of_its_pattern(vault):
    compared = pair({"a": 1, "b": [1, 2]}, {"a": "1", "b": [1]})
    await through(Capture(vault), [mirrored(compared.control.body, compared.candidate.body)])
    [(_, _, key)] = patterns([compare(compared)])
    assert [entry.pattern for entry in vault.entries()] == [key]


async def test_nothing_is_sealed_unless_it_is_wanted(vault):
    counts = await through(Capture(vault), [mirrored(b'{"a": 1}', b'{"a": 2}', Sealing())])
    assert counts["sealed"] == 0
    assert vault.entries() == []


async def test_a_share_of_the_mismatches_is_sealed(vault):
    capture, compared = Capture(vault), pair({"a": 1}, {"a": 2})
    taken = [capture.take(compared, compare(compared), Sealing(0.25), safe=True) for _ in range(400)]
    assert 50 < sum(map(bool, taken)) + capture.counts["shed"] < 150


async def test_what_settles_is_not_kept(vault):
    legacy, lagging = b'{"a": 1}', [b'{"a": 2}', b'{"a": 1}']
    counts = await through(Capture(vault), [mirrored(legacy, lagging, recheck=Recheck((0.2,), 1.0, True))])
    assert counts["discarded"] == 1
    assert vault.entries() == []


async def test_what_settles_before_it_was_sealed_never_is(vault):
    capture, compared = Capture(vault), pair({"a": 1}, {"a": 2})
    capture.drop(capture.take(compared, compare(compared), ALL, safe=True))
    capture.start()
    await capture.close()
    assert capture.counts == {"sealed": 0, "discarded": 1, "shed": 0, "failed": 0}
    assert vault.entries() == []


async def test_secrets_of_whoever_asked_are_left_out(vault):
    compared = pair(answer("legacy", {"a": 1}, set_cookie="session=SECRET; Path=/; HttpOnly"), answer("modern", {}))
    compared.request.headers[:] = [
        (b"Authorization", b"Bearer SECRET"), (b"COOKIE", b"a=SECRET"), (b"X-Key", b"SECRET"), (b"X-Tenant", b"north"),
        (b"X-Forwarded-Client-Cert", b"SECRET")]
    capture = Capture(vault)
    capture.take(compared, compare(compared), Sealing(1.0, ALL.secrets | {b"x-key"}), safe=False)
    capture.start()
    await capture.close()
    [entry] = vault.entries()
    found = vault.open(entry.id)
    assert found.request.headers == Headers([
        (b"Authorization", b""), (b"COOKIE", b""), (b"X-Key", b""), (b"X-Tenant", b"north"),
        (b"X-Forwarded-Client-Cert", b"")])
    assert found.control.headers.get(b"set-cookie") == b"session=*; Path=/; HttpOnly"
    assert identical(pair(found.control, compared.control)) is False
    assert compare(pair(found.control, compared.control)).differences == ()
    assert compared.request.headers.get(b"authorization") == b"Bearer SECRET"


class Stuck:
    """A vault that takes nothing until it is let go."""

    def __init__(self):
        self.free = threading.Event()
        self.taken = 0

    def seal(self, captured):
        self.free.wait(30)
        self.taken += 1

    def discard(self, id):
        self.free.wait(30)

    def expire(self):
        pass


async def test_what_there_is_no_room_for_is_shed_and_nothing_waits():
    stuck = Stuck()
    capture, compared = Capture(stuck), pair({"a": 1}, {"a": 2})
    judged = compare(compared)
    capture.start()
    taken = [capture.take(compared, judged, ALL, safe=True) for _ in range(WAITING + 5)]
    assert taken[WAITING:] == [""] * 5
    assert capture.counts["shed"] == 5
    stuck.free.set()
    await capture.close()
    assert (capture.counts["sealed"], stuck.taken) == (WAITING, WAITING)
    assert capture.take(compared, judged, ALL, safe=True) == ""


async def test_large_bodies_are_bounded_in_bytes_too():
    capture, compared = Capture(Stuck()), pair({"a": "x" * (5 << 20)}, {"a": 2})
    judged = compare(pair({"a": 1}, {"a": 2}))
    assert [bool(capture.take(compared, judged, ALL, safe=True)) for _ in range(5)] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("error", [VaultError("the sealed file fails: SQLITE_FULL"), RuntimeError("CANARY")])
async def test_a_vault_that_fails_is_counted_and_loses_nothing_else(error):
    class Failing(Stuck):
        def seal(self, captured):
            raise error

        expire = discard = seal

    store, capture = Memory(Memory.Options()), Capture(Failing())
    lane = Lane(echo, store, SETTINGS, Inline(), capture=capture)
    lane.start()
    for _ in range(3):
        lane.offer(mirrored(b'{"a": 1}', b'{"a": 2}'))
    await lane.idle()
    await lane.drain(5)
    assert sum(store.read().tallies.values()) == 3
    assert capture.counts["failed"] >= 3
    assert capture.counts["sealed"] == 0


async def test_it_expires_what_is_there_when_it_starts():
    expired = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Watched(Stuck):
        def expire(self):
            loop.call_soon_threadsafe(expired.set)

    capture = Capture(Watched())
    capture.start()
    await expired.wait()
    await capture.close()
