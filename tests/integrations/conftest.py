"""Yandex ID as a stand-in of recorded answers, and a journey to the consent page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings
from redis import Redis

from tests.integrations.yandex_id import BASE, CLIENT_ID, YandexId


@pytest.fixture
def yandex_id(settings: Settings) -> Iterator[YandexId]:
    """Answers nothing until told to; refuses every request it was not told about."""
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = settings.METRIKA_API_URL = BASE
    settings.YANDEX_CLIENT_ID = CLIENT_ID
    settings.YANDEX_CLIENT_SECRET = "test-client-secret"
    _forget_attempts(settings.REDIS_URL)
    with YandexId() as stand_in:
        yield stand_in


def _forget_attempts(redis_url: str) -> None:
    """Empty the rate limits of linking: the ids of people repeat across tests."""
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter("rate:link:*"):
            redis.delete(key)
