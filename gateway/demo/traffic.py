"""The demo's clients: their requests, in an order that a seed decides, and whether they got the right answers.

The clients are real: most use httpx2 and keep their connections, one uses Python's http.client with a connection for
each request. None of them knows that there is a gateway.
"""

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx2

from adapters.document import DocumentError, Tree, parse
from gateway.demo.clinic import Clinic
from gateway.demo.defects import DEFECTS, spoil
from gateway.demo.rest import BY_NAME, FRESH, FRONT, OPERATIONS, Answer, Asked, Operation, payload

KEY = "demo-key-of-the-lab-portal"
CLIENTS = 4
SESSIONS = 40
TIMEOUT = 30.0
"""Seconds that a client waits for an answer."""

STRAYS = 20
"""One id of about so many does not exist."""

SHARES = {
    ("patients", "read"): 24, ("patient-search", "search"): 8, ("results", "read"): 20, ("results", "list"): 10,
    ("appointments", "read"): 14, ("appointments", "list"): 7, ("appointments", "book"): 4, ("documents", "list"): 8,
    ("downloads", "content"): 4, ("departments", "list"): 2, (FRONT.capability, FRONT.name): 3,
}
NAMES = ("test", "Mock", "O'Syn", "muster-größe", "nobody")


class Ask(NamedTuple):
    """One request of a client, with the right answer and the modern service's answer."""

    operation: Operation
    asked: Asked
    session: str
    right: Answer
    spoilt: Answer
    refused: bool = False

    @property
    def target(self) -> str:
        path = self.operation.path.format(**self.asked)
        query = {name: value for name, value in self.asked.items() if name != "id"}
        return f"{path}?{urlencode(query)}" if query else path

    @property
    def headers(self) -> dict[str, str]:
        fields = {"Accept": "*/*", "X-Clinic-Session": self.session}
        if self.operation.capability == "results" and not self.refused:
            fields["X-API-Key"] = KEY
        if self.body:
            fields["Content-Type"] = "application/json"
        return fields

    @property
    def body(self) -> bytes | None:
        return b'{"department": "general", "minutes": 20}' if self.operation.method == "POST" else None


@dataclass(slots=True)
class Tally:
    """The answers that the clients got. `right`: the answer that legacy always gave; `spoilt`: one with a defect, where
    modern serves; `refused`: 401 without a key; `wrong`: any other, which should not happen."""

    right: int = 0
    spoilt: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.right + self.spoilt + self.refused + len(self.wrong)


def plan(clinic: Clinic, requests: int, seed: int) -> list[Ask]:
    """A list of `requests` requests, the same for the same seed. Each defect is hit at least once, whatever the
    number."""
    random = Random(seed)  # noqa: S311 - a demo, no secret
    shares = [(operation, SHARES[operation.capability, operation.name]) for operation in (*OPERATIONS, FRONT)]
    asks = list(_probes(clinic, random))
    while len(asks) < requests:
        place = random.random() * sum(share for _, share in shares)
        for operation, share in shares:
            place -= share
            if place < 0:
                asks.append(_ask(clinic, operation, _any_of(clinic, operation, random), random))
                break
    asks.sort(key=lambda _: random.random())
    return asks


