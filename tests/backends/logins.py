"""A server that logs in connections instead of requests, as IIS does with Windows authentication, and a client for it.

Each scheme logs in the connection that it is used on. `NTLM` takes two rounds. `Negotiate` takes one, and its answer
carries `Persistent-Auth`. `Sesame` (two rounds) and `Pledge` (one round) are invented schemes; `Riddle` puts its two
rounds into parameters. Once a user is logged in, every request on the connection counts as this user's.
"""

import secrets
from weakref import WeakKeyDictionary

import orjson

from tests.backends.figway import Figway
from tests.backends.upstream import Upstream
from tests.backends.wire import Asked, Reply, Wire, request, response

TWO_ROUNDS = ("NTLM", "Sesame", "Riddle")
ONE_ROUND = ("Negotiate", "Pledge")
SCHEMES = (*TWO_ROUNDS, *ONE_ROUND)
WANTS = ("Negotiate", "NTLM", 'Sesame realm="a, b"')


class Domain:
    """The handler of such a server. Paths below /open need no login. Bodies of POST requests below /write are kept in
    `written`, each with its user. `close_with` are the statuses after which it closes the connection, with
    "Connection: close". `wants` are the challenges for a client that is not logged in."""

    def __init__(self, name: str = "domain", wants: tuple[str, ...] = WANTS) -> None:
        self.name = name
        self.wants = wants
        self.written: list[tuple[str, bytes]] = []
        self.close_with: set[int] = set()
        self._users: WeakKeyDictionary[Wire, str] = WeakKeyDictionary()
        self._challenges: WeakKeyDictionary[Wire, str] = WeakKeyDictionary()

    def __call__(self, wire: Wire, asked: Asked) -> None:
        wire.read_body(asked)
        scheme, _, token = (asked.get("Authorization") or "").partition(" ")
        fields: list[tuple[str, str]] = []
        if scheme in TWO_ROUNDS and token == "1":
            self._users.pop(wire, None)
            self._challenges[wire] = secrets.token_hex(8)
            token = self._challenges[wire] if scheme != "Riddle" else f'realm="x", riddle="{self._challenges[wire]}"'
            self._answer(wire, asked, 401, [("WWW-Authenticate", f"{scheme} {token}")])
            return
        if scheme in TWO_ROUNDS:
            user, _, answered = token.partition(".")
            self._users.pop(wire, None)
            if answered and answered == self._challenges.pop(wire, None):
                self._users[wire] = user
        elif scheme in ONE_ROUND:
            self._users[wire] = token
            fields = [("Persistent-Auth", "true")]
        if wire in self._users or asked.target.startswith(b"/open"):
            self._answer(wire, asked, 200, fields)
        else:
            self._answer(wire, asked, 401, [("WWW-Authenticate", one) for one in self.wants])

    def _answer(self, wire: Wire, asked: Asked, status: int, fields: list[tuple[str, str]]) -> None:
        user = self._users.get(wire)
        if asked.method == "POST" and user is not None:
            self.written.append((user, asked.body))
        closes = status in self.close_with
        body = orjson.dumps({"server": self.name, "user": user, "target": asked.target.decode("latin-1")})
        if asked.method == "HEAD":
            fields, body = [*fields, ("X-User", str(user)), ("Content-Length", str(len(body)))], b""
        wire.send(response(status, *fields, *([("Connection", "close")] if closes else []), body=body))
        if closes:
            wire.close()


class Person:
    """A client on one connection, with a name of its own."""

    def __init__(self, figway: Figway, user: str) -> None:
        self.user = user
        self.wire = figway.connect()

    def send(self, target: str, *fields: tuple[str, str], method: str = "GET", body: bytes | None = None) -> None:
        self.wire.send(request(method, target, *fields, body=body))

    def ask(self, target: str, *fields: tuple[str, str], method: str = "GET", body: bytes | None = None) -> Reply:
        self.send(target, *fields, method=method, body=body)
        return self.wire.read_reply(method)

    def challenge(self, target: str, scheme: str = "NTLM") -> str:
        """The first round: the server's challenge."""
        return challenge(self.ask(target, ("Authorization", f"{scheme} 1")), scheme)

    def prove(self, target: str, given: str, scheme: str = "NTLM") -> Reply:
        """The second round."""
        return self.ask(target, ("Authorization", f"{scheme} {self.user}.{given}"))

    def log_in(self, target: str, scheme: str = "NTLM") -> Reply:
        """All rounds of the login. Returns the answer to the last one."""
        if scheme in ONE_ROUND:
            return self.ask(target, ("Authorization", f"{scheme} {self.user}"))
        return self.prove(target, self.challenge(target, scheme), scheme)

    def close(self) -> None:
        self.wire.close()


def challenge(reply: Reply, scheme: str) -> str:
    """The challenges in an answer."""
    given = reply.get("WWW-Authenticate") or ""
    assert (reply.status, given.partition(" ")[0]) == (401, scheme), reply.start
    return token_of(given)


def token_of(given: str) -> str:
    """The token of a challenge, alone or in a parameter."""
    return given.rpartition(" ")[2].rpartition("riddle=")[2].strip('"')


def user_of(reply: Reply) -> str | None:
    """The user whom the server took the client for; None for nobody."""
    told: str | None = orjson.loads(reply.body)["user"]
    return told


def server_of(reply: Reply) -> str:
    """Which server answered."""
    told: str = orjson.loads(reply.body)["server"]
    return told


def logged_in(reply: Reply, user: str) -> bool:
    """Whether an answer is this user's."""
    return reply.status == 200 and user_of(reply) == user


def domain(upstream: Upstream, name: str = "domain") -> Domain:
    """Make an upstream log in connections from now on."""
    handler = Domain(name)
    upstream.does(handler)
    return handler
