"""What a client's connection owns upstream: connections that are logged in, and answer nobody else.

Some servers log in the connection and not the request (IIS with Windows authentication; schemes.py knows which). A
connection on which that happens, or is about to, leaves the pool for good and belongs to the client's connection:
every further request of that client to the upstream goes down it, nobody else's ever does, and when one of the two
ends so does the other. The client sees what it would see without a gateway.

An Affinity comes into being with the first credentials of such a scheme, or with the first answer that speaks of one;
until then a client's connection has none.
"""

import asyncio
import time
from typing import Protocol

from gateway.transports.http.connection import Connection, Owner
from gateway.transports.http.endpoint import Endpoint, Sending
from gateway.transports.http.upstream import Upstream
from shadow.observation import Failure


class Client(Protocol):
    """The client's connection, as what it owns sees it."""

    def leave(self, *, soon: bool) -> None:
        """Close: at once between requests (`soon`: unless one comes within a moment), else after the answer under
        way."""
        ...

    def stays(self) -> bool:
        """Whether it is kept after the answer under way, as things are."""
        ...


class Affinity:
    """The connections that belong to one client's connection: at most one for each upstream. `address` is the
    client's; `own` tells whether the request under way is on one of them."""

    def __init__(self, client: Client, address: str) -> None:
        self.client = client
        self.address = address
        self.own = False
        self._lost = False
        # Upstreams at which a login was lost: what the client still sends there is nobody's.
        self._gone: set[str] = set()
        self._bound: dict[str, Bound] = {}
        self._names: set[str] = set()
        self._serving = ("", "")
        self._arms: dict[str, str] = {}

    # --- asked by the exchange -------------------------------------------------------------------------------------

    def arm(self, capability: str) -> str:
        """The arm that this client is logged in at for a capability: a split is not rolled anew. "" for none."""
        return self._arms.get(capability, "")

    def concerns(self, *upstreams: Upstream) -> bool:
        """Whether the client has, or had, a login at one of them: another connection would answer otherwise."""
        return any(upstream.name in self._names for upstream in upstreams)

    def serves(self, capability: str, arm: str) -> None:
        """The request under way is this capability's, and this arm is asked."""
        self._serving = (capability, arm)

    def endpoint(self, upstream: Upstream) -> Endpoint | None:
        """Where this client's requests to the upstream go, healthy or not; else any, or None where none is well."""
        bound = self._bound.get(upstream.name)
        return upstream.choose() if bound is None else bound.endpoint

    def send(self, sending: Sending, *, logs_in: bool) -> None:
        """Send a request to its endpoint: on the client's own connection to that upstream, which is opened where the
        request `logs_in`; else on any. One that was on its way here when the login was lost fails as if it had been
        sent."""
        endpoint = sending.endpoint
        name = endpoint.settings.name
        bound = self._bound.get(name)
        if name in self._gone:
            self._lost = True
            sending.receiver.on_failure(Failure("reset"))
            return
        if bound is None and logs_in:
            bound = Bound(self, endpoint)
            if not self._add(bound):
                sending.give_up(Failure("pool_full", source="gateway"))
                return
        if bound is None:
            endpoint.send(sending)
        else:
            bound.send(sending)

    def has_lost(self) -> bool:
        """Whether the upstream has closed one since this was asked last."""
        lost, self._lost = self._lost, False
        return lost

    def close(self) -> None:
        """The client is gone: so is what belongs to it."""
        for bound in self._bound.values():
            bound.close()
        self._bound.clear()

    # --- told by connections ---------------------------------------------------------------------------------------

    def adopt(self, connection: Connection, owner: Owner) -> bool:
        """A connection turns out to be logged in for this client. Whether it can be kept: if not, it ends with the
        answer under way, and the client's with it."""
        if isinstance(owner, Endpoint):
            bound = Bound(self, owner)
            if not self._add(bound):
                self.client.leave(soon=False)
                return False
            bound.take(connection, owner.let_go(connection))
        return True

    def answered(self) -> None:
        """The request under way was answered by a connection of the client's own."""
        self._arms.setdefault(*self._serving)

    def lose(self, upstream: str) -> None:
        """A login at an upstream is gone, and so must be the client's connection."""
        self._lost = True
        self._gone.add(upstream)
        self.client.leave(soon=False)

    def forget(self, bound: "Bound") -> None:
        """It is gone, and was not logged in yet."""
        name = bound.endpoint.settings.name
        if self._bound.get(name) is bound:
            del self._bound[name]

    def _add(self, bound: "Bound") -> bool:
        name = bound.endpoint.settings.name
        self._names.add(name)
        if not bound.endpoint.logins.admit(bound, self.address):
            return False
        self._bound[name] = bound
        return True


