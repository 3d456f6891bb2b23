"""An account whose token is due for a refresh."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from integrations.models import YandexAccount
from tests import factories
from tests.integrations.yandex_id import YEAR


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def old(cabinet: Cabinet, now: datetime) -> YandexAccount:
    """An account whose token is due for a refresh."""
    issued = now - timedelta(days=100)
    return factories.make_account(
        cabinet=cabinet, token_issued_at=issued, expires_at=issued + timedelta(seconds=YEAR)
    )
