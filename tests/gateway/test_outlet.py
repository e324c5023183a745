"""The contract of an Outlet, and the outlets that break it."""

import pytest

from adapters.message import Headers
from gateway.testing import Sent, check_outlet


class Through:
    """An outlet that passes everything on. What is in `lost` it forgets."""

    def __init__(self, outlet, *lost):
        self._outlet, self._lost = outlet, lost

    def __getattr__(self, name):
        return (lambda *_: None) if name in self._lost else getattr(self._outlet, name)


class Withheld(Through):
    """An outlet that holds an answer until its end, and releases it when it is told to."""

    def __init__(self, outlet, releases):
        super().__init__(outlet)
        self._calls = []
        self._open = False
        releases.append(self._release)

    def __getattr__(self, name):
        def call(*arguments):
            if name == "send_head" and arguments[0] == 101:
                self._open = True
            if self._open:
                getattr(self._outlet, name)(*arguments)
            else:
                self._calls.append((name, arguments))
        return call

    def _release(self):
        for name, arguments in self._calls:
            getattr(self._outlet, name)(*arguments)


class Cuts(Through):
    """An outlet that ends what was aborted: the client takes half an answer for a whole one."""

    def abort(self):
        self._outlet.send_end(Headers())


def test_a_direct_outlet_keeps_the_contract():
    check_outlet(lambda outlet: outlet)
    check_outlet(Through)


def test_an_outlet_may_release_later():
    releases = []

    def settle():
        while releases:
            releases.pop()()

    check_outlet(lambda outlet: Withheld(outlet, releases), settle)
    with pytest.raises(AssertionError, match="never went out"):
        check_outlet(lambda outlet: Withheld(outlet, []))


@pytest.mark.parametrize(("wrap", "fault"), [
    (lambda outlet: Through(outlet, "send_end"), "never went out"),
    (lambda outlet: Through(outlet, "send_head"), "data after interim"),
    (lambda outlet: Through(outlet, "send_data"), "announced 4 bytes, and 0 came"),
    (lambda outlet: Through(outlet, "abort"), "still waits"),
    (Cuts, "0 came|looks whole"),
])
def test_the_check_finds_what_breaks_it(wrap, fault):
    with pytest.raises(AssertionError, match=fault):
        check_outlet(wrap)


def test_what_was_sent_is_remembered():
    sent = Sent()
    sent.send_interim(103, b"", Headers())
    sent.send_head(200, b"OK", Headers(), 2)
    sent.send_data(b"ab")
    sent.send_end(Headers())
    assert (sent.events, sent.status, sent.body, sent.over) == (["interim", "head", "data", "end"], 200, b"ab", True)
    with pytest.raises(AssertionError, match="head after end"):
        sent.send_head(200, b"OK", Headers(), 0)
