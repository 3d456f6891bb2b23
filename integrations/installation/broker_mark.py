"""The mark in the broker's Redis: compared and set by one script."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from integrations.installation.marks import Mark, OtherInstallation, PlaceUnavailable, read_mark

KEY = "callkeeper:installation"
TIMEOUT_SECONDS = 1.0
#: After a failure Redis is not asked for a while, so that an outage costs no send its time.
PAUSE_SECONDS = 5.0

# ARGV: the mark as JSON, its uid. A damaged value is overwritten.
# Returns 0 when another installation's mark is there. Epochs stay below 2^53, exact in Lua.
_ADVANCE = """
local text = redis.call('GET', KEYS[1])
local ok, stored = pcall(cjson.decode, text or '')
if ok and type(stored) == 'table' and stored.uid then
  if stored.uid ~= ARGV[2] then return 0 end
  local mark = cjson.decode(ARGV[1])
  if stored.epoch >= mark.epoch and stored.highest_upload >= mark.highest_upload then return 1 end
  if stored.epoch > mark.epoch then
    stored.highest_upload = mark.highest_upload
    mark = stored
  elseif stored.highest_upload > mark.highest_upload then
    mark.highest_upload = stored.highest_upload
  end
  redis.call('SET', KEYS[1], cjson.encode(mark))
  return 1
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""

_paused_until: dict[str, float] = {}


@dataclass(frozen=True)
class BrokerMark:
    """A mark in the Redis at ``url``."""

    url: str

    @classmethod
    def from_settings(cls) -> BrokerMark:
        """Return the place in the broker."""
        return cls(settings.REDIS_URL)

    @property
    def name(self) -> str:
        """The key; the address holds a password."""
        return f"Redis, {KEY}"

    def read(self) -> Mark | None:
        """Return the mark, None when there is none. Raises PlaceUnavailable."""
        text = self._run(lambda redis: redis.get(KEY))
        try:
            return None if text is None else read_mark(cast(bytes, text))
        except ValueError:
            raise PlaceUnavailable(f"{self.name}: its content is not a mark") from None

    def advance(self, mark: Mark) -> None:
        """Store the mark unless the stored one covers it."""
        words = (mark.to_json(), str(mark.uid))
        if not self._run(lambda redis: redis.eval(_ADVANCE, 1, KEY, *words)):
            raise OtherInstallation(self.name)

    def replace(self, mark: Mark) -> None:
        """Store the mark whatever is there."""
        self._run(lambda redis: redis.set(KEY, mark.to_json()))

    def _run(self, command: Callable[[Redis], object]) -> object:
        """Run one command. Raises PlaceUnavailable, for PAUSE_SECONDS without asking."""
        if time.monotonic() < _paused_until.get(self.url, 0):
            raise PlaceUnavailable(f"{self.name}: no answer a moment ago")
        try:
            return command(_client(self.url))
        except RedisError as error:
            _paused_until[self.url] = time.monotonic() + PAUSE_SECONDS
            raise PlaceUnavailable(f"{self.name}: {type(error).__name__}") from None


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
