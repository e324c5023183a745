"""The messages between the lane and the judge's process: batches of pairs one way, comparisons the other.

A message is its length (LENGTH bytes, big-endian) and a pickle. Pairs are pickled as plain tuples, since pickling
objects would take longer than comparing them, and they carry only what is compared: no request, no other header field.
"""

import pickle
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

from adapters.message import Headers, Request
from shadow.compare.comparison import Comparison
from shadow.compare.heads import compared
from shadow.compare.pair import Pair
from shadow.compare.rules import Rules
from shadow.observation import NO_FIELDS, Digest, Failure, Observation

LENGTH = 4
"""Bytes of a message's length."""

_NO_REQUEST = Request("", b"", Headers())


def frame(message: bytes) -> bytes:
    """The message with its length before it."""
    return len(message).to_bytes(LENGTH) + message


def read(stream: BinaryIO) -> bytes | None:
    """The next message of a stream; None at its end. If the stream ends within a message, the message is cut short."""
    head = stream.read(LENGTH)
    return stream.read(int.from_bytes(head)) if len(head) == LENGTH else None


def encode_pairs(pairs: Sequence[Pair]) -> bytes:
    """The message that holds these pairs."""
    return pickle.dumps([
        (one.capability, one.operation, _answer(one.control), _answer(one.candidate), one.trace_id, one.at,
         _encode_rules(one.rules), one.over, one.key) for one in pairs], pickle.HIGHEST_PROTOCOL)


def decode_pairs(message: bytes) -> list[Pair]:
    """The pairs of a message, without their requests and latencies. Raises EOFError or pickle.UnpicklingError if the
    message was cut short."""
    pairs = pickle.loads(message)  # noqa: S301 (our own parent wrote it)
    return [Pair(capability, operation, _NO_REQUEST, _observed(*control), _observed(*candidate), trace_id, at,
                 _decode_rules(rules), over, key)
            for capability, operation, control, candidate, trace_id, at, rules, over, key in pairs]


def encode_comparisons(comparisons: Sequence[Comparison]) -> bytes:
    """The message that holds these comparisons."""
    return pickle.dumps(comparisons, pickle.HIGHEST_PROTOCOL)


def decode_comparisons(message: bytes) -> list[Comparison]:
    """The comparisons of a message."""
    comparisons: list[Comparison] = pickle.loads(message)  # noqa: S301 (our own child wrote it)
    return comparisons


def _answer(one: Observation) -> tuple[object, ...]:
    return (one.arm, one.status, compared(one.headers), one.body, one.failure, one.complete, one.digest,
            compared(one.trailers) if one.trailers else NO_FIELDS)


def _observed(
    arm: str, status: int, headers: Headers, body: bytes, failure: Failure | None, complete: bool,
    digest: Digest | None, trailers: Headers,
) -> Observation:
    return Observation(arm, 0.0, status, headers, body, failure, complete, digest=digest, trailers=trailers)


# Most pairs of a batch share their rules: these are pickled once and unpickled once, and are one object on arrival.

@lru_cache(maxsize=256)
def _encode_rules(rules: Rules) -> bytes:
    return pickle.dumps(rules, pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=256)
def _decode_rules(encoded: bytes) -> Rules:
    rules: Rules = pickle.loads(encoded)  # noqa: S301 (a part of what our own parent wrote)
    return rules
