"""Hints: what the tokens of a pattern's examples show when they are compared with each other. Pure.

Tokens show which values are equal, without the values. So a default that modern fills in can be seen, or one record in
the place of another.
"""

from collections import defaultdict
from collections.abc import Sequence

from shadow.compare.dicom import named
from shadow.compare.difference import Signature
from shadow.ledger.groups import Exemplar
from shadow.words import noun

HINTS = 5
"""Hints of a pattern at most."""


def hints(examples: Sequence[Exemplar]) -> tuple[str, ...]:
    """Sentences about the examples of one pattern, with paths in backticks; none if tokens show nothing."""
    places: dict[Signature, list[list[tuple[str, str]]]] = defaultdict(list)
    for example in examples:
        own: dict[Signature, list[tuple[str, str]]] = defaultdict(list)
        for one in example.differences:
            if one.legacy_token and one.modern_token:
                own[one.signature].append((one.legacy_token, one.modern_token))
        for signature, tokens in own.items():
            places[signature].append(tokens)
    found = (_hint(signature, tokens) for signature, tokens in sorted(places.items()))
    return tuple(dict.fromkeys(one for one in found if one))[:HINTS]


def _hint(signature: Signature, examples: list[list[tuple[str, str]]]) -> str:
    where = f"`{named(signature.path)}`"
    many = len(examples)
    # Two spellings of one number have one token, which does not mean that values changed places.
    exchanged = 0 if signature.kind == "precision" else sum(
        not {old for old, _ in tokens}.isdisjoint(new for _, new in tokens) for tokens in examples)
    if exchanged:
        of = f"{exchanged} of {many} {noun(many, 'example')}"
        return f"{where}: what modern says at one place, legacy says at another, in {of}"
    legacy = {old for tokens in examples for old, _ in tokens}
    modern = {new for tokens in examples for _, new in tokens}
    if many < 2 or min(len(legacy), len(modern)) > 1:
        return ""
    if len(legacy) == len(modern):
        return f"{where}: the same two values in all {many} examples"
    one, other = ("modern", "legacy") if len(modern) == 1 else ("legacy", "modern")
    return f"{where}: {one} says the same in all {many} examples, {other} does not"
