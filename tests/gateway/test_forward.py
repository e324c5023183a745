"""What an adapter is given belongs to its call alone."""

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.capability import Arm, Capability, Match, Operation, Target
from gateway.forward import ask
from gateway.question import Question
from gateway.stage import Stage
from gateway.transports.settings import UpstreamSettings


class Remembering:
    """An upstream whose answers have one and the same head, as a connection remembers it."""

    name = "any"

    def __init__(self):
        self.headers = Headers([(b"X-A", b"1")])
        self.settings = UpstreamSettings("any", ("http://127.0.0.1:9",))

    def for_mirrors(self):
        return self

    def send(self, request, arrival, body, receiver, affinity, **_):
        receiver.on_head(200, b"OK", self.headers, 2)
        receiver.on_data(b"ok")
        receiver.on_end(Headers())


class Careless:
    """An adapter that edits what it is given, against its contract."""

    def operations(self):
        return None

    def request(self, operation, params, request):
        request.headers.append((b"X-Asked", b"1"))
        return request

    def response(self, operation, response):
        response.headers.append((b"X-Adapted", b"1"))
        return response


def test_what_an_adapter_writes_into_an_answer_is_in_no_other_answer():
    modern, operation = Arm("modern", Remembering(), Careless()), Operation("read", "/x")
    capability = Capability("results", "", (operation,), Arm("legacy", Remembering()), modern, Stage.SHADOW)
    head = Head(Headers([(b"host", b"a")]), client="192.0.2.1")
    heard = []
    for _ in range(3):
        arrival = Arrival(Request("GET", b"/x", head.headers, b""), head, "0" * 32)
        ask(modern, Question(arrival.request, Match(Target(capability, operation), ())), arrival, 1 << 20, 1.0,
            heard.append)
    assert [[name for name, _ in one.headers].count(b"X-Adapted") for one in heard] == [1, 1, 1]
    assert (list(modern.upstream.headers), list(head.headers)) == ([(b"X-A", b"1")], [(b"host", b"a")])
