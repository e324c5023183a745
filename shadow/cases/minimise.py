"""A mismatching pair → a small one whose comparison has the same signatures: delta debugging over the trees.

Members, items and rules are left out as long as the comparison still finds what it is to find; then texts are cut
short. What is compared is what is written, bytes, so a form that loses something in writing cannot pass for one that
does not. Deterministic, bounded in comparisons, never larger; a body that is no tree is replaced by a stock one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from adapters.document import DocumentError, Number, Path, Tree
from adapters.document import replace as put
from adapters.message import Headers, Request
from shadow.compare.bodies import Form, Incomparable, Unreadable, decoded, form_of, read, write
from shadow.compare.comparison import Outcome, compare
from shadow.compare.diff import MAX_DIFFERENCES
from shadow.compare.difference import Severity, Signature
from shadow.compare.pair import Pair
from shadow.compare.pairing import Budget, Prints
from shadow.compare.pairing import pair as paired
from shadow.compare.patterns import AUTO, PLAIN, Directive, Matcher
from shadow.compare.rules import Rules, defaults
from shadow.observation import Observation

MAX_COMPARISONS = 2_000
"""Comparisons that shrinking one pair may take."""

MAX_BYTES = 1 << 30
"""Bytes of bodies that all of them may look at."""

STOCK = (b"0", b"1", b"", b"{", b" ", b"<", b"\xff", b"\xef\xbb\xbf{}", b'{"a":0,"a":0}', b"NaN", b"MSH")
"""Bodies for what is compared as bytes or cannot be read, each wrong in another way."""

_LOOKS = 4_000_000
_NUMBERS = (("0", "0"), ("0", "1"), ("0.0", "0.1"), ("0", "0.0"), ("0.0", "0"), ("0", "0.1"), ("0.1", "0"))


class Unfit(Exception):
    """A pair cannot be treated so. The message says why, and quotes nothing out of it."""


Finding = tuple[Signature, Severity]


class Minimal(NamedTuple):
    """What is left of a pair: `findings` are what its comparison finds, all that was asked for among it. `comparisons`
    were made; `whole` tells that a body's form cannot be written back, so that it stayed as it was; `exhausted` that no
    more comparison might be made, so that a smaller one may be there."""

    pair: Pair
    findings: tuple[Finding, ...]
    comparisons: int
    whole: bool
    exhausted: bool


class Trial:
    """Holds pairs against what is to be found: all of `chosen`, and nothing that the first pair had not."""

    def __init__(self, pair: Pair, chosen: Collection[Signature] = (), most: int = MAX_COMPARISONS) -> None:
        """Raises Unfit where the pair is no mismatch, or has not what is chosen (nothing: all of it)."""
        found = findings(pair)
        if not found:
            raise Unfit("these two are no mismatch by the rules: there is nothing to keep")
        self.comparisons = 1
        self._most = most
        self._bytes = MAX_BYTES
        self._chosen = frozenset(one for one in found if not chosen or one[0] in chosen)
        if not self._chosen:
            raise Unfit("these two have no difference of that signature")
        # Where not all was kept, leaving out some shows others.
        self._allowed = frozenset(found) if len(found) < MAX_DIFFERENCES else None

    @property
    def over(self) -> bool:
        """Whether no more comparison may be made."""
        return self.comparisons >= self._most or self._bytes <= 0

    def holds(self, pair: Pair | None) -> bool:
        """Whether a pair has what is wanted; never, once no more comparison may be made."""
        if pair is None or self.over:
            return False
        self.comparisons += 1
        self._bytes -= len(pair.control.body) + len(pair.candidate.body)
        found = frozenset(findings(pair))
        return self._chosen <= found and (self._allowed is None or found <= self._allowed)


def findings(pair: Pair) -> tuple[Finding, ...]:
    """What the comparison of a pair finds, in a fixed order; nothing where it is no mismatch."""
    found = compare(pair)
    if found.tally.outcome is not Outcome.MISMATCH:
        return ()
    return tuple(sorted({(one.signature, one.severity) for one in found.differences}))


def minimise(pair: Pair, chosen: Collection[Signature] = (), most: int = MAX_COMPARISONS) -> Minimal:
    """The smallest pair that is found with the findings of `pair`, or those of `chosen` alone. Who asked what, and
    when, is left off. Raises Unfit."""
    trial = Trial(pair, chosen, most)
    plain = replace(pair, request=Request("GET", b"/", Headers()), trace_id="", at=0.0)
    plain = plain if trial.holds(plain) else pair
    # What is known of identifiers beforehand is somebody's: the pair must speak for itself.
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
    """The body with its content coding off, where it has one that can be taken off."""
    try:
        body = decoded(one)
    except Incomparable:
        return one.body
    return one.body if body is None else body


def _smaller(pair: Pair, trial: Trial) -> tuple[Pair, bool]:
    """Both bodies shrunk, and the rules, until nothing more can go."""
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


def _with_body(pair: Pair, side: int, body: bytes) -> Pair:
    if side:
        return replace(pair, candidate=replace(pair.candidate, body=body))
    return replace(pair, control=replace(pair.control, body=body))


def _stocked(pair: Pair, trial: Trial, sides: Sequence[int]) -> Pair | None:
    """The pair with stock bodies on these sides, where one does."""
    for bodies in product(STOCK, repeat=len(sides)):
        made = pair
        for side, body in zip(sides, bodies, strict=True):
            made = _with_body(made, side, body)
        if _size(made) <= _size(pair) and trial.holds(made):
            return made
    return None


# --- heads and rules ---

def _without_coding(pair: Pair, trial: Trial) -> Pair:
    """With content codings taken off, where they do not matter."""
    made = uncoded(pair)
    return made if trial.holds(made) else pair


def uncoded(pair: Pair) -> Pair:
    """The pair with content codings taken off, where they are known."""
    sides = []
    for one in (pair.control, pair.candidate):
        try:
            body = decoded(one)
        except Incomparable:
            return pair
        if body is not None:
            one = replace(one, headers=one.headers.without((b"content-encoding",)), body=body)
        sides.append(one)
    return replace(pair, control=sides[0], candidate=sides[1])


def _without_heads(pair: Pair, trial: Trial) -> Pair:
    """With no header field that nothing depends on."""
    names = {name.lower() for one in (pair.control, pair.candidate) for name, _ in one.headers}
    for gone in ({name for name in names if name != b"content-type"}, *({name} for name in sorted(names))):
        made = replace(pair, control=_lacking(pair.control, gone), candidate=_lacking(pair.candidate, gone))
        pair = made if trial.holds(made) else pair
    return pair


def _lacking(one: Observation, names: Iterable[bytes]) -> Observation:
    return replace(one, seconds=0.0, headers=one.headers.without(names))


def _with_fewer_rules(pair: Pair, trial: Trial) -> Pair:
    """With no rule that nothing depends on, and thus with no known difference that hides nothing."""
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

class _Gone:
    """The type of the mark for what one side has not: no tree holds it."""


_GONE = _Gone()


class Unit(NamedTuple):
    """One place of both trees: where it is in each (None where it is not), and what stands there."""

    old_at: Path | None
    new_at: Path | None
    old: Tree
    new: Tree
    matcher: Matcher[Directive]


class Draft(NamedTuple):
    """A pair whose bodies are trees; where one cannot be read, the pair has it as it is."""

    pair: Pair
    forms: tuple[Form, Form]
    trees: tuple[Tree | Unreadable, Tree | Unreadable]

    @classmethod
    def of(cls, pair: Pair) -> "Draft | None":
        """None where the bodies are compared as bytes."""
        forms = form_of(pair.control.headers), form_of(pair.candidate.headers)
        if forms[0] is None or forms[1] is None or forms[0].name != forms[1].name:
            return None
        trees = read(forms[0], pair.control.body), read(forms[1], pair.candidate.body)
        if all(isinstance(one, Unreadable) for one in trees):
            return None
        return cls(pair, (forms[0], forms[1]), trees)

    def written(self) -> Pair | None:
        """The pair with its bodies as the trees say; None where one cannot be written."""
        pair = self.pair
        for side, (form, tree) in enumerate(zip(self.forms, self.trees, strict=True)):
            if isinstance(tree, Unreadable):
                continue
            try:
                pair = _with_body(pair, side, write(form, tree))
            except DocumentError:
                return None
        return pair

    def level(self, depth: int) -> list[Unit]:
        """All places so far down, each of both sides' as the comparator pairs them."""
        old, new = (_GONE if isinstance(one, Unreadable) else one for one in self.trees)
        form = self.forms[0].name
        known = () if _GONE in (old, new) else defaults(form, old, new)
        directives = self.pair.rules.compiled(self.pair.at, self.pair.over, known).directives
        places = [Unit(Path(), Path(), old, new, directives)]
        for _ in range(depth):
            places = [inner for one in places for inner in _inner(one)]
        return places

    def leaves(self) -> Iterator[Unit]:
        """All places that have nothing below."""
        depth = 0
        while places := self.level(depth):
            yield from (one for one in places if not any(isinstance(half, dict | list) for half in (one.old, one.new)))
            depth += 1

    def without(self, places: Collection[Unit]) -> "Draft":
        """The same without places of one depth."""
        old, new = self.trees
        return self._replace(trees=(_dropped(old, [one.old_at for one in places if one.old_at is not None]),
                                    _dropped(new, [one.new_at for one in places if one.new_at is not None])))

    def having(self, place: Unit, old: Tree, new: Tree) -> "Draft":
        """The same with other values at a place."""
        trees = [tree if at is None or isinstance(tree, Unreadable) else put(tree, at, value)
                 for tree, at, value in zip(self.trees, place[:2], (old, new), strict=True)]
        return self._replace(trees=(trees[0], trees[1]))


