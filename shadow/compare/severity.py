"""How much a difference matters, by its place: a table of patterns for CDA, HL7 v2, DICOM and plain JSON.

The first row that matches decides. Rules of the configuration come before the table, and so does what FHIR's own
definitions say of a resource's element (`shadow.compare.fhir`). A row covers everything below its place, except rows
for records, which mean the record itself: one that is dropped or added.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from shadow.compare import dicom, fhir, plain
from shadow.compare.benign import same_moment
from shadow.compare.difference import ABSENT, Severity, Shape, worst_of
from shadow.compare.findings import AWAY, ELSEWHERE, SHUFFLED, Weigh
from shadow.compare.meaning import Meaning
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
    *_rows(CRITICAL, frozenset(), "/**/negationInd", "/**/@negationInd", "/**/@nullFlavor", "/**/doNotPerform",
           "/**/wasNotGiven", "/**/modifierExtension", "/**/dataAbsentReason", "/**/deceasedBoolean",
           "/**/deceasedDateTime"),
    # Words for people beside a code. The code decides.
    *_rows(MINOR, _WRITING, "/**/display", "/**/text/div", "/**/@displayName",
           *(f"/**/{one}" for one in dicom.spelled("CodeMeaning"))),
    # How text is written in HL7 v2 (MSH-18) and DICOM. What it says is compared.
    *_rows(MINOR, frozenset(), "/**/MSH/*/f18", *(f"/**/{one}" for one in dicom.spelled("SpecificCharacterSet"))),
    *_rows(MINOR, frozenset(), "/**/meta/lastUpdated", "/**/meta/versionId", "/@header/etag", "/@header/last-modified"),
    # Records that are dropped, added or doubled. A list of records is the document itself, or one of these members.
    *(Row(at, CRITICAL, _ALONE, itself=True) for at in (
        "/*", "/entry/*", "/items/*", "/results/*", "/records/*", "/data/*", "/contained/*", "/**/OBX/*", "/**/OBR/*",
        "/**/AL1/*", "/**/PID/*", "/**/RXE/*", "/entry/*/resource", "/**/Studies/*", "/**/Series/*",
        "/**/Instances/*")),
    # Whose record it is.
    *_rows(CRITICAL, frozenset(), "/id", "/entry/*/resource/id", "/resourceType", "/entry/*/resource/resourceType",
           "/**/identifier", "/**/subject", "/**/patient", "/**/patientId", "/**/patient_id", "/**/patientName",
           "/**/patient_name", "/**/mrn", "/**/birthDate", "/**/birth_date", "/**/dateOfBirth", "/**/dob", "/**/gender",
           "/**/sex", "/**/recordTarget", "/**/patientRole"),
    # Allergies, medication, results.
    *_rows(CRITICAL, frozenset(), "/**/clinicalStatus", "/**/verificationStatus", "/**/criticality", "/**/allergies",
           "/**/allergy", "/**/substance", "/**/medicationCodeableConcept", "/**/medicationReference",
           "/**/dosageInstruction", "/**/dosage", "/**/doseAndRate", "/**/doseQuantity", "/**/dose", "/**/route",
           "/status", "/entry/*/resource/status", "/**/valueQuantity", "/**/valueCodeableConcept", "/**/valueString",
           "/**/valueInteger", "/**/valueBoolean", "/**/comparator", "/**/unit", "/**/units", "/**/interpretation"),
    # The same in HL7 v2 (chapters 3, 4 and 7): whose record it is, what is ordered, given and found.
    *_rows(CRITICAL, frozenset(), "/**/PID/*/f2", "/**/PID/*/f3", "/**/PID/*/f4", "/**/PID/*/f5", "/**/PID/*/f7",
           "/**/PID/*/f8", "/**/PID/*/f29", "/**/PID/*/f30", "/**/ARV", "/**/BPO", "/**/BPX", "/**/BTX", "/**/ORC/*/f5",
           "/**/QAK/*/f2", "/**/SPM/*/f4", "/**/TXA/*/f17", "/**/TXA/*/f19", "/**/MRG", "/**/AL1", "/**/IAM",
           "/**/DG1", "/**/RXA", "/**/RXC", "/**/RXD", "/**/RXE", "/**/RXG", "/**/RXO",
           "/**/RXR", "/**/TQ1", "/**/ORC/*/f1", "/**/OBR/*/f4", "/**/OBR/*/f25", "/**/OBX/*/f2", "/**/OBX/*/f3",
           "/**/OBX/*/f5", "/**/OBX/*/f6", "/**/OBX/*/f8", "/**/OBX/*/f11", "/MSA/*/f1"),
    # In CDA (R2, the entries of its RIM classes).
    *_rows(CRITICAL, frozenset(), "/**/observation/*/value", "/**/observation/*/code",
           "/**/substanceAdministration/*/code", "/**/substanceAdministration/*/effectiveTime", "/**/rateQuantity",
           "/**/maxDoseQuantity", "/**/confidentialityCode", "/**/@moodCode", "/**/procedure/*/code", "/**/routeCode",
           "/**/interpretationCode",
           "/**/targetSiteCode", "/**/statusCode", "/**/manufacturedMaterial", "/**/manufacturedLabeledDrug",
           "/**/playingEntity"),
    # In DICOM JSON (PS3.18 annex F), and where attributes have their keywords as names.
    *_rows(CRITICAL, frozenset(), *(f"/**/{one}" for one in dicom.critical())),
    *_rows(CRITICAL, frozenset({"moved"}), *(f"/**/{one}" for one in dicom.spelled("PixelData"))),
    # Where order means something: a tapered dose, a point on a map.
    *_rows(MAJOR, frozenset({"moved"}), "/**/dosageInstruction", "/**/dosage", "/**/dosages", "/**/dose", "/**/doses",
           "/**/doseAndRate", "/**/schedule", "/**/steps", "/**/coordinates"),
    # A code without its system is another code.
    *_rows(CRITICAL, frozenset({"missing", "extra", "value", "type"}), "/**/system", "/**/@codeSystem"),
)

PLAIN: tuple[Row, ...] = (
    *(Row(at, CRITICAL, itself=True) for at in plain.ALONE), *_rows(CRITICAL, frozenset(), *plain.BELOW))
"""Places outside of FHIR's resources, whose elements have definitions of their own. Here and in DEFAULTS, outside of
FHIR, a name is the same in any style: `birth_date`, `BirthDate`, the attribute `birthDate`, a control of that name."""

_ANY_STYLE: Matcher[Row] = Matcher.start(
    (PathPattern((*PathPattern.parse(row.at), *(() if row.itself else ("**",)))), row) for row in (*DEFAULTS, *PLAIN))


@lru_cache(maxsize=4096)
def _in_any_style(kind: str, names: tuple[str, ...]) -> Severity | None:
    """What the table says of a place outside of FHIR's resources, whose names may be in another style."""
    place = _ANY_STYLE
    for name in plain.names_of(names):
        place = place.step(None if name == "*" else name)
    return next((row.severity for row in place.found if _holds(row, kind, names, said=False)), None)


