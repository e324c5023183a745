"""A front passes on what it does not change, whatever an arm does."""

import pytest

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.front import Front, Fronted
from gateway.jars import NONE, Jar
from gateway.rewriting import Origin
from gateway.transports.base import Receiver
from gateway.transports.collect import Asker
from shadow.observation import Failure

SAYS = {
    "on_interim": (103, b"Early Hints", Headers([(b"Set-Cookie", b"a=1")])),
    "on_head": (200, b"OK", Headers([(b"Set-Cookie", b"a=1")]), 0),
    "on_data": (b"x",), "on_flush": (), "on_end": (Headers(),), "on_failure": (Failure("reset"),),
    "on_upload_blocked": (), "on_upload_resumed": (), "on_login": (), "on_read": (1.0, 2.0), "count_translation": (7,),
}


class Exchange:
    """Remembers what it is told, and answers with that."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *said: self.told.append((name, said)) or (name, said)


def methods(protocol):
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_everything_that_a_receiver_may_be_told_is_tried_here():
    assert SAYS.keys() == methods(Receiver) | methods(Asker)


@pytest.mark.parametrize("name", SAYS)
def test_what_an_arm_says_reaches_the_exchange(name):
    exchange, head = Exchange(), Head(Headers([(b"Host", b"clinic")]))
    front = Front(Jar("legacy", ("a",), jars=frozenset({b"legacy"})), None, lambda head: Origin(b"http", head.host))
    fronted = Fronted(exchange, front, Arrival(Request("GET", b"/", head.headers), head, "0" * 32), NONE)
    answer = getattr(fronted, name)(*SAYS[name])
    [(told, said)] = exchange.told
    assert told == name
    assert said == tuple([(b"Set-Cookie", b"legacy~a=1")] if isinstance(one, Headers) and one else one
                         for one in SAYS[name])
    if name in ("on_login", "count_translation"):
        assert answer == (name, said)
