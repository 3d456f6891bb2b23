"""How unlikely a count is: tails of the distributions that counts of calls follow."""

from __future__ import annotations

from math import cbrt, exp, log, sqrt

#: A count is between whole numbers: the continuity correction.
HALF = 0.5


def lower_tail(observed: int, expected: float, variance: float) -> float:
    """Return the probability of so few or fewer: negative binomial, Poisson without extra scatter.

    Exact, because silence of a quiet counter is a matter of very small counts.
    """
    extra = variance - expected
    size = expected * expected / extra if extra > 1e-9 * expected else 0.0
    ratio = expected / (size + expected) if size else 0.0
    term = exp(size * log(size / (size + expected)) if size else -expected)
    total = term
    for count in range(observed):
        term *= ((count + size) * ratio if size else expected) / (count + 1)
        total += term
    return min(total, 1.0)


def upper_score(observed: float, expected: float, variance: float) -> float:
    """Return how far above the expectation the count is, in standard deviations of a normal one.

    By the cube root of Wilson and Hilferty: unlike (observed - expected) / sqrt(variance) it is
    right for small counts, which are skewed.
    """
    shape = expected * expected / variance
    count = max(observed - HALF, 0.0)
    return 3 * sqrt(shape) * (cbrt(count / expected) - 1 + 1 / (9 * shape))
