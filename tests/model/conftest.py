"""A sandbox without quotas of its own, because the state machine runs under a frozen clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from devtools.sandbox import RunningSandbox, start_sandbox

PLENTY = 1_000_000


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    """Processing takes an hour; there are no quotas except those that a rule switches on."""
    running = start_sandbox(ripen_seconds=3600, per_second=PLENTY, parallel=PLENTY, per_day=PLENTY)
    settings.YANDEX_OAUTH_URL = running.url
    settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    settings.METRIKA_REQUESTS_PER_SECOND = PLENTY
    yield running
    running.close()
