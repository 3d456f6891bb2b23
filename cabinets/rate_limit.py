"""Rate limits shared by all web processes through Redis.

Every limit of the product is a `RateLimit` and is counted by `consume`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

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
local now, waits = tonumber(ARGV[1]), {}
for place, key in ipairs(KEYS) do
  local cost, needed, window = unpack(ARGV, 3 * place - 1, 3 * place + 1)
  local full_at = math.max(tonumber(redis.call('GET', key) or 0), now)
  waits[place] = math.max(full_at - now + needed - window, 0)
  if waits[place] > 0 then break end
  full_at = full_at + cost
  local milliseconds = math.ceil((full_at - now) / 1000) + 1
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', milliseconds)
end
return waits
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


@dataclass(frozen=True)
class Cost:
    """Units to be taken from the subject's bucket."""

    limit: RateLimit
    subject: str | int
    units: int = 1

    def in_microseconds(self) -> tuple[int, int, int]:
        """Return the units, what the bucket must hold, and the window, as time to work them off."""
        window = self.limit.window_seconds * MICROSECONDS
        cost = self.units * window // self.limit.units
        return cost, 1 if self.limit.may_overdraw else cost, window


def consume(limit: RateLimit, subject: str | int, units: int = 1, *, now: float) -> int:
    """Take ``units`` from the subject's bucket; return 0, or the seconds until it holds enough.

    The bucket holds ``limit.units`` and refills evenly over the window, so a subject that used it
    up gets single units back, not all at the end of the window. A refused request takes nothing.
    ``now`` is Unix time; the seconds are rounded up.

    Atomic over all processes: one script in Redis reads and writes the bucket. Fails open: when
    Redis does not answer within TIMEOUT_SECONDS the units are granted, and this process does not
    ask it again for PAUSE_SECONDS.
    """
    return consume_each([Cost(limit, subject, units)], now=now)[0]


def consume_each(costs: Sequence[Cost], *, now: float) -> list[int]:
    """Take from several buckets in one round trip, in order, until one refuses.

    Return for each what `consume` returns; after a refusal nothing is taken, and 0 returned.
    """
    keys = [_key(one.limit, one.subject) for one in costs]
    values = [number for one in costs for number in one.in_microseconds()]
    waits = _run_script(_CONSUME, keys, _micro(now), *values) or []
    seconds = [math.ceil(wait / MICROSECONDS) for wait in waits]
    return seconds + [0] * (len(costs) - len(seconds))


def give_back(limit: RateLimit, subject: str | int, units: int = 1, *, now: float) -> None:
    """Return units that were taken for something that does not count after all.

    The bucket never holds more than ``limit.units``. Without Redis nothing happens.
    """
    cost = units * limit.window_seconds * MICROSECONDS // limit.units
    _run_script(_GIVE_BACK, [_key(limit, subject)], _micro(now), cost)


def _key(limit: RateLimit, subject: str | int) -> str:
    return f"rate:{limit.name}:{subject}"


def _micro(now: float) -> int:
    return int(now * MICROSECONDS)


def _run_script(script: str, keys: Sequence[str], *values: int) -> Any:
    """Return the answer of the script, None when Redis does not answer."""
    global _paused_until  # one circuit breaker per process
    if time.monotonic() < _paused_until:
        return None
    try:
        return _client(settings.REDIS_URL).eval(script, len(keys), *keys, *values)
    except RedisError as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("rate limits are off: Redis does not answer (%s)", type(error).__name__)
        return None


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
