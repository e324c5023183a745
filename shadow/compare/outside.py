"""What differs outside of documents: the status, header fields, trailers, and what cannot be read; and what rules say.

Places are /@status/200-204 (legacy's and modern's), /@header/NAME, /@trailer/NAME, /@body, /@coding and /@syntax. A
field may have parts, each with a place of its own: /@header/content-disposition/filename.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from adapters.message import Headers
from shadow.compare import heads
from shadow.compare.diff import hidden_by
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, shape
from shadow.compare.fields import Said
from shadow.compare.findings import GONE, IDENTITY, revealed
from shadow.compare.heads import Field
from shadow.compare.identifiers import Identifier, Identities, Met
from shadow.compare.meaning import NOWHERE
from shadow.compare.names import shown as name_shown
from shadow.compare.pair import Pair
from shadow.compare.patterns import Directive, Matcher
from shadow.compare.rules import Compiled
from shadow.compare.tokens import of_names, token

ADDED = "default added fields"
"""The rule that hides fields that modern alone sends, and that change nothing for clients."""


class Outside(NamedTuple):
    """The differences of one pair outside of its documents. `hidden` counts what rules hide, by their ids.
    `identities` are the pair's, if a rule says `crosswalk`."""

    pair: Pair
    rules: Compiled
    hidden: Counter[str]
    identities: Identities | None

    def ruled(self, found: Difference) -> Iterator[Difference]:
        """A difference of the message, if no rule for its place hides it."""
        names: tuple[str, ...] = (f"@{found.kind}",)
        if found.kind == "status":
            names += (f"{found.legacy.type}-{found.modern.type}",)
        if (by := self.rules.hides(found.kind, names)) is not None:
            self.hidden[by] += 1
        else:
            yield replace(found, severity=self.rules.weigh(found.kind, names, found.legacy, found.modern, NOWHERE))

    def status(self) -> Iterator[Difference]:
        old, new = self.pair.control.status, self.pair.candidate.status
        if old != new:
            yield from self.ruled(Difference("status", "", Shape(str(old)), Shape(str(new))))

    def heads(self) -> Iterator[Difference]:
        """The differences of header fields and trailers."""
        old, new = self.pair.control, self.pair.candidate
        for kind, before, after in (("header", old.headers, new.headers), ("trailer", old.trailers, new.trailers)):
            settled: set[str] = set()
            if self.identities is not None:
                for one in self._identified(kind, before, after, self.identities):
                    if isinstance(one, Difference):
                        yield one
                    else:
                        settled.add(one)
            if not heads.same(before, after):
                for field in heads.differing(before, after):
                    if field.name not in settled:
                        yield from self._field(kind, field)

    def _field(self, kind: str, field: Field) -> Iterator[Difference]:
        name, old, new = field
        names = f"@{kind}", name
        place = self.rules.directives.step(names[0]).step(name)
        if (by := self._hides(kind, field, place)) is not None:
            self.hidden[by] += 1
            return
        legacy, modern = (ABSENT if one is None else Shape(one.shown) for one in (old, new))
        if self.rules.reveals(names):
            legacy, modern = (ABSENT if one is None else revealed(shape(one.whole), one.whole) for one in (old, new))
        shown = name_shown(name)
        where = f"/@{kind}/{shown}"
        yield Difference(
            kind, shown, legacy, modern, self.rules.weigh(kind, names, legacy, modern, NOWHERE),
            legacy_token=_token(self.pair.key, where, old), modern_token=_token(self.pair.key, where, new),
            key_token="" if shown == name else of_names(self.pair.key, [name]))

    def _hides(self, kind: str, field: Field, place: Matcher[Directive]) -> str | None:
        name, old, new = field
        if old is None and heads.is_added(name) and self.rules.defaults((f"@{kind}", name)):
            return ADDED
        if (by := hidden_by(kind, place, *(GONE if one is None else one.whole for one in (old, new)))) is not None:
            return by
        if old is None or new is None:
            return None
        # It is hidden if each part that differs is.
        every = [self._hides_part(kind, place, part, old.parts.get(part, ()), new.parts.get(part, ()))
                 for part in dict.fromkeys((*old.parts, *new.parts)) if old.parts.get(part) != new.parts.get(part)]
        return None if None in every else every[0]

    def _hides_part(
        self, kind: str, place: Matcher[Directive], part: str, old: tuple[str, ...], new: tuple[str, ...],
    ) -> str | None:
        inside = place.step(part) if part else place
        if len(old) != len(new):
            return hidden_by(kind, inside, GONE, GONE)
        by: str | None = None
        for one, other in zip(old, new, strict=True):
            if one != other:
                by = hidden_by(kind, inside, one, other) or hidden_by(kind, place, one, other)
                if by is None:
                    return None
        return by

    def _identified(self, kind: str, old: Headers, new: Headers, identities: Identities) -> Iterator[Difference | str]:
        """For each field in which both arms name a record, where a rule says `crosswalk`: its name if they name the
        same one, and the difference if they contradict what is known."""
        place = self.rules.directives.step(f"@{kind}")
        for name in sorted({name.lower() for name, _ in old} & {name.lower() for name, _ in new}):
            text = name.decode("latin-1")
            if not any(one.crosswalk for one in place.step(text).found):
                continue
            before, after = (
                identities.mark({text: b", ".join(one.get_all(name)).decode("latin-1")}, place, legacy=one is old)[text]
                for one in (old, new))
            if not isinstance(before, Identifier) or not isinstance(after, Identifier):
                continue
            met = identities.meet(before, after, certain=True)
            if met is Met.CONFLICT:
                where = f"/@{kind}/{name_shown(text)}"
                yield Difference(IDENTITY, where, shape(before.plain), shape(after.plain), Severity.CRITICAL)
            if met is Met.SAME and before.plain != after.plain:
                self.hidden[before.rule] += 1
            if met is not Met.OTHER:
                yield text


def _token(key: bytes, where: str, one: Said | None) -> str:
    return "" if one is None else token(key, where, one.whole)
