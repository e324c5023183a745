"""The names of cookies that one arm of a capability sets and the other would now receive, as far as the evidence shows.
Those that are an arm's own are not among them.

A mirror compares which cookies both arms set. Where that differs, the store has the names that are commonly used, and
for each other one only the length of its name. It keeps nothing where both arms set the same names.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.capability import Arm, Capability
from shadow.ledger.rows import Finding

_FIELD = "set-cookie"
_OTHER = "other cookie("
# The end of a list that was too long.
_MORE = re.compile(r"[0-9]+ more")


@dataclass(slots=True)
class SetCookies:
    """The cookies of one capability that only one arm sets, by arm: names, and how many there are without a name."""

    names: dict[str, set[str]] = field(default_factory=lambda: {"legacy": set(), "modern": set()})
    others: dict[str, int] = field(default_factory=lambda: {"legacy": 0, "modern": 0})


def set_cookies(findings: Iterable[Finding], capabilities: Mapping[str, Capability]) -> dict[str, SetCookies]:
    """What findings say of the cookies of each capability."""
    found: dict[str, SetCookies] = {}
    for one in findings:
        difference = one.exemplar
        if one.capability not in capabilities or (difference.kind, difference.path) != ("header", _FIELD):
            continue
        legacy, modern = (Counter(_cookies(shape.type)) for shape in (difference.legacy, difference.modern))
        cookies = found.setdefault(one.capability, SetCookies())
        for arm, only in (("legacy", legacy - modern), ("modern", modern - legacy)):
            by = capabilities[one.capability].legacy if arm == "legacy" else capabilities[one.capability].modern
            unnamed = 0 if _keeps_all(by) else sum(
                count for name, count in only.items() if name.startswith(_OTHER))
            cookies.names[arm].update(
                name for name in only if not name.startswith(_OTHER) and not _keeps(by, name))
            cookies.others[arm] = max(cookies.others[arm], unnamed)
    return found


def _keeps(arm: Arm | None, name: str) -> bool:
    """Whether a cookie is an arm's own, so that the other one never gets it."""
    return arm is not None and arm.shown_cookie(name) != name


def _keeps_all(arm: Arm | None) -> bool:
    return arm is not None and "*" in arm.own_cookies


def _cookies(shown: str) -> Iterator[str]:
    """The names in what is kept of a Set-Cookie."""
    if shown == "absent":
        return
    for cookie in shown.split(", "):
        name = cookie.partition(";")[0]
        if not _MORE.fullmatch(name):
            yield name
