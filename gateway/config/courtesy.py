"""The schema of `deprecation` and of `server.insight`, and what they are compiled to: Courtesy and Insight."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from ipaddress import ip_network

from pydantic import Field

from gateway.config.kinds import Moment, Reference
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from gateway.config.strict import Strict
from gateway.courtesy import Courtesy, Insight


class Deprecation(Strict):
    """What clients are told of a capability that will go away (RFC 9745, RFC 8594)."""

    since: Moment = Field(description="when it became deprecated, or will")
    sunset: Moment | None = Field(default=None, description="when it is expected to end")
    link: Reference | None = Field(default=None, description="where to read about the deprecation")
    sunset_link: Reference | None = Field(default=None, description="where to read about its end")


def insight(written: Sequence[str]) -> Insight | None:
    """Who may see which arm answered; None if nobody may."""
    if not written:
        return None
    by_kind: dict[str, list[str]] = {"address": [], "principal": [], "claim": []}
    for one in written:
        kind, _, rest = one.partition(":")
        by_kind[kind].append(rest)
    return Insight(tuple(map(ip_network, by_kind["address"])),
                   frozenset(_halves(by_kind["principal"], ":")), tuple(_halves(by_kind["claim"], "=")))


def _halves(texts: Sequence[str], sign: str) -> Iterator[tuple[str, str]]:
    for text in texts:
        first, _, second = text.partition(sign)
        yield first, second


def warn_of_insight(written: Sequence[str], node: Node, findings: Findings, *, verified: bool) -> None:
    """Warn of entries that permit everybody, or nobody: `verified` says whether any policy verifies callers."""
    for number, one in enumerate(written):
        place = node.find(number).place
        if one.startswith("address:") and not ip_network(one.removeprefix("address:")).prefixlen:
            findings.warn(place, "every client may see which arm answered", "everybody")
        elif not one.startswith("address:") and not verified:
            findings.warn(place, "there are no verified callers without a policy", "unused")


def courtesy(
    written: Deprecation | None, seen: Insight | None, node: Node, findings: Findings,
) -> Courtesy | None:
    """What is said of a capability, whose map is `node`; None if nothing is."""
    if written is None:
        return Courtesy(insight=seen) if seen is not None else None
    if written.sunset is not None and written.sunset < written.since:
        findings.problem(node.find("deprecation", "sunset").place,
                         "this is before `since`: clients take such an answer for wrong (RFC 9745 section 4)",
                         "bad_value")
    once = [(b"Deprecation", b"@%d" % written.since)]
    if written.sunset is not None:
        at = datetime.fromtimestamp(written.sunset, UTC)
        once.append((b"Sunset", format_datetime(at, usegmt=True).encode()))
    named = (("deprecation", written.link), ("sunset", written.sunset_link))
    links = [(relation, (b"Link", f'<{target}>; rel="{relation}"'.encode()))
             for relation, target in named if target is not None]
    return Courtesy(tuple(once), tuple(links), seen)