def severities(rows: Iterable[Row] = ()) -> Weigh:
    """The function that says how much a difference matters, by `rows` and then by DEFAULTS."""
    own = list(rows)
    table: Matcher[tuple[bool, Row]] = Matcher.start(
        (PathPattern((*PathPattern.parse(row.at), *(() if row.itself else ("**",)))), (at < len(own), row))
        for at, row in enumerate([*own, *DEFAULTS]))

    # Places are many, and the ways to them few.
    @lru_cache(maxsize=4096)
    def first(kind: str, names: tuple[str, ...]) -> tuple[Severity | None, Severity | None]:
        """What the first of the rules, and the first row of the table, say of a kind of difference at a place."""
        place = table
        for name in names:
            place = place.step(None if name == "*" else name)
        rows = [(said, row.severity) for said, row in place.found if _holds(row, kind, names, said=said)]
        return (next((severity for said, severity in rows if said), None),
                next((severity for said, severity in rows if not said), None))

    def weigh(kind: str, names: Sequence[str], legacy: Shape, modern: Shape, meant: Meaning) -> Severity:
        ruled, listed = first("moved" if kind in (SHUFFLED, AWAY, ELSEWHERE) else kind, tuple(names))
        if ruled is not None:
            return ruled
        if kind == SHUFFLED:
            return worst_of((MAJOR, weigh("moved", names, legacy, modern, meant)))
        if kind == AWAY:
            return CRITICAL
        if kind == ELSEWHERE:  # as if it were lost here and made up there
            return worst_of((MAJOR, weigh("missing", names, legacy, ABSENT, meant),
                             weigh("extra", names, ABSENT, modern, meant)))
        if kind == "value" and same_moment(meant.old, meant.new):
            return MINOR
        found = fhir.severity(kind, meant) or listed
        if found is None and not meant.type and names and names[0][:1] != "@":
            found = _in_any_style(kind, tuple(names))
            if found is None and kind != "moved" and plain.is_measured(names, meant):
                found = CRITICAL
        if found is None and kind in _ALONE and any(
                dicom.is_record(one) or (not meant.type and names[-1] == "*" and plain.is_record(one))
                for one in (meant.old, meant.new)):
            return CRITICAL
        if found is not None:
            # One number in two spellings is never as bad as two numbers.
            return MAJOR if kind == "precision" and found is CRITICAL else found
        if kind == "status":
            return _of_status(int(legacy.type), int(modern.type))
        if kind == "body" and ABSENT in (legacy, modern):
            return CRITICAL
        if kind == "syntax" and "invalid" not in (legacy.type, modern.type):
            return MINOR  # both can be read
        if kind == "moved":
            # A list of numbers, or of lists, is a point, a curve or a table: its order is what it says.
            return MAJOR if legacy.type in ("integer", "decimal", "array") else MINOR
        return MINOR if kind == "precision" else MAJOR

    return weigh


def _holds(row: Row, kind: str, names: Sequence[str], *, said: bool) -> bool:
    """Whether a row, which a rule `said` or which is the table's, is about a kind of difference at a place that its
    pattern covers."""
    if row.itself and row.at.endswith("*") and names[-1] != "*":
        return False
    return kind in row.kinds if row.kinds else said or kind != "moved"


def criticals(pattern: PathPattern) -> list[str]:
    """The critical places of the table that a pattern covers, and the critical pairs of statuses that it covers."""
    within: Matcher[bool] = Matcher.start([(pattern, True)])
    if pattern[:1] == ("@status",):
        return [f"/@status/{pair}" for pair in (*pattern[1:2], *_STATUSES) if _PAIR.fullmatch(pair)
                and within.step("@status").step(pair).found and _of_status(*map(int, pair.split("-"))) is CRITICAL]
    found = []
    for row in (*DEFAULTS, *PLAIN):
        place = within
        for token in PathPattern.parse(row.at):
            # A wildcard of the table is followed as a name that occurs in no pattern.
            place = place.step(None if token in ("*", "**") else token)
        if row.severity is CRITICAL and place.found:
            found.append(row.at)
    return [*found, *fhir.within(within)]


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