def once_each(clinic: Clinic, seed: int) -> list[Ask]:
    """One request for each patient and for some whom nobody has, from a modern service that is right about them."""
    random, operation = Random(seed), BY_NAME["patients", "read"]  # noqa: S311 - a demo, no secret
    strays = [f"P-{900 + nth}" for nth in range(len(clinic.patients) // STRAYS)]
    asks = [_ask(clinic, operation, {"id": key}, random) for key in (*clinic.patients, *strays)]
    random.shuffle(asks)
    return [one._replace(spoilt=one.right) for one in asks]


def _probes(clinic: Clinic, random: Random) -> Iterator[Ask]:
    """For each defect one request that hits it, and some requests that are refused."""
    for defect in DEFECTS:
        operation = BY_NAME[defect.capability, defect.operation]
        while True:
            ask = _ask(clinic, operation, _any_of(clinic, operation, random), random)
            if defect in spoil(operation, ask.asked, ask.right)[1]:
                yield ask
                break
    results = BY_NAME["results", "read"]
    for _ in range(3):
        yield _ask(clinic, results, _any_of(clinic, results, random), random)._replace(refused=True)


def _ask(clinic: Clinic, operation: Operation, asked: Asked, random: Random) -> Ask:
    right = operation.answer(clinic, asked)
    session = f"session-{int(random.random() * SESSIONS):02}"
    return Ask(operation, asked, session, right, spoil(operation, asked, right)[0])


def _any_of(clinic: Clinic, operation: Operation, random: Random) -> Asked:
    """Parameters for a request, some with an id that does not exist."""
    if operation.name == "search":
        return {"name": NAMES[int(random.random() * len(NAMES))]}
    if operation.path in ("/", "/departments") or operation.method == "POST":
        return {}
    kind = "documents" if operation.capability == "downloads" else operation.capability
    keys = list(getattr(clinic, kind) if "{id}" in operation.path else clinic.patients)
    strays = len(keys) // STRAYS if operation.name == "read" else 0
    place = int(random.random() * (len(keys) + strays))
    key = keys[place] if place < len(keys) else f"{keys[0][0]}-{900 + place - len(keys)}"
    return {"id" if "{id}" in operation.path else "patient": key}


def send(asks: list[Ask], url: str, answered: Callable[[], None]) -> Tally:
    """Send everything to the gateway at `url`, several clients at once, and count what came back. `answered` is
    called after each answer, from any thread."""
    tally, lock, over = Tally(), threading.Lock(), threading.Event()

    def client(mine: Iterable[Ask], speak: Callable[[Ask], tuple[int, bytes]]) -> None:
        for ask in mine:
            if over.is_set():
                return
            try:
                status, body = speak(ask)
            except (httpx2.HTTPError, http.client.HTTPException, OSError) as error:
                status, body = 0, type(error).__name__.encode()  # no part of any message
            with lock:
                _count(tally, ask, status, body)
            answered()

    with httpx2.Client(base_url=url, trust_env=False, timeout=TIMEOUT) as modern_client:
        def httpx(ask: Ask) -> tuple[int, bytes]:
            response = modern_client.request(
                ask.operation.method, ask.target, headers=ask.headers, content=ask.body)
            return response.status_code, response.content

        oldest = _oldest(url)
        threads = [
            threading.Thread(target=client, args=(asks[nth::CLIENTS], oldest if nth == 0 else httpx), daemon=True)
            for nth in range(CLIENTS)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            over.set()  # if interrupted, each client still waits for its answer, and sends no more requests
            for thread in threads:
                if thread.ident is not None:  # it was started before the interrupt
                    thread.join()
    return tally


def _oldest(url: str) -> Callable[[Ask], tuple[int, bytes]]:
    where = urlsplit(url)

    def speak(ask: Ask) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
        try:
            connection.request(ask.operation.method, ask.target, ask.body, ask.headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    return speak


def _count(tally: Tally, ask: Ask, status: int, body: bytes) -> None:
    if ask.refused and status == 401:
        tally.refused += 1
    elif not ask.refused and _is(ask.right, status, body):
        tally.right += 1
    elif not ask.refused and _is(ask.spoilt, status, body):
        tally.spoilt += 1
    else:
        what = f"status {status}" if status else f"no answer ({body.decode()})"
        tally.wrong.append(f"{ask.operation.capability}.{ask.operation.name}: {what}")


def _is(answer: Answer, status: int, body: bytes) -> bool:
    """Whether a client got this answer. JSON may differ in white space and in fresh members, but its numbers must keep
    every digit."""
    if status != answer.status:
        return False
    try:
        return body == payload(answer) or _lasting(body) == _lasting(payload(answer))
    except DocumentError:
        return False


def _lasting(body: bytes) -> Tree:
    read = parse(body)
    return {name: value for name, value in read.items() if name not in FRESH} if isinstance(read, dict) else read
