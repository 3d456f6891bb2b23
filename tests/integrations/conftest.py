"""Yandex ID as a stand-in of recorded answers, and a journey to the consent page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.integrations.yandex_id import YandexId


@pytest.fixture
def yandex_id() -> Iterator[YandexId]:
    """Answers nothing until told to; refuses every request it was not told about."""
    cache.clear()  # tries are counted there, across tests
    with YandexId() as stand_in:
        yield stand_in
