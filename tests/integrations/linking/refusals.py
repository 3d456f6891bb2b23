"""Assertions about refused callbacks."""

from __future__ import annotations

from integrations.linking.errors import PAGES, LinkFailure
from integrations.models import YandexAccount
from tests.integrations.yandex_id import (
    YandexId,
)


def assert_refused(answer: object, yandex_id: YandexId, reason: LinkFailure) -> None:
    """Assert that the reason's page was shown, nothing stored and no request made to Yandex."""
    assert answer.status_code == PAGES[reason].status  # type: ignore[attr-defined]
    assert str(PAGES[reason].title) in answer.content.decode()  # type: ignore[attr-defined]
    assert not YandexAccount.objects.exists()
    assert len(yandex_id.calls) == 0
