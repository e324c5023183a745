"""Names outside of FHIR's resources, in JSON, XML and HTML of any style: which places are critical, what was measured,
and what is a record. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache

from adapters.document import Tree
from adapters.trees.order import TEXT
from shadow.compare.meaning import Meaning

ALONE = tuple(f"/**/status{inside}" for inside in ("", "/*", "/code", "/value", "/*/value", "/*/#text"))
"""Places that are critical by themselves: what is below a name such as this may be anything that is kept by status."""

BELOW = (
    "/**/medication", "/**/medications", "/**/drug", "/**/drugs", "/**/ndc", "/**/rxnorm", "/**/strength",
    "/**/frequency", "/**/doses", "/**/allergen", "/**/allergens", "/**/reaction", "/**/reactions", "/**/diagnosis",
    "/**/diagnoses", "/**/loinc", "/**/snomed", "/**/abnormalFlag", "/**/bloodType", "/**/bloodGroup", "/**/laterality",
    "/**/nhsNumber", "/**/ssn",
)
"""Places that are critical, with all that is below them."""

# What was measured, how much it was, and within which bounds, in an object that says in which unit.
_MEASURED = frozenset({
    "value", "values", "result", "quantity", "qty", "amount", "number", "measurement", "reading", "level", "low",
    "high", "lower", "upper", "min", "max", "rate", "volume", "resultValue", "observationValue", "observedValue",
    "numericValue", "numericResult", "code", "testCode", "test", "testName", "name", "analyte", "abnormal", "flag",
    "flags"})
_UNITS = tuple(sign + name for words in ("unit", "units", "uom", "unit code", "unit of measure", "units of measure")
               for name in sorted({
                   glue.join(style(word) for word in words.split()) for glue in ("", "_", "-")
                   for style in (str.lower, str.upper, str.capitalize)} | {
                   words.split()[0] + "".join(map(str.capitalize, words.split()[1:]))})
               for sign in ("", "@"))
_IDENTIFIERS = frozenset(
    sign + name for name in ("id", "ID", "Id", "uuid", "UUID", "identifier", "Identifier", "mrn", "MRN", "Mrn",
                             "patientId", "PatientId", "PatientID", "patient_id") for sign in ("", "@"))
# They hold all that there is of a person, as lists of records do, and not only who it is.
_WRAPPERS = frozenset({"patient", "subject"})
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_CONTROL = re.compile(r"[a-z]+\[@name='([^']*)'\]")


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """A name in the style of DEFAULTS: `birthDate` for `birth_date`, `BirthDate` and `@birthDate`."""
    if name[:1] == "#":
        return name
    control = _CONTROL.fullmatch(name)
    first, *rest = _PIECE.findall(control[1] if control is not None else name) or [name]
    return "".join((first.lower(), *(piece.capitalize() for piece in rest)))


def names_of(names: Sequence[str]) -> tuple[str, ...]:
    """The way to a place in the style of DEFAULTS. A wrapper keeps its name, unless it is what stands there."""
    last = max((at for at, name in enumerate(names) if name not in ("*", TEXT)), default=0)
    return tuple(plain if (plain := _plain(name)) not in _WRAPPERS or at == last else name
                 for at, name in enumerate(names))


def is_record(value: Tree) -> bool:
    """Whether this is a record of anything: it has an identifier of its own."""
    return isinstance(value, dict) and not _IDENTIFIERS.isdisjoint(value)


def is_measured(names: Sequence[str], meant: Meaning) -> bool:
    """Whether a place holds what was measured: beside its unit, or the text of an element with one."""
    is_text = names[-1] == TEXT
    *_, name = "", *(one for one in names if one not in ("*", TEXT))
    units = [isinstance(one, dict) and any(unit in one for unit in _UNITS)
             for one in meant.way[-2 if is_text else -1:]]
    return any(units) and (_plain(name) in _MEASURED or (is_text and units[-1]))
