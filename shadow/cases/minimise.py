"""Shrinks a mismatching pair to a small one whose comparison has the same signatures: delta debugging over the trees.

Members, items and rules are removed as long as the comparison still finds what it must find; then texts are cut short.
Each trial compares bodies as they are written, in bytes, so a form that loses something in writing cannot go unnoticed.
The result is deterministic, never larger than the pair, and takes a bounded number of comparisons. A body that is no
tree is replaced by one of STOCK.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from adapters.document import Number, Tree
from adapters.message import Headers, Request
from shadow.cases.draft import Draft, Unit, with_body
from shadow.compare.bodies import Unreadable, decoded
from shadow.compare.comparison import Outcome, compare
from shadow.compare.difference import Severity, Signature
from shadow.compare.findings import MAX_DIFFERENCES
from shadow.compare.pair import Pair
from shadow.compare.rules import Rules
from shadow.observation import Observation

MAX_COMPARISONS = 2_000
"""Comparisons that shrinking one pair takes at most."""

MAX_BYTES = 1 << 30
"""Bytes of bodies that these comparisons read at most, all together."""

STOCK = (b"0", b"1", b"", b"{", b" ", b"<", b"\xff", b"\xef\xbb\xbf{}", b'{"a":0,"a":0}', b"NaN", b"MSH")
"""Small bodies that replace those that are compared as bytes or cannot be read. Most are invalid, in different ways."""

_NUMBERS = (("0", "0"), ("0", "1"), ("0.0", "0.1"), ("0", "0.0"), ("0.0", "0"), ("0", "0.1"), ("0.1", "0"))


class Unfit(Exception):
    """A pair cannot be made into a case. The message says why, and quotes nothing from the pair."""


Finding = tuple[Signature, Severity]


class Minimal(NamedTuple):
    """A pair that was shrunk.

    `findings` are what its comparison finds, among them all that was asked for. `comparisons` is how many were made.
    `whole` says that a body stayed as it was, since its form cannot be written back; `exhausted` that the comparisons
    ran out, so a smaller pair may exist."""

    pair: Pair
    findings: tuple[Finding, ...]
    comparisons: int
    whole: bool
    exhausted: bool


class Trial:
    """Tries pairs. A pair *holds* if its comparison finds all of `chosen` and nothing that the first one's does not."""

    def __init__(self, pair: Pair, chosen: Collection[Signature] = (), most: int = MAX_COMPARISONS) -> None:
        """`chosen` are signatures; if empty, all of the pair's. Raises Unfit if the pair is no mismatch, or has none of
        them."""
        found = findings(pair)
        if not found:
            raise Unfit("these two are no mismatch by the rules: there is nothing to keep")
        self.comparisons = 1
        self._most = most
        self._bytes = MAX_BYTES
        self._chosen = frozenset(one for one in found if not chosen or one[0] in chosen)
        if not self._chosen:
            raise Unfit("these two have no difference of that signature")
        # A full list of differences was cut off, so removing some of them shows others.
        self._allowed = frozenset(found) if len(found) < MAX_DIFFERENCES else None

    @property
    def over(self) -> bool:
        """Whether the comparisons have run out."""
        return self.comparisons >= self._most or self._bytes <= 0

    def holds(self, pair: Pair | None) -> bool:
        """Whether a pair holds. False once the comparisons have run out."""
        if pair is None or self.over:
            return False
        self.comparisons += 1
        self._bytes -= len(pair.control.body) + len(pair.candidate.body)
        found = frozenset(findings(pair))
        return self._chosen <= found and (self._allowed is None or found <= self._allowed)


def findings(pair: Pair) -> tuple[Finding, ...]:
    """The signatures and severities that the comparison of a pair finds, sorted; empty if it is no mismatch."""
    found = compare(pair)
    if found.tally.outcome is not Outcome.MISMATCH:
        return ()
    return tuple(sorted({(one.signature, one.severity) for one in found.differences}))


def minimise(pair: Pair, chosen: Collection[Signature] = (), most: int = MAX_COMPARISONS) -> Minimal:
    """The smallest pair that was found with the findings of `pair`, or with the `chosen` ones alone. The request and
    its time are removed. Raises Unfit."""
    trial = Trial(pair, chosen, most)
    plain = replace(pair, request=Request("GET", b"/", Headers()), trace_id="", at=0.0)
    plain = plain if trial.holds(plain) else pair
    # A seed holds real identifiers, so the case must do without one.
    known = tuple(replace(one, seed="", digest="") for one in plain.rules.classes)
    plain = replace(plain, rules=replace(plain.rules, classes=known))
    bare = _without_heads(_without_coding(plain, trial), trial)
    small, whole = _smaller(_with_fewer_rules(bare, trial), trial)
    small = _without_heads(small, trial)
    if _size(small) > _size(pair):
        small, whole = bare, True
    return Minimal(small, findings(small), trial.comparisons, whole, trial.over)


def _size(pair: Pair) -> int:
    return sum(len(_meant(one)) for one in (pair.control, pair.candidate))


def _meant(one: Observation) -> bytes:
    """The body without its content coding, or as it is if the coding is unknown or broken."""
    body = decoded(one)
    return one.body if isinstance(body, Unreadable) else body


