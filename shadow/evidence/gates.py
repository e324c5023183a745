"""The gates on rates: wrong answers, failures, critical differences, strata, exclusions, and what was declared. Pure.

Each takes counts and gives a Gate. FAIL is asked before PASS: an old clean history may still show a low rate on the
whole when modern has been wrong since an hour ago.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shadow.evidence.criteria import Criteria, Gate, State, percent
from shadow.evidence.eprocess import Since, against, most_in, needed, spent, weight, weight_against
from shadow.evidence.numbers import Hid, Numbers, Past, Seen, Used, course
from shadow.evidence.stratum import STRATA, Stratum
from shadow.words import noun

_NEVER = 1e-9
"""Stands for a share of 0, since 0 has no logarithm."""

SETTLED = "no lag is declared"
"""The end of what the gate on critical differences says of one that settled."""

_LISTED = 5
"""Known differences that a gate lists with their shares, those first that are most certainly above their limit."""


def rate(
    name: str, verbs: tuple[str, str], bad: int, n: int, starts: Sequence[Since], criteria: Criteria, seen: Seen,
) -> Gate:
    """Whether `bad` of `n` effective exchanges show a rate below the limit. It fails if they show one above it, from
    any of the `starts` on. It passes only if that holds however what waits will turn out. `verbs` say
    what is bad: of one exchange, and of several."""
    held = f"{percent(criteria.limit)} at {percent(criteria.confidence)} confidence"
    if against(starts, criteria.limit, wanted := -math.log(1 - criteria.confidence)) >= wanted:
        worst = strongest(starts, criteria.limit)
        return Gate(name, State.FAIL, worst.bad / worst.n, criteria.limit, 0,
                    f"{counted(worst)} {noun(worst.n, *verbs)}: above {held}")
    found = f"{bad:,} of {n:,} effective {noun(n, 'exchange')} {noun(n, *verbs)}"
    if doubt := seen.waiting.exchanges:
        found += f", and {doubt:,} more that may be wrong {noun(doubt, 'waits', 'wait')} for an outcome"
    bad, n = bad + doubt, n + doubt
    value = bad / n if n else None
    alpha = spent(criteria.confidence, seen.attempt)
    if weight(bad, n, criteria.limit) >= -math.log(alpha):
        late = [Since(one.number, one.bad + doubt, one.n + doubt) for one in starts] if doubt else ()
        if against(late, criteria.limit, wanted) >= wanted:
            return Gate(name, State.MISSING, value, criteria.limit, 0, found)
        return Gate(name, State.PASS, value, criteria.limit, 0, f"{found}: below {held}")
    more = needed(bad, criteria.limit, alpha) - n
    return Gate(name, State.MISSING, value, criteria.limit, more, found,
                f"≈ {more:,} more without one show a rate below {held}")


def of_clients(gate: Gate, clients: Past | None, limit: float) -> Gate:
    """The gate on all that clients would have had, which does not pass while what clients asked by themselves was wrong
    more often than it may be: however much is swept beside it, they meet that."""
    if clients is None or gate.state is not State.PASS:
        return gate
    _, bad, n = clients.all_bad
    if bad <= limit * n:
        return gate
    return replace(gate, state=State.MISSING, value=bad / n,
                   says=f"{gate.says}; but of those that clients asked, {bad:,} of {n:,} {noun(n, 'was', 'were')}")


def strongest(starts: Sequence[Since], limit: float) -> Since:
    """The start from which on most speaks against modern."""
    return max((one for one in starts if one.n), key=lambda one: most_in((one,), limit))


def counted(one: Since) -> str:
    """The exchanges since a start in words: "3 of 12 effective exchanges"."""
    latest = "the latest " if one.number > 1 else ""
    return f"{one.bad:,} of {latest}{one.n:,} effective {noun(one.n, 'exchange')}"


def critical(total: Numbers, most: int, criteria: Criteria, seen: Seen) -> Gate:
    """A critical difference fails the gate once it is reproduced: if both arms were asked again and it was there again,
    or if a second exchange of its stratum has one too, since not everything may be asked again. A single one leaves the
    gate open, and so does one that settled, until its lag is declared. Contradictions about who is who fail the gate by
    themselves. That none was seen proves little by itself: the rate that it shows must be below what the step may
    expose."""
    found, limit = total.critical, criteria.critical_rate
    if seen.conflicts:
        says = f"exchanges contradicted each other {seen.conflicts:,} {noun(seen.conflicts, 'time')} about who is who"
        says += f"; {found:,} had a critical difference" if found else ""
        return Gate("criticals", State.FAIL, float(found + seen.conflicts), 0.0, 0, says)
    if found:
        says = f"{found:,} {noun(found, 'exchange')} with a critical difference, reproduced in {total.reproduced:,}"
        if total.reproduced or most > 1:
            return Gate("criticals", State.FAIL, float(found), 0.0, 0, f"{says} of them")
        return Gate("criticals", State.MISSING, float(found), 0.0, 0,
                    f"{says} of them, and seen once in its kind of exchange")
    if total.unsettled:
        says = (f"{total.unsettled:,} {noun(total.unsettled, 'exchange')} had a critical difference on first answer "
                f"and none when asked again: a client would have had it, and {SETTLED}")
        return Gate("criticals", State.MISSING, float(total.unsettled), 0.0, 0, says)
    if doubt := seen.waiting.critical:
        says = f"{doubt:,} {noun(doubt, 'exchange')} with a critical difference {noun(doubt, 'waits', 'wait')}"
        return Gate("criticals", State.MISSING, 0.0, 0.0, 0, f"{says} for an outcome")
    alpha = spent(criteria.confidence, seen.attempt)
    below = none_below(total.read, alpha)
    sure = f"at {percent(criteria.confidence)} confidence"
    says = "no exchange with a critical difference" if total.read else "nothing compared"
    says += f", so their rate is below {percent(below)} {sure}" if below is not None else ""
    if weight(0, total.read, limit) >= -math.log(alpha):
        return Gate("criticals", State.PASS, 0.0, 0.0, 0, says)
    more = needed(0, limit, alpha) - total.read
    return Gate("criticals", State.MISSING, 0.0, 0.0, more, says,
                f"≈ {more:,} more without one show a rate below {percent(limit)}, as a step to "
                f"{'all' if criteria.share == 1 else percent(criteria.share) + ' of'} clients needs")


def none_below(n: int, alpha: float) -> float | None:
    """The rate that `n` exchanges without a critical one are below, a little too high rather than too low; None if they
    show nothing."""
    # What is needed is all but exactly inverse to the rate.
    rate = needed(0, 1e-4, alpha) * 1e-4 / n if n else 1.0
    return rate if rate < 1 else None


def strata_gate(criteria: Criteria, strata: Mapping[Stratum, Numbers], seen: Seen) -> Gate:
    """No stratum may be above the limit by itself: a rare stratum that always differs would not show in the total."""
    # All strata together may be wrong with a probability of alpha, however many there are in the end.
    wanted = math.log(STRATA / (1 - criteria.confidence))
    # Strata without an effective exchange show nothing. If there are no others, the gate lacks evidence.
    starts = {one: [past.all_bad for past in course(numbers, seen.courses.get(one, ()))]
              for one, numbers in strata.items() if numbers.asked}
    most = {one: most_in(since, criteria.limit) for one, since in starts.items()}
    ranked = sorted(starts, key=lambda one: (most[one], one), reverse=True)
    if not ranked:
        return Gate("strata", State.MISSING, None, criteria.limit, 0, "nothing compared")
    failed = next((one for one in ranked if most[one] >= wanted
                   and against(starts[one], criteria.limit, wanted) >= wanted), None)
    if failed is not None:
        worst = strongest(starts[failed], criteria.limit)
        return Gate("strata", State.FAIL, worst.bad / worst.n, criteria.limit, 0,
                    f"above {percent(criteria.limit)} in {failed}: {counted(worst)} {noun(worst.n, 'is', 'are')} bad")
    first = ranked[0]
    _, bad, n = strongest(starts[first], criteria.limit)
    few = f"; {bad:,} of {n:,} in {first} are too few to show it" if bad > criteria.limit * n else ""
    return Gate("strata", State.PASS, bad / n, criteria.limit, 0,
                f"none of {len(strata):,} is shown to be above {percent(criteria.limit)}{few}")


def excluded_gate(criteria: Criteria, strata: Mapping[Stratum, Numbers], seen: Seen, eligible: int, left: int) -> Gate:
    """The share left out must be within its limit, in total and in each stratum by itself: a rare stratum that is never
    compared would not show in the total."""
    share = left / eligible if eligible else None
    enough = share is not None and share <= criteria.excluded
    says = (f"{left:,} of {eligible:,} eligible {noun(eligible, 'exchange was', 'exchanges were')} left out "
            "before modern had answered")
    says += f"; at most {percent(criteria.excluded)} may be"
    if enough and 0 < criteria.excluded < 1:
        wanted = math.log(STRATA / (1 - criteria.confidence))
        counts = {one: (numbers.nothing, numbers.all) for one, numbers in strata.items()} | dict(seen.left_out)
        strong = {one: weight_against(*pair, criteria.excluded) for one, pair in counts.items()
                  if pair[0] > criteria.excluded * pair[1]}
        worst = max(strong, key=lambda one: (strong[one], one), default=None)
        if worst is not None and strong[worst] >= wanted:
            enough = False
            says += f", in each stratum too: in {worst} it is {counts[worst][0]:,} of {counts[worst][1]:,}"
    return Gate("excluded", State.PASS if enough else State.MISSING, share, criteria.excluded, 0, says)


def known_gate(criteria: Criteria, hid: Sequence[Hid]) -> Gate:
    """No known difference may hide something in more exchanges than it was declared for. Every exchange counts here,
    effective or not, since that is how the share was declared."""
    declared = dict(criteria.known)
    seen = {one: _beyond(one.exchanges, one.compared, declared[one.known])
            for one in hid if one.known in declared and one.compared}
    if not seen:
        return Gate("known differences", State.PASS, None, 1.0, 0, f"none of {len(declared):,} hid anything")
    # All known differences together may be wrong with a probability of alpha.
    wanted = math.log(len(seen) / (1 - criteria.confidence))
    worst, *_ = ranked = sorted(seen, key=lambda one: (-seen[one], -one.exchanges / one.compared, one))
    over = seen[worst] >= wanted
    listed = [f"{one.known} in {percent(one.exchanges / one.compared)} of {one.compared:,} compared exchanges of "
              f"{one.operation} (declared: {percent(declared[one.known])})" for one in ranked[:_LISTED]]
    if len(ranked) > _LISTED:
        listed.append(f"{len(ranked) - _LISTED:,} more")
    says = "above what was declared" if over else "none is shown to be above what was declared"
    return Gate("known differences", State.FAIL if over else State.PASS, worst.exchanges / worst.compared,
                declared[worst.known], 0, f"{says}: {', '.join(listed)}")


def signed_gate(criteria: Criteria, used: Sequence[Used]) -> Gate:
    """No lag that was declared, and no reason that was accepted, may be in more exchanges than it was signed for."""
    against_each = {one: _beyond(one.exchanges, one.asked, one.max_rate) for one in used if one.asked}
    if not against_each:
        return Gate("signed", State.PASS, None, 1.0, 0, "nothing of what was signed was seen")
    worst, *_ = ranked = sorted(against_each, key=lambda one: (-against_each[one], one))
    over = against_each[worst] >= math.log(len(used) / (1 - criteria.confidence))
    says = "above what was signed" if over else "none is shown to be above what was signed"
    listed = ", ".join(f"{one.says} in {percent(one.exchanges / one.asked)} of {one.asked:,} (up to "
                       f"{percent(one.max_rate)})" for one in ranked)
    return Gate("signed", State.FAIL if over else State.PASS, worst.exchanges / worst.asked, worst.max_rate, 0,
                f"{says}: {listed}")


def _beyond(exchanges: int, n: int, declared: float) -> float:
    """How strongly something shows a share above the declared one: as `weight_against`."""
    return -math.inf if declared >= 1 else weight_against(exchanges, n, max(declared, _NEVER))