class Bound:
    """One connection that belongs to a client's: its owner in the endpoint's place. The connection is opened with the
    first request, or comes out of the pool. What is sent on it is never sent again elsewhere."""

    def __init__(self, affinity: Affinity, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.first_byte = endpoint.first_byte
        self.between_bytes = endpoint.between_bytes
        self._affinity = affinity
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._sending: Sending | None = None
        self._answered = False
        self._retired = False
        self._sweeping = False

    def send(self, sending: Sending) -> None:
        """Send, or fail at once where the upstream has closed the connection."""
        sending.send_once()
        if self._retired:
            self._affinity.client.leave(soon=False)
        connection = self._connection
        if connection is None:
            self._stop_opening()
            self._opening = asyncio.get_running_loop().create_task(self._open(sending))
        elif connection.usable and not connection.has_input():
            self._serve(connection, sending)
        else:
            connection.abort()
            self.lost(connection)
            sending.receiver.on_failure(Failure("reset"))

    def take(self, connection: Connection, sending: Sending | None) -> None:
        """Own a connection, on which a request may be under way."""
        connection.belong(self)
        self._connection = connection
        if sending is not None:
            sending.send_once()
            self._watch(sending)

    def retire(self) -> None:
        """The endpoint is no longer part of the upstream: the login ends with the next answer, or the one under way."""
        self._retired = True
        self._affinity.client.leave(soon=True)

    def close(self) -> None:
        """The client is gone."""
        self._stop_opening()
        self.endpoint.logins.leave(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    async def _open(self, sending: Sending) -> None:
        reached = await self.endpoint.reach()
        self._opening = None
        if isinstance(reached, Failure):
            self._give_up()
            if not sending.cancelled:
                sending.give_up(reached)
        elif sending.cancelled:
            self._give_up()
            reached.abort()
        else:
            self.take(reached, None)
            self._serve(reached, sending)

    def _stop_opening(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()

    def _serve(self, connection: Connection, sending: Sending) -> None:
        self._watch(sending)
        sending.assigned(connection)

    def _give_up(self) -> None:
        self.endpoint.logins.leave(self)
        self._affinity.forget(self)

    # --- from the connection (gateway.transports.http.connection.Owner) ---------------------------------------------

    def released(self, connection: Connection) -> None:
        """The answer is whole: the connection waits for the client's next request."""
        self._rest()
        self._answered = True
        self._affinity.answered()

    def patient(self) -> bool:
        """A server that logs in connections may answer before it has read the request, and reads on: to give it the
        rest costs less than the login."""
        return self._affinity.client.stays()

    def ending(self, connection: Connection) -> None:
        """The upstream closes after the answer under way: the client is told so by the same answer."""
        self._affinity.client.leave(soon=False)

    def stalled(self, connection: Connection) -> None:
        """Nobody waits for this connection."""

    def moves_out(self, connection: Connection) -> bool:
        """A login is in no pool that a tunnel would have to leave."""
        return True

    def lost(self, connection: Connection) -> None:
        """The connection is gone. One that never gave an answer takes nothing with it; any other was logged in, or
        about to be, and the client must not go on as somebody else."""
        self._rest()
        if self._connection is None:
            return
        self._connection = None
        self._give_up()
        if self._answered:
            self._affinity.lose(self.endpoint.settings.name)

    # --- time ------------------------------------------------------------------------------------------------------

    def _watch(self, sending: Sending) -> None:
        self._affinity.own = True
        if self._sending is None:
            self.endpoint.logins.busy += 1
        self._sending = sending
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self.endpoint.period, self._sweep)

    def _rest(self) -> None:
        self._affinity.own = False
        if self._sending is not None:
            self._sending = None
            self.endpoint.logins.busy -= 1

    def _sweep(self) -> None:
        """Give up what is overdue, as the endpoint does for its pool."""
        self._sweeping = False
        connection, sending = self._connection, self._sending
        if connection is None or sending is None:
            return
        now = time.monotonic()
        if now > connection.deadline:
            connection.overdue()
        elif now > sending.limit:
            sending.cancel()
            sending.give_up(Failure("total_timeout", sent=True))
        else:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self.endpoint.period, self._sweep)
