"""A mock of Yandex ID, and the settings that lead to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.integrations.yandex_id import BASE, CLIENT_ID, YandexId
from tests.rate_limits import reset_link_rate_limits


@pytest.fixture
def yandex_id(settings: Settings) -> Iterator[YandexId]:
    """A mock without answers: tests add them, and any other request fails."""
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = settings.METRIKA_API_URL = BASE
    settings.YANDEX_CLIENT_ID = CLIENT_ID
    settings.YANDEX_CLIENT_SECRET = "test-client-secret"
    reset_link_rate_limits(settings.REDIS_URL)
    with YandexId() as mock:
        yield mock
