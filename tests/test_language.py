"""One language, whatever the browser asks for: sentences, dates and the page's own word for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en-GB,en;q=0.9"}


@pytest.mark.parametrize("address", ["/accounts/login/", "/admin/login/"])
def test_english_browser_is_answered_in_russian(client: Client, address: str) -> None:
    page = client.get(address, headers=ENGLISH).content.decode()

    assert '<html lang="ru"' in page
    assert "Пароль" in page
    assert "Password" not in page


def test_dates_are_written_as_the_sentences_are(client: Client) -> None:
    cabinet = factories.make_cabinet()
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(
        account=account, accepts_from=datetime(2026, 11, 5, 9, tzinfo=UTC)
    )
    client.force_login(factories.make_member(cabinet=cabinet))

    page = client.get(reverse("counters:settings", args=[counter.pk]), headers=ENGLISH)

    assert "5 ноя 2026, 12:00" in page.content.decode()
