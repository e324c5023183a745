"""All cases, in the order of the situations."""

from tests.evidence.situations import (
    coverage,
    criticals,
    first_answers,
    groups,
    latency,
    left_out,
    long_past,
    noise,
    restarts,
    subjects,
    together,
    words,
    workers,
)

CASES = [case for part in (first_answers, left_out, long_past, restarts, subjects, criticals, coverage, latency, groups,
                           noise, workers, words, together) for case in part.CASES]
