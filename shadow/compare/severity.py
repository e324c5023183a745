"""How much a difference matters, by its place: a table of patterns for FHIR, HL7 v2 and plain JSON.

The first row that matches decides; rules of the configuration come before the table. A row covers everything below its
place, except rows for records, which mean the record itself: one that is dropped or added.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shadow.compare.diff import Weigh
from shadow.compare.difference import ABSENT, Severity, Shape
from shadow.compare.patterns import Matcher, PathPattern

CRITICAL, MAJOR, MINOR = Severity


class Row(NamedTuple):
    """A pattern, the kinds of differences (any if empty), and how much they matter there. With `itself`, the row does
    not cover what is below the place, and a "*" at the end matches items of lists only."""

    at: str
    severity: Severity
    kinds: frozenset[str] = frozenset()
    itself: bool = False


_ALONE = frozenset({"missing", "extra"})
_WRITING = frozenset({"value", "precision"})


def _rows(severity: Severity, kinds: frozenset[str], *places: str) -> list[Row]:
    return [Row(at, severity, kinds) for at in places]


DEFAULTS: tuple[Row, ...] = (
    # Negations: they turn the meaning of a record around.
    *_rows(CRITICAL, frozenset(), "/**/negationInd", "/**/@negationInd", "/**/doNotPerform", "/**/wasNotGiven",
           "/**/modifierExtension", "/**/dataAbsentReason", "/**/deceasedBoolean", "/**/deceasedDateTime"),
    # Words for people beside a code. The code decides.
    *_rows(MINOR, _WRITING, "/**/display", "/**/text/div", "/**/@displayName"),
    *_rows(MINOR, frozenset(), "/**/meta/lastUpdated", "/**/meta/versionId", "/link", "/@header/etag",
           "/@header/last-modified"),
    # Records that are dropped, added or doubled. A list of records is the document itself, or one of these members.
    *(Row(at, CRITICAL, _ALONE, itself=True) for at in (
        "/*", "/entry/*", "/items/*", "/results/*", "/records/*", "/data/*", "/contained/*", "/**/OBX/*", "/**/OBR/*",
        "/**/AL1/*", "/**/PID/*", "/**/RXE/*", "/entry/*/resource")),
    # Whose record it is.
    *_rows(CRITICAL, frozenset(), "/id", "/entry/*/resource/id", "/resourceType", "/entry/*/resource/resourceType",
           "/**/identifier", "/**/subject", "/**/patient", "/**/patientId", "/**/patient_id", "/**/mrn",
           "/**/birthDate", "/PID/*/f2", "/PID/*/f3", "/PID/*/f5", "/PID/*/f7", "/PID/*/f8",
           "/**/recordTarget", "/**/patientRole"),
    # Allergies, medication, results: FHIR.
    *_rows(CRITICAL, frozenset(), "/**/clinicalStatus", "/**/verificationStatus", "/**/criticality", "/**/allergies",
           "/**/allergy", "/**/substance", "/**/medicationCodeableConcept", "/**/medicationReference",
           "/**/dosageInstruction", "/**/dosage", "/**/doseAndRate", "/**/doseQuantity", "/**/dose", "/**/route",
           "/status", "/entry/*/resource/status", "/**/valueQuantity", "/**/valueCodeableConcept", "/**/valueString",
           "/**/valueInteger", "/**/valueBoolean", "/**/comparator", "/**/unit", "/**/units", "/**/interpretation"),
    # The same in HL7 v2 (chapters 3, 4 and 7), and in CDA.
    *_rows(CRITICAL, frozenset(), "/**/AL1", "/**/RXA", "/**/RXD", "/**/RXE", "/**/RXO", "/**/RXR", "/**/OBX/*/f2",
           "/**/OBX/*/f3", "/**/OBX/*/f5", "/**/OBX/*/f6", "/**/OBX/*/f8", "/**/OBX/*/f11", "/MSA/*/f1",
           "/**/doseQuantity", "/**/routeCode", "/**/interpretationCode"),
    # A code without its system is another code.
    *_rows(CRITICAL, frozenset({"missing", "extra", "value", "type"}), "/**/system", "/**/@codeSystem"),
)


def severities(rows: Iterable[Row] = ()) -> Weigh:
    """The function that says how much a difference matters, by `rows` and then by DEFAULTS."""
    own = list(rows)
    table: Matcher[tuple[bool, Row]] = Matcher.start(
        (PathPattern((*PathPattern.parse(row.at), *(() if row.itself else ("**",)))), (at < len(own), row))
        for at, row in enumerate([*own, *DEFAULTS]))

    def weigh(kind: str, names: Sequence[str], legacy: Shape, modern: Shape) -> Severity:
        place = table
        for name in names:
            place = place.step(None if name == "*" else name)
        for said, row in place.found:
            if row.itself and row.at.endswith("*") and names[-1] != "*":
                continue
            if kind in row.kinds or (not row.kinds and (said or kind != "moved")):
                # One number in two spellings is never as bad as two numbers, unless a rule says so.
                lenient = kind == "precision" and not said and row.severity is CRITICAL
                return MAJOR if lenient else row.severity
        if kind == "status":
            return _of_status(int(legacy.type), int(modern.type))
        if kind == "body" and ABSENT in (legacy, modern):
            return CRITICAL
        if kind == "syntax" and "invalid" not in (legacy.type, modern.type):
            return MINOR  # both can be read
        return MINOR if kind in ("moved", "precision") else MAJOR

    return weigh


def criticals(pattern: PathPattern) -> list[str]:
    """The critical places of the table that a pattern covers, and the critical pairs of statuses that it covers."""
    within: Matcher[bool] = Matcher.start([(pattern, True)])
    if pattern[:1] == ("@status",):
        return [f"/@status/{pair}" for pair in (*pattern[1:2], *_STATUSES) if _PAIR.fullmatch(pair)
                and within.step("@status").step(pair).found and _of_status(*map(int, pair.split("-"))) is CRITICAL]
    found = []
    for row in DEFAULTS:
        place = within
        for token in PathPattern.parse(row.at):
            # A wildcard of the table is followed as a name that occurs in no pattern.
            place = place.step(None if token in ("*", "**") else token)
        if row.severity is CRITICAL and place.found:
            found.append(row.at)
    return found


_STATUSES = "200-404", "403-200"
"""Pairs of statuses that are critical, as examples for patterns that cover any pair."""

_PAIR = re.compile("[1-9][0-9]{2}-[1-9][0-9]{2}", re.ASCII)


def is_status(tokens: Sequence[str]) -> bool:
    """Whether the tokens after "/@status" are a pair of statuses, legacy's and modern's ("200-204"), or a wildcard."""
    return len(tokens) <= 1 and all(one in ("*", "**") or _PAIR.fullmatch(one) for one in tokens)


def _of_status(legacy: int, modern: int) -> Severity:
    """How much two different statuses matter. It is critical if only one arm finds a record, or if only legacy
    withholds it. Two statuses of one class are minor."""
    if legacy // 100 == modern // 100:
        return MINOR
    one, other = sorted((legacy, modern))
    if one // 100 == 2 and other in (404, 410):
        return CRITICAL
    return CRITICAL if modern // 100 == 2 and legacy in (401, 403) else MAJOR
