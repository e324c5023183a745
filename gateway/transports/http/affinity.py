"""The upstream connections that belong to one client's connection, because they are logged in for it.

Some servers log in a connection instead of each request, such as IIS with Windows authentication (auth_schemes.py). An
upstream connection on which that happens, or is about to, leaves the pool. From then on it belongs to the client's
connection: all later requests of that client to the upstream use it, and no other client's do. When one of the two
connections ends, the other ends too. So the client sees what it would see without a gateway.

A client's connection gets an Affinity with its first credentials for such a login, or with the first answer that shows
one. Until then it has none.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from gateway.transports.http.connection import Connection
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.parties import Owner
from gateway.transports.http.sending import HttpSending
from shadow.observation import Failure


class Client(Protocol):
    """The client's connection, as its logins see it."""

    def leave(self, *, soon: bool) -> None:
        """Close after the answer under way. If there is none, close at once, or, if `soon`, after a short wait for a
        request."""
        ...

    def stays(self) -> bool:
        """Whether the connection stays open after the answer under way, as far as is known now."""
        ...


class Named(Protocol):
    """An upstream. Only its name matters here."""

    name: str


class Affinity:
    """The logins of one client's connection: at most one for each upstream.

    `address` is the client's. `own` is true while the request under way is on one of these logins.
    """

    def __init__(self, client: Client, address: str) -> None:
        self.client = client
        self.address = address
        self.own = False
        self._lost = False
        # Upstreams at which a login was lost. Requests that the client still sends there fail.
        self._gone: set[str] = set()
        self._logins: dict[str, Login] = {}
        self._names: set[str] = set()
        self._serving = ("", "")
        self._arms: dict[str, str] = {}

    # --- called by the exchange and the upstream -------------------------------------------------------------------

    def arm(self, capability: str) -> str:
        """The arm at which this client is logged in for a capability, so that it stays there; "" for none."""
        return self._arms.get(capability, "")

    def concerns(self, *upstreams: Named) -> bool:
        """Whether the client has, or had, a login at one of these. On another connection it would get other answers."""
        return any(upstream.name in self._names for upstream in upstreams)

    def serves(self, capability: str, arm: str) -> None:
        """Note which capability and arm the request under way is for."""
        self._serving = (capability, arm)

    def endpoint(self, upstream: str) -> Endpoint | None:
        """The endpoint of the client's login at this upstream, healthy or not; None if it has no login there."""
        login = self._logins.get(upstream)
        return None if login is None else login.endpoint

    def send(self, sending: HttpSending, endpoint: Endpoint, *, logs_in: bool) -> None:
        """Send a request on the client's own connection to this endpoint, or on any if it has none of its own.

        The client's own connection is opened here if the request `logs_in`. A request to an upstream whose login was
        lost fails as if it had been sent.
        """
        name = endpoint.settings.name
        login = self._logins.get(name)
        if name in self._gone:
            self._lost = True
            sending.receiver.on_failure(Failure("reset"))
            return
        if login is None and logs_in:
            login = Login(self, endpoint)
            if not self._add(login):
                sending.give_up(Failure("pool_full", source="gateway"))
                return
        if login is None:
            endpoint.send(sending)
        else:
            login.send(sending)

    def has_lost(self) -> bool:
        """Whether a login was lost since the last call."""
        lost, self._lost = self._lost, False
        return lost

    def settle(self, is_served_by: Callable[[str, str], bool]) -> None:
        """Stages have changed. The client leaves after the answer under way if it is logged in for a capability at an
        arm that serves nothing of it any more. `is_served_by` says that of a capability and an arm."""
        if not all(is_served_by(capability, arm) for capability, arm in self._arms.items()):
            self.client.leave(soon=False)

    def close(self) -> None:
        """The client is gone: close its logins."""
        for login in self._logins.values():
            login.close()
        self._logins.clear()

    # --- called by connections and logins --------------------------------------------------------------------------

    def adopt(self, connection: Connection, owner: Owner[Connection]) -> bool:
        """See Keeper. If the connection cannot be kept, it and the client's end after the answer under way."""
        if isinstance(owner, Endpoint):
            login = Login(self, owner)
            if not self._add(login):
                self.client.leave(soon=False)
                return False
            login.take(connection, owner.let_go(connection))
        return True

    def answered(self) -> None:
        """A login has answered the request under way."""
        self._arms.setdefault(*self._serving)

    def lose(self, upstream: str) -> None:
        """A login at an upstream was lost, so the client's connection must end too."""
        self._lost = True
        self._gone.add(upstream)
        self.client.leave(soon=False)

    def forget(self, login: "Login") -> None:
        """Remove a login from this affinity."""
        name = login.endpoint.settings.name
        if self._logins.get(name) is login:
            del self._logins[name]

    def _add(self, login: "Login") -> bool:
        name = login.endpoint.settings.name
        self._names.add(name)
        if not login.endpoint.logins.admit(login, self.address):
            return False
        self._logins[name] = login
        return True


