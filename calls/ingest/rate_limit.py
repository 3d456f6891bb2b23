"""Per-source rate limits: calls and bytes per minute."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from cabinets.rate_limit import Cost, RateLimit, consume_each

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Waits:
    """In how many seconds to repeat the request, 0 where it is within the limit."""

    bytes: int
    calls: int = 0


def take(source_id: int, *, size: int, calls: int | None = None, now: float) -> Waits:
    """Count the bytes of one authenticated body and, if given, its calls, in one round trip.

    ``now`` is Unix time. Bodies that end in a refusal, and repeats, count by their bytes as well:
    they cost as much. Beyond its bytes a request takes no calls. The last request of a minute may
    overdraw a limit. Without Redis every request is let in (`cabinets.rate_limit.consume`): the
    limits protect other customers, no decision about a call depends on them.
    """
    costs = [Cost(_bytes(), source_id, size)]
    if calls is not None:
        costs.append(Cost(_calls(), source_id, calls))
    return Waits(*consume_each(costs, now=now))


def take_calls(source_id: int, calls: int, *, now: float) -> Waits:
    """Count the calls of a body whose bytes were counted before it was parsed."""
    return Waits(0, *consume_each([Cost(_calls(), source_id, calls)], now=now))


def _calls() -> RateLimit:
    units = settings.INGEST_CALLS_PER_MINUTE
    return RateLimit("ingest", units, WINDOW_SECONDS, may_overdraw=True)


def _bytes() -> RateLimit:
    units = settings.INGEST_BYTES_PER_MINUTE
    return RateLimit("ingest-bytes", units, WINDOW_SECONDS, may_overdraw=True)
