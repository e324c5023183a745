"""Checkers for the gateway's ports: every implementation of a port must pass its checker in a test."""

from collections.abc import Callable

from adapters.message import Headers
from gateway.outlet import Outlet


class Sent:
    """An outlet for checks: it records the answer that it gets, and raises AssertionError for a call in a wrong order.
    `events` are the calls' names, with all pieces of the body as one "data"; `body` is the body so far."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.status = 0
        self.headers = Headers()
        self.length = 0
        self.body = b""
        self.flushed = True

    @property
    def over(self) -> bool:
        """Whether the answer has ended or was aborted."""
        return bool(self.events) and self.events[-1] in ("end", "abort")

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        assert 100 <= status < 200 and status != 101, f"{status} is not an interim status"  # noqa: PT018
        self._note("interim", after=("interim",))

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        self._note("head", after=("interim",))
        self.status, self.headers, self.length = status, headers, length

    def send_data(self, data: bytes) -> None:
        self._note("data", after=("head", "data"))
        self.body += data

    def flush(self) -> None:
        self.flushed = True

    def send_end(self, trailers: Headers) -> None:
        self._note("end", after=("head", "data"))
        short = 0 <= self.length != len(self.body)
        assert not short, f"the head announced {self.length} bytes, and {len(self.body)} came"
        self.flushed = True

    def abort(self) -> None:
        self._note("abort", after=("interim", "head", "data"))

    def _note(self, event: str, *, after: tuple[str, ...]) -> None:
        last = self.events[-1] if self.events else "interim"
        assert last in after, f"{event} after {last}"
        self.flushed = False
        if event != last or event == "interim":
            self.events.append(event)


def check_outlet(wrap: Callable[[Outlet], Outlet], settle: Callable[[], object] = lambda: None) -> None:
    """Raise AssertionError if an outlet breaks the contract. `wrap` makes it around another outlet. `settle` is called
    before each check of the output: an outlet that releases later, for example after a durable audit, does so there."""
    def played(*calls: Callable[[Outlet], None]) -> Sent:
        sent = Sent()
        outlet = wrap(sent)
        for call in calls:
            call(outlet)
        settle()
        return sent

    def head(outlet: Outlet) -> None:
        outlet.send_head(200, b"OK", Headers([(b"Content-Length", b"4")]), 4)

    def data(outlet: Outlet) -> None:
        outlet.send_data(b"ab")

    def end(outlet: Outlet) -> None:
        outlet.send_end(Headers())

    def interim(outlet: Outlet) -> None:
        outlet.send_interim(103, b"Early Hints", Headers())

    def flush(outlet: Outlet) -> None:
        outlet.flush()

    def abort(outlet: Outlet) -> None:
        outlet.abort()

    whole = played(head, data, flush, data, end)
    assert whole.over, "an answer that ended never went out"
    assert whole.events[-1] == "end", "an answer that ended was aborted"
    assert whole.status, "an answer went out without its head"
    assert whole.flushed, "an answer that ended was not flushed"
    for calls in ((head, abort), (head, data, flush, abort), (interim, flush, head, data, abort)):
        cut = played(*calls)
        assert cut.over, "an answer was aborted, and its client still waits"
        assert cut.events[-1] == "abort", "an answer that was aborted looks whole"
    late = played(interim, flush, head, data, data, end)
    assert late.events[-1] == "end", "an answer after an interim response is lost"
    tunnel = played(lambda outlet: outlet.send_head(101, b"Switching Protocols", Headers(), 0), data, flush)
    assert (tunnel.status, tunnel.body, tunnel.flushed) == (101, b"ab", True), "a tunnel is withheld"