def _smaller(pair: Pair, trial: Trial) -> tuple[Pair, bool]:
    """The pair with its bodies and rules shrunk until nothing more can go; and whether it had to stay whole."""
    draft = Draft.of(pair)
    if draft is None or not trial.holds(draft.written()):
        stocked = _stocked(pair, trial, (0, 1))
        return stocked or pair, stocked is None
    for side, tree in enumerate(draft.trees):
        if isinstance(tree, Unreadable):
            stocked = _stocked(draft.pair, trial, (side,))
            draft = draft._replace(pair=stocked or draft.pair)
    while True:
        before = draft
        depth = 1
        while not trial.over and (units := draft.level(depth)):
            draft = _fewer(draft, units, trial)
            depth += 1
        draft = _shorter(draft, trial)
        draft = draft._replace(pair=_with_fewer_rules(draft.written() or draft.pair, trial))
        if draft.pair == before.pair or trial.over:
            return draft.pair, False


def _stocked(pair: Pair, trial: Trial, sides: Sequence[int]) -> Pair | None:
    """The pair with the first stock bodies on these sides with which it holds; None if it holds with none."""
    for bodies in product(STOCK, repeat=len(sides)):
        made = pair
        for side, body in zip(sides, bodies, strict=True):
            made = with_body(made, side, body)
        if _size(made) <= _size(pair) and trial.holds(made):
            return made
    return None


# --- heads and rules ---

def _without_coding(pair: Pair, trial: Trial) -> Pair:
    """The pair without content codings if that still holds, else the pair as it is."""
    made = uncoded(pair)
    return made if trial.holds(made) else pair


def uncoded(pair: Pair) -> Pair:
    """The pair without the content codings that can be taken off."""
    sides = []
    for one in (pair.control, pair.candidate):
        body = decoded(one)
        if not isinstance(body, Unreadable):
            one = replace(one, headers=one.headers.without((b"content-encoding",)), body=body)
        sides.append(one)
    return replace(pair, control=sides[0], candidate=sides[1])


def _without_heads(pair: Pair, trial: Trial) -> Pair:
    """The pair without the header fields on which no finding depends."""
    names = {name.lower() for one in (pair.control, pair.candidate) for name, _ in one.headers}
    for gone in ({name for name in names if name != b"content-type"}, *({name} for name in sorted(names))):
        made = replace(pair, control=_lacking(pair.control, gone), candidate=_lacking(pair.candidate, gone))
        pair = made if trial.holds(made) else pair
    return pair


def _lacking(one: Observation, names: Iterable[bytes]) -> Observation:
    return replace(one, seconds=0.0, headers=one.headers.without(names))


def _with_fewer_rules(pair: Pair, trial: Trial) -> Pair:
    """The pair without the rules and known differences on which no finding depends."""
    rules = pair.rules
    if not rules.rules and not rules.known:
        return pair
    made = replace(pair, rules=Rules())
    if trial.holds(made):
        return made
    for one in rules.rules:
        fewer = replace(pair, rules=replace(
            pair.rules, rules=tuple(other for other in pair.rules.rules if other is not one)))
        pair = fewer if trial.holds(fewer) else pair
    for known in rules.known:
        fewer = replace(pair, rules=replace(
            pair.rules, known=tuple(other for other in pair.rules.known if other is not known)))
        pair = fewer if trial.holds(fewer) else pair
    if not pair.rules.identifies:
        pair = replace(pair, rules=replace(pair.rules, classes=()))
    everywhere = replace(pair, over=frozenset())
    return everywhere if trial.holds(everywhere) else pair


# --- trees ---

def _fewer(draft: Draft, units: list[Unit], trial: Trial) -> Draft:
    """The draft without those of these units that can go. All are tried at once, then halves, down to single ones."""
    first, gone, kept, step = draft, list[Unit](), units, len(units)
    while step:
        at = 0
        while at < len(kept) and not trial.over:
            tried = first.without([*gone, *kept[at:at + step]])
            if trial.holds(tried.written()):
                draft = tried
                gone += kept[at:at + step]
                kept = [*kept[:at], *kept[at + step:]]
            else:
                at += step
        step //= 2
    return draft


def _shorter(draft: Draft, trial: Trial) -> Draft:
    """The draft with its texts cut, equally on both sides, and with small numbers, as far as it still holds."""
    for unit in [] if trial.over else list(draft.leaves()):
        for old, new in () if trial.over else _cuts(unit.old, unit.new):
            tried = draft.having(unit, old, new)
            if (old, new) != (unit.old, unit.new) and trial.holds(tried.written()):
                draft = tried
                break
    return draft


def _cuts(old: Tree, new: Tree) -> Iterator[tuple[Tree, Tree]]:
    if isinstance(old, Number) or isinstance(new, Number):
        yield from _numbers(old, new)
        return
    longest = max((len(one) for one in (old, new) if isinstance(one, str)), default=0)
    size = 0
    while size < longest:
        for piece in (slice(size), slice(-size if size else longest, None)):
            yield _cut(old, piece), _cut(new, piece)
        size = size * 2 or 1


def _numbers(old: Tree, new: Tree) -> Iterator[tuple[Tree, Tree]]:
    for before, after in _NUMBERS:
        small = [Number(to) if isinstance(one, Number) and len(to) < len(one) else one
                 for one, to in ((old, before), (new, after))]
        yield small[0], small[1]


def _cut(value: Tree, piece: slice) -> Tree:
    return value[piece] if isinstance(value, str) else value
