"""Removes a subject from a store: their tokens are removed, and counts stay. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from adapters.document import Number, Tree
from shadow.compare.difference import Difference, placed
from shadow.compare.tokens import of_names, token
from shadow.ledger.groups import Exemplar, Pattern
from shadow.ledger.rows import Finding

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)

Tokens = Callable[[str, str], Collection[str]]
"""(capability, class of places) → the tokens that a subject has there in all epochs of the capability. Such a class
is "/entry/*/id", for example, or a `crosswalk_place` of shadow.compare.tokens."""

Trace = tuple[str, str]
"""An exchange: its capability, and its trace id."""


class Unlinked(NamedTuple):
    """The result: `examples` counts the exchanges whose examples have no tokens any more, `bindings` the pairs of
    identifiers that are gone, and `held` those of either that stay because they are held."""

    examples: int
    bindings: int
    held: int


def tokens_of(identifier: str, keys: Mapping[str, Collection[bytes]]) -> Tokens:
    """The tokens of an identifier, as it is, in small letters and in capitals, by the keys of a capability's epochs."""
    values: list[Tree] = sorted({identifier, identifier.lower(), identifier.upper()})
    if _NUMBER.fullmatch(identifier):
        values.append(Number(identifier))

    @cache
    def tokens(capability: str, place: str) -> frozenset[str]:
        return frozenset(one for key in keys.get(capability, ()) for value in values
                         for one in (token(key, place, value), of_names(key, [str(value)])))

    return tokens


def about(
    findings: Iterable[Finding], patterns: Iterable[Pattern], tokens: Tokens, traces: Collection[Trace],
) -> frozenset[Trace]:
    """The exchanges whose examples must lose their tokens: those with a token of the subject in any example, because
    then the whole exchange is about the subject, and those among `traces`."""
    return frozenset(
        trace for trace, found in _examples(findings, patterns)
        if any(_tokens(found)) and (trace in traces or _carries(found, tokens(trace[0], placed(found.path))))
    )


def unlinked(pattern: Pattern, traces: Collection[Trace]) -> Pattern:
    """The pattern without the tokens of these exchanges."""
    def of(one: Exemplar) -> Exemplar:
        known = (pattern.capability, one.trace_id) in traces
        return replace(one, differences=tuple(map(tokenless, one.differences))) if known else one

    return replace(pattern, exemplars=tuple(map(of, pattern.exemplars)), smallest=of(pattern.smallest))


def tokenless(found: Difference) -> Difference:
    """The difference without its tokens."""
    return replace(found, legacy_token="", modern_token="", key_token="")


def _tokens(found: Difference) -> tuple[str, str, str]:
    return found.legacy_token, found.modern_token, found.key_token


def _carries(found: Difference, tokens: Collection[str]) -> bool:
    return any(one and one in tokens for one in _tokens(found))


def _examples(findings: Iterable[Finding], patterns: Iterable[Pattern]) -> Iterator[tuple[Trace, Difference]]:
    for finding in findings:
        yield (finding.capability, finding.trace_id), finding.exemplar
    for pattern in patterns:
        for one in (*pattern.exemplars, pattern.smallest):
            for found in one.differences:
                yield (pattern.capability, one.trace_id), found
