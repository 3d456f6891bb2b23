"""Holds each source to its calls a minute, over all web processes; asks Redis, needs it not."""

from __future__ import annotations

import logging
import math
import time
from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
#: A request must not wait longer than this for the limiter.
TIMEOUT_SECONDS = 0.2
#: After a failure Redis is left alone for a while, so that an outage costs no request its time.
PAUSE_SECONDS = 5.0

# A bucket as one number: the moment at which everything taken so far has been worked off. The last
# request may overdraw it, else a batch larger than the bucket could never pass.
_TAKE = """
local now, cost, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
if full_at - now >= window then return tostring(full_at - now - window) end
redis.call('SET', KEYS[1], tostring(full_at + cost), 'EX', math.ceil(full_at + cost - now) + 1)
return '-1'
"""

_rest_until = 0.0


def seconds_to_wait(source_id: int, calls: int, *, now: float) -> int:
    """Take the calls out of the source's bucket; return 0, or in how many seconds to come back.

    ``now`` is Unix time. Without Redis everything is let in: the limit protects other customers,
    it decides nothing.
    """
    cost = calls * WINDOW_SECONDS / settings.INGEST_CALLS_PER_MINUTE
    answer = _ask(f"inflow:{source_id}", now, cost)
    return 0 if answer < 0 else max(1, math.ceil(answer))


def _ask(key: str, now: float, cost: float) -> float:
    global _rest_until  # one circuit breaker per process
    if time.monotonic() < _rest_until:
        return -1
    try:
        return float(_client(settings.REDIS_URL).eval(_TAKE, 1, key, now, cost, WINDOW_SECONDS))
    except RedisError as problem:
        _rest_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("inflow is not limited: Redis does not answer (%s)", type(problem).__name__)
        return -1


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
