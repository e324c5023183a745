"""The report as HTML: a page for one capability, to decide by, and a page that lists all. Only this file uses Jinja2.

A page is one file and fetches nothing: no script, no image, no font. Every number on it is a field of the Report; only
where to draw it is worked out here. Long paths are cut, and long tables have fewer columns, so that a page stays under
200 KB; JSON and CSV have everything.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shadow.compare.comparison import Outcome
from shadow.compare.dicom import named
from shadow.evidence.noise import DRIFTS
from shadow.renderers.phrases import (
    RESTARTS,
    begun_anew,
    bounded,
    likelihood,
    milliseconds,
    outstanding,
    overflowed,
    rate,
    reproduced,
    standing,
    tried,
    unversioned,
)
from shadow.report.report import CapabilityReport, Report
from shadow.report.status import status
from shadow.report.wording import told
from shadow.words import moment, noun

FULL = 50
"""Differences that are shown with all their fields; the others with path and count. Also the strata that are shown."""

LINES = 10
"""The most lines shown of each of these lists: missing evidence, epochs, noisy paths."""

EXAMPLES = 6
"""Patterns that are shown with an example."""

_LONGEST = 120
_BUCKET = 2 ** 0.25  # shadow.latency's buckets: four to a doubling


@dataclass(frozen=True, slots=True)
class Part:
    """One outcome in the bar, which is 1000 wide: it starts at `x` and is `width` wide."""

    outcome: str
    count: int
    reasons: dict[str, int]
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Plot:
    """The drawing of one arm's latencies, 100 high: the outline of the histogram, and (label, x) of the quantiles."""

    name: str
    outline: str
    marks: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Plots above each other on one logarithmic scale, 1000 wide. `ticks` are (label, x)."""

    plots: tuple[Plot, ...]
    ticks: tuple[tuple[str, float], ...]


def page(one: CapabilityReport, unfinished: int | None = None) -> str:
    """One capability's report as an HTML page; `unfinished` is the `Report`'s."""
    return _environment().get_template("report.html.j2").render(
        one=one, policy=policy(), parts=_parts(one), latency=_latency(one), paired=_gaps(one), full=FULL, lines=LINES,
        restarts=RESTARTS,
        examples=EXAMPLES, drifts=DRIFTS, outstanding=outstanding(unfinished), overflowed=overflowed(one),
    )


def index(report: Report, link: str, ending: str = "") -> str:
    """All capabilities as an HTML page, the worst first. It links to the page of each: `link`, the capability's name,
    `ending`."""
    lines = {line.capability: line for line in status(report)}
    places = list(lines)
    # The default route, which is no capability, has a page too, and no line of the status: it comes last.
    entries = [(one, lines.get(one.capability)) for one in sorted(report.capabilities, key=lambda one: (
        places.index(one.capability) if one.capability in lines else len(places)))]
    return _environment().get_template("index.html.j2").render(
        entries=entries, policy=policy(), link=link, ending=ending)


@cache
def policy() -> str:
    """The Content-Security-Policy of the pages: their own style, and nothing else from anywhere."""
    style = _environment().get_template("style.css.j2").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("shadow.renderers", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "ms": milliseconds, "likelihood": likelihood, "moment": moment, "clip": _clip, "steps": _steps,
        "words": _words, "spark": _spark,
        "number": "{:,}".format, "share": _share, "reproduced": reproduced, "unversioned": unversioned, "noun": noun,
        "begun_anew": begun_anew, "rate": rate,
        "told": told, "standing": standing, "bounded": bounded, "tried": tried,
        "capitalised": lambda text: text[:1].upper() + text[1:],
    }
    return found


def _share(part: float) -> str:
    """A share for people. One that is nearly nothing, or nearly all, must not look like 0% or 100%."""
    if 0 < part < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= part < 1 else f"{part:.1%}"


def _clip(text: str, longest: int = _LONGEST) -> str:
    """The head and the tail of a text that is too long. The tail of a path says more, so more of it is kept."""
    return text if len(text) <= longest else f"{text[:longest // 3]} … {text[-2 * longest // 3:]}"


def _steps(path: str) -> Markup:
    """A path that a browser may break before each of its steps."""
    return Markup("<wbr>/").join(named(path).split("/"))


def _words(text: str) -> Markup:
    """A sentence, with everything in backticks as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if place % 2 else part
                         for place, part in enumerate(parts))