def _inner(place: Unit) -> Iterator[Unit]:
    """What is right below a place."""
    old_at, new_at, old, new, matcher = place
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield Unit(_at(old_at, name, name in old), _at(new_at, name, name in new),
                        old.get(name, _GONE), new.get(name, _GONE), matcher.step(name))
        return
    if isinstance(old, list) and isinstance(new, list):
        for i, j in _pairs(old, new, matcher):
            yield Unit(_at(old_at, i, i is not None), _at(new_at, j, j is not None),
                        _GONE if i is None else old[i], _GONE if j is None else new[j], matcher.step(None))
        return
    for token, value in _members(old):
        inside = matcher.step(token if isinstance(token, str) else None)
        yield Unit(_at(old_at, token, True), None, value, _GONE, inside)
    for token, value in _members(new):
        inside = matcher.step(token if isinstance(token, str) else None)
        yield Unit(None, _at(new_at, token, True), _GONE, value, inside)


def _at(place: Path | None, token: str | int | None, there: bool) -> Path | None:
    return Path((*place, token)) if there and place is not None and token is not None else None


def _members(node: Tree) -> Iterable[tuple[str | int, Tree]]:
    return node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()


def _pairs(old: list[Tree], new: list[Tree], matcher: Matcher[Directive]) -> list[tuple[int | None, int | None]]:
    order = next((one.order for one in matcher.found if one.order is not None), AUTO)
    try:
        pairing = paired(old, new, order, matcher.step(None), Prints(_LOOKS))
    except Budget:
        pairing = paired(old, new, AUTO._replace(kind="ordered"), PLAIN, Prints(_LOOKS * 16))
    return [*pairing.pairs, *((i, None) for i in pairing.missing), *((None, j) for j in pairing.extra)]


