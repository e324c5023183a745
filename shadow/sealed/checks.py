"""The check that every Vault must pass. Third parties call it as `shadow.testing.check_vault`."""

from collections.abc import Callable
from dataclasses import replace

from adapters.message import Headers, Request
from shadow.custody.base import Custody, Hold
from shadow.observation import Failure, Observation
from shadow.sealed.base import PURPOSE, Bounds, Captured, Vault, VaultError

_HEADERS = Headers([(b"Content-Type", b"application/json"), (b"x-\xfc", b"\x80\xff"), (b"X", b"1"), (b"x", b"2")])
_ONE = Captured(
    "0000000000000001", 10.0, "results", "read", "trace-1", "a" * 24, True,
    Request("GET", b"/patients/\xff?a=b", _HEADERS, b"asked \x00\xff"),
    Observation("legacy", 0.25, 200, _HEADERS, b"\x00said\xff"),
    Observation("modern", 0.5, failure=Failure("reset", "upstream", "closed half-way", sent=True)),
)


def check_vault(make: Callable[[Custody, Bounds, Callable[[], float]], Vault], custody: Custody) -> None:
    """Check a kind of vault against its contract. Raises AssertionError.

    `make` opens the vault, the same each time it is called, on a custody, bounds and a clock that gives seconds since
    1970. The vault is empty at first, and so is `custody`, which stays open."""
    now = [10.0]

    def clock() -> float:
        return now[0]

    vault = make(custody, Bounds(retention=100.0, records=3), clock)
    _check_records(vault, custody)
    _check_holds(vault, custody)
    _check_expiry(vault, custody, now)
    vault.close()
    _check_size(make(custody, Bounds(retention=100.0, records=3, size=64 << 10), clock), custody)


def _number(number: int, capability: str = "results") -> Captured:
    return replace(_ONE, id=f"{number:016x}", at=10.0 + number, capability=capability)


def _ids(vault: Vault, capability: str | None = None) -> list[int]:
    return [int(one.id, 16) for one in vault.entries(capability)]


def _fails(vault: Vault, id: str) -> bool:
    try:
        vault.open(id)
    except VaultError:
        return True
    return False


def _check_records(vault: Vault, custody: Custody) -> None:
    assert vault.entries() == [], "starts empty"
    vault.seal(_ONE)
    assert vault.open(_ONE.id) == _ONE, "a record is what was sealed, to the byte"
    assert custody.scopes(PURPOSE) == {_ONE.id: 10.0}, "its key is in custody, made when the exchange was"
    [summary] = vault.entries()
    assert summary[:7] == (_ONE.id, 10.0, "results", "read", "trace-1", "a" * 24, True), "it is listed by what is clear"
    assert (summary.held, summary.expires) == (False, 110.0)
    assert summary.bytes > 0
    vault.seal(_number(2, "booking"))
    assert (_ids(vault), _ids(vault, "booking"), _ids(vault, "none")) == ([1, 2], [2], []), "of one capability, or all"
    assert vault.discard(_ONE.id), "a record that is not held is destroyed"
    assert _ids(vault) == [2], "and no other"
    assert _fails(vault, _ONE.id), "what is destroyed cannot be opened"
    assert custody.find(PURPOSE, _ONE.id) is None, "and its key is gone"
    custody.destroy(PURPOSE, _number(2).id)
    assert _fails(vault, _number(2).id), "without its key a record cannot be opened"
    assert _ids(vault) == [], "nor is it listed"
    for number in range(3, 7):
        vault.seal(_number(number))
    assert _ids(vault) == [4, 5, 6], "the oldest makes room"


def _check_holds(vault: Vault, custody: Custody) -> None:
    held = _number(4).id
    custody.hold(Hold(held, 20.0, "jo", "inquiry"))
    assert [one.held for one in vault.entries()] == [True, False, False]
    assert not vault.discard(held), "what is held stays"
    assert vault.purge([held, _number(5).id, "f" * 16]) == ((_number(5).id, "f" * 16), (held,)), "it is said what stays"
    vault.seal(_number(7))
    vault.seal(_number(8))
    assert _ids(vault) == [4, 7, 8], "what is held makes no room: the oldest that is not does"
    custody.hold(Hold("results", 20.0, "jo", "inquiry"))
    try:
        vault.seal(_number(9))
    except VaultError:
        assert _ids(vault) == [4, 7, 8], "where there is no room, nothing has changed"
        assert custody.find(PURPOSE, _number(9).id) is None, "and there is no key"
    else:
        raise AssertionError("more was sealed than there is room for")
    custody.release("results")


def _check_expiry(vault: Vault, custody: Custody, now: list[float]) -> None:
    now[0] = 117.5
    assert _ids(vault) == [4, 8], "what has expired is not listed, unless it is held"
    assert _fails(vault, _number(7).id), "nor can it be opened"
    assert vault.open(_number(4).id) == _number(4), "what is held can"
    assert vault.expire() == 1, "expired records are destroyed"
    assert vault.expire() == 0, "once"
    assert custody.scopes(PURPOSE).keys() == {_number(4).id, _number(8).id}, "with their keys"
    custody.release(_number(4).id)
    assert vault.expire() == 1, "what was held goes once it is released"


def _check_size(vault: Vault, custody: Custody) -> None:
    assert _ids(vault) == [8], "what was sealed is there when the vault is opened again"
    records = [replace(_number(number), control=replace(_ONE.control, body=b"x" * 30_000)) for number in (10, 11, 12)]
    for record in records[:2]:
        vault.seal(record)
    assert _ids(vault) == [8, 10, 11], "there is room for these"
    vault.seal(records[2])
    assert _ids(vault) == [11, 12], "the oldest make room for the bytes of a new one"
    assert custody.scopes(PURPOSE).keys() == {one.id for one in records[1:]}
    vault.close()