class Login:
    """Owns one upstream connection, which belongs to a client's connection, in place of the endpoint (see Owner).

    The upstream connection is opened for the first request, or taken out of the pool. A request that was sent on it is
    never sent again on another.
    """

    def __init__(self, affinity: Affinity, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.first_byte = endpoint.first_byte
        self.between_bytes = endpoint.between_bytes
        self.strict = endpoint.strict
        self.tally = endpoint.tally
        self._affinity = affinity
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._sending: HttpSending | None = None
        self._answered = False
        self._retired = False
        self._sweeping = False

    def send(self, sending: HttpSending) -> None:
        """Send, or fail at once if the upstream has closed the connection."""
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

    def take(self, connection: Connection, sending: HttpSending | None) -> None:
        """Own a connection from now on. A request may be under way on it."""
        connection.change_owner(self)
        self._connection = connection
        if sending is not None:
            sending.send_once()
            self._watch(sending)

    def retire(self) -> None:
        """End the login after the answer under way or the next: its endpoint is no longer part of the upstream."""
        self._retired = True
        self._affinity.client.leave(soon=True)

    def close(self) -> None:
        """Close the connection: the client is gone."""
        self._stop_opening()
        self.endpoint.logins.leave(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    async def _open(self, sending: HttpSending) -> None:
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

    def _serve(self, connection: Connection, sending: HttpSending) -> None:
        self._watch(sending)
        sending.assigned(connection)

    def _give_up(self) -> None:
        self.endpoint.logins.leave(self)
        self._affinity.forget(self)

    # --- from the connection (gateway.transports.http.parties.Owner) ------------------------------------------------

    def released(self, connection: Connection) -> None:
        """See Owner. The connection waits for the client's next request."""
        self._rest()
        self._answered = True
        self._affinity.answered()

    def sends_rest(self) -> bool:
        """See Owner. Servers that log in connections may answer before they have read the request, and read on.

        Sending the rest costs less than a new login.
        """
        return self._affinity.client.stays()

    def closing(self, connection: Connection) -> None:
        """See Owner. The client's connection closes after the same answer."""
        self._affinity.client.leave(soon=False)

    def stalled(self, connection: Connection) -> None:
        """See Owner. No other request waits for this connection."""

    def leaves_pool(self, connection: Connection) -> bool:
        """See Owner. A login is in no pool."""
        return True

    def lost(self, connection: Connection) -> None:
        """See Owner. If the connection had given an answer, the client's connection must end too.

        The connection was logged in, or about to be. On another one the client would be somebody else.
        """
        self._rest()
        if self._connection is None:
            return
        self._connection = None
        self._give_up()
        if self._answered:
            self._affinity.lose(self.endpoint.settings.name)

    # --- time ------------------------------------------------------------------------------------------------------

    def _watch(self, sending: HttpSending) -> None:
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
        """Fail the call if it is overdue, as the endpoint does for its pool."""
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
