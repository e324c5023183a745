"""The main cause of NOT SAFE, and what to mend: from the kinds of differences that were found. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shadow.compare.dicom import named
from shadow.compare.difference import Severity
from shadow.evidence.criteria import Answer, State
from shadow.report.causes import Cause
from shadow.report.evidence import EvidenceReport
from shadow.report.wording import mend

_OF_DIFFERENCES = frozenset({"mismatches", "first answers", "criticals", "strata", "groups"})


def advised(found: EvidenceReport, causes: Sequence[Cause], errors: Mapping[str, int]) -> EvidenceReport:
    """A verdict of NOT SAFE with the cause that a person can mend: the kind of difference that explains most, or the
    failure that modern most often has. `errors` counts modern's failures by reason. Other verdicts stay as they are."""
    if found.answer is not Answer.NOT_SAFE:
        return found
    failed = [gate.name for gate in found.gates if gate.state is State.FAIL]
    what = ""
    if "criticals" in failed:
        what = next((described(one) for one in causes if one.severity is Severity.CRITICAL), "")
    if not what and "candidate errors" in failed and errors:
        what = f"modern's failures ({max(errors, key=lambda one: (errors[one], one))})"
    if not what and causes and not _OF_DIFFERENCES.isdisjoint(failed):
        what = described(causes[0])
    if not what:
        return found
    return replace(found, cause=f"{what}: {found.cause}", action=mend(what, found.anew, found.per_hour))


def described(one: Cause) -> str:
    """A cause in a few words: "404→200 in `read`", "value at `/name` in `read`"."""
    where = f"in `{'`, `'.join(one.operations[:2])}`" + (" …" if len(one.operations) > 2 else "")
    if one.kind == "status":
        legacy, modern = one.shapes[0]
        return f"{legacy}→{modern} {where}"
    return f"{one.kind} at `{named(one.path)}` {where}"
