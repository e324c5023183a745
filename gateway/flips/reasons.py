"""What is kept of a reason that a person types: it is stored for ever, so what could point to a patient is taken out.

Each pattern replaces what it finds by its name in brackets. Names of people cannot be found this way: the help says
that they do not belong into a reason.
"""

import re

LONGEST = 500
"""The most characters of a reason."""

_PATTERNS = (
    ("e-mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("secret", r"(?i:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}|eyJ[\w-]+\.[\w-]+\.[\w-]*"),
    ("born", r"(?i:\b(?:dob|born|birth ?date|date of birth)\b)\W{0,3}[\d./-]{6,10}"),
    ("record number", r"(?i:\b(?:mrn|patient(?: ?id)?|pid|nhs(?: ?no)?|ssn|insurance(?: ?no)?)\b)\W{0,3}"
                      r"(?:no\.?\s*)?\d[\d -]{2,}\d"),
    ("number", r"(?<![\w-])(?:\d{3}-\d{2}-\d{4}|\d{3}[ -]\d{3}[ -]\d{4}|\+\d[\d ()-]{7,}\d|\d{7,})(?![\w-])"),
)
_FINDERS = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in _PATTERNS)


def kept(reason: str) -> str:
    """A reason as it is stored: one line of printable characters, without what the patterns find."""
    text = " ".join("".join(one if one.isprintable() else " " for one in reason).split())
    for name, finder in _FINDERS:
        text = finder.sub(f"[{name}]", text)
    return text
