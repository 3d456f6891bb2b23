"""Rate limits shared by all web processes through Redis.

Every limit of the product is a `RateLimit` and is counted by `consume`.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

#: A request must not wait longer than this for the limiter.
TIMEOUT_SECONDS = 0.2
#: After a failure Redis is not asked for a while, so that an outage costs no request its time.
PAUSE_SECONDS = 5.0

MICROSECONDS = 1_000_000

# A bucket as one number: the moment at which everything taken so far has been worked off (the
# generic cell rate algorithm). Whole microseconds, so that no rounding costs a unit. The expiry
# frees the key once the bucket is full again.
_CONSUME = """
local now, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local needed, window = tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = full_at - now + needed - window
if wait > 0 then return wait end
full_at = full_at + cost
local milliseconds = math.ceil((full_at - now) / 1000) + 1
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', milliseconds)
return 0
"""

# Returns units: the bucket is worked off earlier, at most as far as a full one.
_GIVE_BACK = """
local full_at = tonumber(redis.call('GET', KEYS[1]) or 0) - tonumber(ARGV[2])
local milliseconds = math.ceil((full_at - tonumber(ARGV[1])) / 1000) + 1
if milliseconds < 2 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', milliseconds)
return 0
"""

_paused_until = 0.0


@dataclass(frozen=True)
class RateLimit:
    """``units`` per ``window_seconds`` for each subject. ``name`` keeps the limits apart.

    With ``may_overdraw`` a request is granted while the bucket is not empty, whatever its size:
    a batch larger than the bucket could never pass otherwise. Later requests wait it off.
    """

    name: str
    units: int
    window_seconds: int
    may_overdraw: bool = False


def consume(limit: RateLimit, subject: str | int, units: int = 1, *, now: float) -> int:
    """Take ``units`` from the subject's bucket; return 0, or the seconds until it holds enough.

    The bucket holds ``limit.units`` and refills evenly over the window, so a subject that used it
    up gets single units back, not all at the end of the window. A refused request takes nothing.
    ``now`` is Unix time; the seconds are rounded up.

    Atomic over all processes: one script in Redis reads and writes the bucket. Fails open: when
    Redis does not answer within TIMEOUT_SECONDS the units are granted, and this process does not
    ask it again for PAUSE_SECONDS.
    """
    window = limit.window_seconds * MICROSECONDS
    cost = units * window // limit.units
    needed = 1 if limit.may_overdraw else cost
    waits = _run_script(_CONSUME, _key(limit, subject), _micro(now), cost, needed, window)
    return math.ceil(waits / MICROSECONDS)


def give_back(limit: RateLimit, subject: str | int, units: int = 1, *, now: float) -> None:
    """Return units that were taken for something that does not count after all.

    The bucket never holds more than ``limit.units``. Without Redis nothing happens.
    """
    cost = units * limit.window_seconds * MICROSECONDS // limit.units
    _run_script(_GIVE_BACK, _key(limit, subject), _micro(now), cost)


def _key(limit: RateLimit, subject: str | int) -> str:
    return f"rate:{limit.name}:{subject}"


def _micro(now: float) -> int:
    return int(now * MICROSECONDS)


def _run_script(script: str, key: str, *values: int) -> int:
    """Return the script's number; 0, as for units that are granted, when Redis does not answer."""
    global _paused_until  # one circuit breaker per process
    if time.monotonic() < _paused_until:
        return 0
    try:
        return int(_client(settings.REDIS_URL).eval(script, 1, key, *values))
    except RedisError as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("rate limits are off: Redis does not answer (%s)", type(error).__name__)
        return 0


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
