"""The pages of a call that waits for the first settings of its counter, or is too early for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call
from calls.pages.timeline import timelines_of
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import store_call
from tests.responses import text_of

WAITS = (
    "Настройки счетчика ещё не сохранены. Откройте их: при сохранении вы решите, отправить ли "
    "звонки, которые уже пришли."
)


@pytest.fixture
def new_counter(account: YandexAccount) -> Counter:
    return factories.make_counter(
        account=account, added_at=timezone.now() - timedelta(hours=6), configured_at=None
    )


@pytest.fixture
def waiting(cabinet: Cabinet, new_counter: Counter) -> Call:
    return store_call(cabinet=cabinet)


def test_timeline_says_that_nothing_is_decided_yet(waiting: Call) -> None:
    calls, goal = timelines_of(waiting, now=timezone.now())

    for timeline in (calls, goal):
        assert timeline.state_text == "Ждёт настроек"
        assert timeline.reason_text == WAITS
        titles = [step.title for step in timeline.steps]
        assert "Решится, когда вы сохраните настройки счетчика" in titles
        assert "Решено не отправлять" not in titles
        assert titles[-1] == "Ждёт настроек"


def test_history_shows_it_and_finds_it_by_its_state(
    owner_client: Client, waiting: Call, new_counter: Counter
) -> None:
    history = reverse("calls:history", args=[new_counter.pk])

    page = text_of(owner_client.get(f"{history}?state=awaits_settings"))
    skipped = text_of(owner_client.get(f"{history}?state=skipped"))

    call_url = reverse("calls:journey", args=[waiting.pk])
    assert "Ждёт настроек" in page
    assert WAITS in page
    assert call_url in page
    assert call_url not in skipped


def test_call_before_any_counter_leads_to_the_order(owner_client: Client, cabinet: Cabinet) -> None:
    call = store_call(cabinet=cabinet)

    page = text_of(owner_client.get(reverse("calls:journey", args=[call.pk])))

    assert "В кабинете нет счетчиков." in page
    assert "рядом со строкой «Счетчик принимает звонки с»" in page


def test_call_from_before_the_connection_says_why_and_where(
    owner_client: Client, cabinet: Cabinet, account: YandexAccount
) -> None:
    counter = factories.make_counter(account=account, accepts_from=timezone.now())
    call = store_call(cabinet=cabinet)

    for page in (
        reverse("calls:journey", args=[call.pk]),
        reverse("calls:history", args=[counter.pk]),
    ):
        text = text_of(owner_client.get(page))
        assert "а счетчик, когда звонок проверяли, принимал звонки с" in text
        assert "уходят только по вашему распоряжению" in text
