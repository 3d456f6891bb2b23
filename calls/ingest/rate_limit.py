"""Per-source rate limits: calls and bytes per minute."""

from __future__ import annotations

from django.conf import settings

from cabinets.rate_limit import RateLimit, consume

WINDOW_SECONDS = 60


def seconds_to_wait(source_id: int, calls: int, *, now: float) -> int:
    """Count the calls of one request; return 0, or in how many seconds to repeat it.

    ``now`` is Unix time. The last request of a minute may overdraw the limit. Without
    Redis every request is let in (`cabinets.rate_limit.consume`): the limit protects other
    customers, no decision about a call depends on it.
    """
    limit = RateLimit("ingest", settings.INGEST_CALLS_PER_MINUTE, WINDOW_SECONDS, may_overdraw=True)
    return consume(limit, source_id, calls, now=now)


def seconds_to_wait_for_bytes(source_id: int, size: int, *, now: float) -> int:
    """Count the bytes of one authenticated body, before it is parsed; otherwise as above.

    Bodies that end in a refusal, and repeats, count as well: they cost as much.
    """
    limit = RateLimit(
        "ingest-bytes", settings.INGEST_BYTES_PER_MINUTE, WINDOW_SECONDS, may_overdraw=True
    )
    return consume(limit, source_id, size, now=now)
