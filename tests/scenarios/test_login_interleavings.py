"""A thousand ways in which clients of one gateway may cross: each is answered as itself, and its login lasts.

What each client is to be answered is known beforehand from what it did itself, since nobody else may have a part in it.
"""

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends.figway import running
from tests.backends.logins import ONE_ROUND, SCHEMES, TWO_ROUNDS, WANTS, Domain, Person, challenge, server_of, user_of
from tests.backends.upstream import Upstream

PATHS = ("/results/1", "/other/1", "/canary/1")
UPSTREAMS = ("one", "two", "three", "four")


@pytest.fixture(scope="module")
def upstreams():
    started = [Upstream() for _ in UPSTREAMS]
    yield started
    for one in started:
        one.close()
        assert one.failures == []


@pytest.fixture(scope="module")
def figway(upstreams, tmp_path_factory):
    """Three capabilities over four upstreams, each of whose pools has room for two; one is split at random."""
    config = "version: 1\nserver: {drain: {grace: 2s}}\nupstreams:\n" + "".join(
        f'  {name}: {{url: "{one.url}", pool: {{connections: 2}}}}\n'
        for name, one in zip(UPSTREAMS, upstreams, strict=True))
    with running(tmp_path_factory.mktemp("interleaved"), config + """
capabilities:
  results: {owner: t, operations: {any: {path: "/results/{rest*}"}}, legacy: one, stage: legacy}
  other: {owner: t, operations: {any: {path: "/other/{rest*}"}}, legacy: two, stage: legacy}
  canary:
    owner: t
    operations: {any: {path: "/canary/{rest*}"}}
    legacy: three
    modern: four
    stage: canary
    writes: canary
    split: {percent: 50%, sticky: ["header:x-nobody-sends-it"], on_missing: random}
default: {upstream: one}
""", "--no-access-log") as figway:
        yield figway


@dataclass
class Client:
    """One client's connection, and what it knows of itself: where it is logged in, what it was challenged with, and
    what the answers that it waits for must be: (status, user, path, scheme of the challenge)."""

    person: Person
    logged_in: dict[str, bool] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)
    server: dict[str, str] = field(default_factory=dict)
    awaited: list[tuple[int, str | None, str, str]] = field(default_factory=list)

    def expect(self, path: str, scheme: str = "") -> None:
        known = self.logged_in.get(path, False)
        self.awaited.append((200 if known else 401, self.person.user if known else None, path, scheme))

    def hear(self) -> None:
        """Read one answer, which must be what was expected."""
        status, user, path, scheme = self.awaited.pop(0)
        reply = self.person.wire.read_reply()
        if scheme:
            self.challenges[path] = challenge(reply, scheme)
        assert (reply.status, user_of(reply)) == (status, user)
        assert self.server.setdefault(path, server_of(reply)) == server_of(reply)

    def hear_all(self) -> None:
        while self.awaited:
            self.hear()


class Ward:
    """Three clients of one gateway, and what they may do. Each step is said at once and heard later."""

    def __init__(self, figway, numbers):
        self._figway, self._numbers = figway, numbers
        self.clients = [self._fresh() for _ in range(3)]

    def _fresh(self):
        return Client(Person(self._figway, f"user{next(self._numbers)}"))

    def ask(self, client, path, scheme):
        client.person.send(path)
        client.expect(path)

    def write(self, client, path, scheme):
        client.person.send(path, method="POST", body=b"x" * 100)
        client.expect(path)

    def begin(self, client, path, scheme):
        client.hear_all()
        client.challenges.pop(path, None)
        if scheme in ONE_ROUND:
            client.person.send(path, ("Authorization", f"{scheme} {client.person.user}"))
            client.logged_in[path] = True
            client.expect(path)
        else:
            client.person.send(path, ("Authorization", f"{scheme} 1"))
            client.logged_in[path] = False
            client.expect(path, scheme)

    def prove(self, client, path, scheme):
        """With the challenge that the server gave last, or with none: then the login fails."""
        client.hear_all()
        given = client.challenges.pop(path, "")
        said = scheme if scheme in TWO_ROUNDS else "NTLM"
        client.person.send(path, ("Authorization", f"{said} {client.person.user}.{given}"))
        client.logged_in[path] = bool(given)
        client.expect(path)

    def hear(self, client, path, scheme):
        if client.awaited:
            client.hear()

    def leave(self, client, path, scheme):
        """Go, perhaps before the answers came, and come back as somebody else."""
        client.person.close()
        self.clients[self.clients.index(client)] = self._fresh()

    def end(self):
        for client in self.clients:
            client.hear_all()
            client.person.close()


STEPS = st.tuples(
    st.integers(0, 2), st.sampled_from(["ask", "ask", "write", "begin", "begin", "prove", "prove", "hear", "leave"]),
    st.sampled_from(PATHS), st.sampled_from(SCHEMES))


@pytest.mark.timeout(600)
def test_nobody_is_ever_answered_as_another(figway, upstreams):
    numbers, seen = itertools.count(), 0

    @settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.lists(STEPS, min_size=4, max_size=14))
    def interleave(steps):
        nonlocal seen
        seen += 1
        for name, one in zip(UPSTREAMS, upstreams, strict=True):
            one.does(Domain(name, WANTS if name != "two" else ('Sesame realm="two"',)))
            one.asked.clear()
        ward = Ward(figway, numbers)
        for who, step, path, scheme in steps:
            getattr(ward, step)(ward.clients[who], path, scheme)
        ward.end()

    interleave()
    assert seen >= 1000