def _spark(hours: Sequence[int]) -> str:
    """The points of a line through the hours, for an SVG of 100 by 20."""
    most = max(hours, default=0) or 1
    step = 100 / max(1, len(hours) - 1)
    return " ".join(f"{place * step:.4g},{20 - 19 * count / most:.3g}" for place, count in enumerate(hours))


def _parts(one: CapabilityReport) -> list[Part]:
    counts: list[tuple[Outcome, int, dict[str, int]]] = [
        (Outcome.MATCH, one.matching, {}), (Outcome.MATCH_NORMALISED, one.normalised, {}),
        (Outcome.KNOWN_DIFFERENCE, one.known, {}), (Outcome.MISMATCH, one.mismatching, {}),
        (Outcome.UNSTABLE, one.unstable, {}), (Outcome.TRANSIENT, one.transient, {}),
    ]
    counts += [(outcome, sum(reasons.values()), reasons) for outcome, reasons in (
        (Outcome.CANDIDATE_ERROR, one.candidate_errors), (Outcome.NOT_COMPARABLE, one.not_comparable),
        (Outcome.SHED, one.shed), (Outcome.SKIPPED, one.skipped),
    )]
    parts: list[Part] = []
    x = 0.0
    for outcome, count, reasons in counts:
        width = 1000 * count / one.eligible if one.eligible else 0.0
        parts.append(Part(outcome, count, reasons, round(x, 2), round(width, 2)))
        x += width
    return parts


def _latency(one: CapabilityReport) -> Chart | None:
    """The latencies of both arms. None if neither arm was called."""
    arms = [(name, arm) for name, arm in (("legacy", one.legacy), ("modern", one.modern)) if arm.spread]
    if not arms:
        return None
    low = min(arm.spread[0][0] for _, arm in arms) / _BUCKET
    high = max(arm.spread[-1][0] for _, arm in arms)
    highest = max(count / arm.calls for _, arm in arms for _, count in arm.spread)

    def x(seconds: float) -> float:
        return 1000 * math.log(seconds / low) / math.log(high / low)

    return Chart(
        tuple(_plot(name, arm.spread, arm.calls * highest, x, p50=arm.p50, p99=arm.p99) for name, arm in arms),
        tuple((milliseconds(at), x(at)) for at in _ticks(low, high)),
    )


def _gaps(one: CapabilityReport) -> Chart | None:
    """Modern's time minus legacy's, with 0 in the middle and a logarithmic scale to each side. None if no pair was
    timed."""
    gaps = one.paired
    if gaps is None:
        return None
    sizes = [abs(bound) for bound, _ in gaps.spread]
    low, high = min(sizes) / _BUCKET, max(sizes)

    def x(seconds: float) -> float:
        return 500 + math.copysign(500 * max(0.0, math.log(abs(seconds) / low)) / math.log(high / low), seconds)

    ticks = [(milliseconds(sign * at), x(sign * at)) for at in _ticks(low, high, (1,)) for sign in (-1, 1)]
    return Chart(
        (_plot("modern", gaps.spread, max(count for _, count in gaps.spread), x, p50=gaps.p50, p99=gaps.p99),),
        (("0", 500.0), *(tick for tick in ticks if abs(tick[1] - 500) > 60)),
    )


def _plot(
    name: str, spread: Sequence[tuple[float, int]], highest: float, x: Callable[[float], float],
    **quantiles: float | None,
) -> Plot:
    outline = "".join(f"M{x(bound / _BUCKET):.1f},100V{100 - 95 * count / highest:.1f}H{x(bound):.1f}V100Z"
                      for bound, count in spread)
    return Plot(name, outline, tuple((label, x(value)) for label, value in quantiles.items() if value is not None))


def _ticks(low: float, high: float, steps: Sequence[int] = (1, 2, 5)) -> list[float]:
    """Round numbers on a logarithmic scale, not too many of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    chosen = steps if high / low < 1000 else (1,)
    return [at for power in powers for step in chosen if low <= (at := step * 10.0 ** power) <= high]
