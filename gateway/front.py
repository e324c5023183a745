"""What clients see of an arm: its own cookies under the names of its jar, and their host in the place of its own. Pure.

Only an arm whose configuration asks for it has a Front. A client's call passes it before the arm's adapter on the way
in, and after it on the way out. So adapter and upstream know of nothing, and the Witness (gateway/mirroring.py) sees
what the client is told: a host makes no difference between the arms. The names of cookies are the exception, since
each arm has a jar of its own: the Witness takes those that the arm has said (gateway.jars.as_said).
"""

from collections.abc import Callable

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.jars import NONE, Jar
from gateway.rewriting import Origin, Rewriting
from gateway.transports.base import Keeper
from gateway.transports.collect import Asker
from shadow.observation import Failure


class Front:
    """What clients see of one arm. `origin` tells how a client has asked, by the head of its request."""

    __slots__ = ("_origin", "_rewriting", "jar")

    def __init__(self, jar: Jar | None, rewriting: Rewriting | None, origin: Callable[[Head], Origin]) -> None:
        self.jar = jar
        self._rewriting = rewriting
        self._origin = origin

    def request(self, request: Request) -> tuple[Request, frozenset[bytes]]:
        """A request as the arm gets it, and what `answer` wants to know of it: see Jar.opened."""
        if self.jar is None:
            return request, NONE
        headers, plain = self.jar.opened(request.headers)
        if headers is not request.headers:
            request = Request(request.method, request.target, headers, request.body)
        return request, plain

    def answer(self, headers: Headers, arrival: Arrival, plain: frozenset[bytes]) -> Headers:
        """The fields of an answer as the client gets them."""
        headers = self.observed(headers, arrival)
        return headers if self.jar is None else self.jar.kept(headers, plain)

    def observed(self, headers: Headers, arrival: Arrival) -> Headers:
        """The fields of an answer as they are compared."""
        if self._rewriting is None:
            return headers
        return self._rewriting.rewritten(headers, lambda: self._origin(arrival.head))


class Fronted:
    """The asker of a client's exchange, behind a Front. See Asker and Receiver."""

    __slots__ = ("_arrival", "_asker", "_front", "_plain")

    def __init__(self, asker: Asker, front: Front, arrival: Arrival, plain: frozenset[bytes]) -> None:
        self._asker = asker
        self._front = front
        self._arrival = arrival
        self._plain = plain

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        self._asker.on_interim(status, reason, self._front.answer(headers, self._arrival, self._plain))

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        self._asker.on_head(status, reason, self._front.answer(headers, self._arrival, self._plain), length)

    def on_read(self, head_at: float, end_at: float) -> None:
        self._asker.on_read(head_at, end_at)

    def on_data(self, data: bytes) -> None:
        self._asker.on_data(data)

    def on_flush(self) -> None:
        self._asker.on_flush()

    def on_end(self, trailers: Headers) -> None:
        self._asker.on_end(trailers)

    def on_failure(self, failure: Failure) -> None:
        self._asker.on_failure(failure)

    def on_upload_blocked(self) -> None:
        self._asker.on_upload_blocked()

    def on_upload_resumed(self) -> None:
        self._asker.on_upload_resumed()

    def on_login(self) -> Keeper | None:
        return self._asker.on_login()

    def count_translation(self, size: int) -> bool:
        return self._asker.count_translation(size)
