"""Querysets and properties of Yandex accounts."""

from __future__ import annotations

import pytest

from cabinets.models import Cabinet
from integrations.models import YandexAccount
from tests import factories


@pytest.mark.parametrize(
    ("state", "is_linked", "is_usable"),
    [
        ("active", True, True),
        ("refresh_failed", True, True),
        ("reauth_required", True, False),
        ("disconnected", False, False),
    ],
)
def test_state_decides_whether_an_account_is_linked_and_usable(
    cabinet: Cabinet, state: str, is_linked: bool, is_usable: bool
) -> None:
    account = factories.make_account(
        cabinet=cabinet, state=state, access_token="", refresh_token=""
    )

    assert (account.is_linked, account.is_usable) == (is_linked, is_usable)
    assert cabinet.yandex_accounts.linked().exists() == is_linked
    assert YandexAccount.objects.usable().exists() == is_usable