def _dropped(tree: Tree | Unreadable, paths: Sequence[Path]) -> Tree | Unreadable:
    """A tree without what is at these paths, all equally long; what is off them is shared with the old tree."""
    copies: dict[Path, Tree] = {}
    by_parent: dict[Path, list[str | int]] = {}
    for path in paths:
        by_parent.setdefault(Path(path[:-1]), []).append(path[-1])
    for parent, tokens in by_parent.items():
        node: Tree = copies.setdefault(Path(), _copied(tree))
        for depth, token in enumerate(parent, 1):
            above, here = node, Path(parent[:depth])
            if here not in copies:
                copies[here] = above[token] = _copied(above[token])
            node = copies[here]
        # From a list's end, so that no index is another's by then.
        for token in sorted(tokens, reverse=True) if isinstance(node, list) else tokens:
            del node[token]
    return copies.get(Path(), tree)


def _copied(node: Tree) -> Tree:
    return dict(node) if isinstance(node, dict) else list(node)


def _fewer(draft: Draft, places: list[Unit], trial: Trial) -> Draft:
    """The draft without as many of these places as can go: in halves, quarters, and so on down to one at a time."""
    first, gone, kept, step = draft, list[Unit](), places, len(places)
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
    """The draft with its texts cut, the same from both sides, and its numbers small, where that may be."""
    for place in [] if trial.over else list(draft.leaves()):
        for old, new in () if trial.over else _cuts(place.old, place.new):
            tried = draft.having(place, old, new)
            if (old, new) != (place.old, place.new) and trial.holds(tried.written()):
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
