"""How unlikely a count is: the distributions that counts of calls, and parts of them, follow."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

#: Less scatter than this part of the expectation beyond chance is none.
NO_SCATTER = 1e-9
#: The sum of the two parameters of the beta distribution: nearly no scatter, and the most.
MOST_WEIGHT, LEAST_WEIGHT = 1e6, 1.0


def lower_tail(observed: int, expected: float, variance: float) -> float:
    """Return the probability of so few or fewer: negative binomial, Poisson without extra scatter.

    Exact, because silence of a quiet counter is a matter of very small counts.
    """
    extra = variance - expected
    size = expected * expected / extra if extra > NO_SCATTER * expected else 0.0
    ratio = expected / (size + expected) if size else 0.0
    term = exp(size * log(size / (size + expected)) if size else -expected)
    total = term
    for count in range(observed):
        term *= ((count + size) * ratio if size else expected) / (count + 1)
        total += term
    return min(total, 1.0)


def log_likelihood(observed: int, expected: float, variance: float) -> float:
    """Return the logarithm of the probability of this count, by the same distribution."""
    extra = variance - expected
    if extra <= NO_SCATTER * expected:
        return observed * log(expected) - expected - lgamma(observed + 1)
    size = expected * expected / extra
    ways = lgamma(observed + size) - lgamma(size) - lgamma(observed + 1)
    return ways - size * log1p(expected / size) - observed * log1p(size / expected)


def upper_tail(observed: int, whole: int, expected: float, variance: float) -> float:
    """Return the probability of so many of the whole or more: beta-binomial.

    Without scatter beyond that of the binomial distribution it is nearly this one.
    """
    share = expected / whole
    scatter = variance / (expected * (1 - share)) - 1
    weight = MOST_WEIGHT
    if scatter > (whole - 1) / MOST_WEIGHT:
        weight = max((whole - 1) / scatter - 1, LEAST_WEIGHT)
    good, bad = weight * share, weight * (1 - share)
    term = exp(
        _choices(observed, whole)
        + (lgamma(observed + good) - lgamma(good))
        + (lgamma(whole - observed + bad) - lgamma(bad))
        - (lgamma(whole + weight) - lgamma(weight))
    )
    total = term
    for count in range(observed, whole):
        term *= (whole - count) / (count + 1) * (count + good) / (whole - count - 1 + bad)
        total += term
    return min(total, 1.0)


def _choices(observed: int, whole: int) -> float:
    return lgamma(whole + 1) - lgamma(observed + 1) - lgamma(whole - observed + 1)
