"""The check that every adapter must pass, built-in or not: `check_adapter(adapter, examples)`."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from adapters.base import Adapter, AdapterError
from adapters.message import Headers, Request, Response

Message = TypeVar("Message", Request, Response)

# Bytes that often break parsers: control characters, quotes, markup, bytes that are not UTF-8.
_ODD = b'\x00\x0b"<>&\xff'
_CUTS = 40
_ODD_FIELDS = (
    (b"Content-Type", b"text/html"), (b"Content-Type", b"\xff;charset"), (b"Content-Encoding", b"gzip"),
    (b"Content-Encoding", b"br"), (b"Content-Length", b"-1"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A request of the contract that can be translated, and the upstream's answer to it. `secrets` are values in both
    (identifiers, names) that no error may contain."""

    operation: str
    request: Request
    response: Response
    params: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def check_adapter(adapter: Adapter, examples: Iterable[Example]) -> None:
    """Raise AssertionError if an adapter breaks its contract.

    Each example must translate in both directions, give the same result each time, and leave its input unchanged. Then
    each example is spoilt, cut off and emptied in many places. If such a message does not translate, the adapter must
    raise an AdapterError of the right side that contains no secret, and nothing else.
    """
    checked = 0
    for example in examples:
        checked += 1
        known = adapter.operations()
        assert known is None or example.operation in known, "an example's operation is not among operations()"
        assert adapter.operations() == known, "operations() changes"
        there = _Watch("request", adapter, example)
        back = _Watch("response", adapter, example)
        assert there.translate(example.request) is not None, "an example's request does not translate"
        assert back.translate(example.response) is not None, "an example's response does not translate"
        for request in _spoilt(example.request):
            there.translate(request)
        for target in _spoilt_bytes(example.request.target):
            there.translate(replace(example.request, target=target))
        for name, value in example.params.items():
            for spoilt in ("", value + "\0", value + "\ud800", value * 1000):
                there.translate(example.request, {**example.params, name: spoilt})
            there.translate(example.request, {key: one for key, one in example.params.items() if key != name})
        for response in _spoilt(example.response):
            back.translate(response)
        for status in (204, 302, 404, 500, 503):
            back.translate(replace(example.response, status=status))
    assert checked, "there must be an example"


@dataclass(frozen=True, slots=True)
class _Watch:
    """Checks one direction of an adapter while it translates."""

    side: str
    adapter: Adapter
    example: Example

    def translate(self, message: Message, params: Mapping[str, str] | None = None) -> Message | None:
        """The translation, or None if the adapter refused it properly."""
        given = self.example.params if params is None else params
        kept = copy.deepcopy((message, dict(given)))
        first, second = (self._outcome(message, given) for _ in range(2))
        assert (message, dict(given)) == kept, f"translating changed the {self.side} it was given"
        assert first == second, f"translating the same {self.side} twice gave two results"
        return None if isinstance(first, str) else first

    def _outcome(self, message: Message, params: Mapping[str, str]) -> Message | str:
        adapter, operation = self.adapter, self.example.operation
        try:
            if isinstance(message, Request):
                return adapter.request(operation, params, message)
            return adapter.response(operation, message)
        except AdapterError as error:
            refused = error
        assert refused.side == self.side, f"an error about the {self.side} says that it is about the {refused.side}"
        assert refused.detail, "an error has no detail"
        for secret in self.example.secrets:
            assert secret not in refused.detail, "an error contains a value"
        return refused.detail


def _spoilt(message: Message) -> Iterator[Message]:
    """The message with other bodies, without its fields, and with wrong fields."""
    for body in _spoilt_bytes(message.body):
        yield replace(message, body=body)
    yield replace(message, headers=Headers())
    for headers in _odd_headers(message.headers):
        yield replace(message, headers=headers)


def _odd_headers(headers: Headers) -> Iterator[Headers]:
    for name, value in _ODD_FIELDS:
        yield Headers([*headers.without([name.lower()]), (name, value)])


def _spoilt_bytes(raw: bytes) -> Iterator[bytes]:
    """The bytes emptied, doubled and encoded otherwise; then cut off, and with an odd byte, at many places."""
    yield from (b"", raw + raw, b"\xef\xbb\xbf" + raw, raw.decode("latin-1").encode("utf-16"))
    step = max(1, len(raw) // _CUTS)
    for at in range(0, len(raw), step):
        yield raw[:at]
        odd = _ODD[(at // step) % len(_ODD)]
        yield raw[:at] + bytes((odd,)) + raw[at + 1:]
