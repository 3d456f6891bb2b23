"""What the cabinet says while the calls of a changed counter are decided again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import redecision
from calls.models import Delivery, Redecision
from calls.queries import connection as waiting_queries
from calls.queries import stats
from calls.states import DeliveryState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call
from tests.counters.settings_form import posted
from tests.responses import messages_of, text_of

WAITS = "До конца пересчёта звонки, которые ждут отправки, не отправляются."
MANY = 5


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redecision, "AT_ONCE", MANY - 1)


@pytest.fixture
def counter(account: YandexAccount, cabinet: Cabinet) -> Counter:
    factories.make_source(cabinet=cabinet, last_used_at=timezone.now())
    return factories.make_counter(account=account, goals_refreshed_at=timezone.now())


def settings_url(counter: Counter) -> str:
    return reverse("counters:settings", args=[counter.pk])


def save(client: Client, counter: Counter, **changes: str) -> list[str]:
    counter.refresh_from_db()
    return messages_of(client.post(settings_url(counter), posted(counter, **changes)))


def test_window_shows_progress_until_the_end_and_what_is_excluded(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    progress = reverse("counters:redecision", args=[counter.pk])

    assert save(owner_client, counter, min_duration="600") == [
        "Настройки сохранены. Изменено: Длительность от, секунд — «600» (было «0»). Из ждущих "
        "отправки звонков (5) — не подходят и не уйдут: 5."
    ]

    page = text_of(owner_client.get(settings_url(counter)))
    assert f"Пересчитываем звонки по новым настройкам. {WAITS}" in page
    assert f'hx-get="{progress}"' in page
    Redecision.objects.update(done=2, total=MANY)
    part = text_of(owner_client.get(progress))
    assert f"Пересчитываем звонки по новым настройкам: 2 из 5. {WAITS}" in part
    assert "hx-trigger" in part

    Redecision.objects.update(done=0, total=None)
    redecision.run(seconds=60)

    part = text_of(owner_client.get(progress))
    assert (
        "Звонки пересчитаны по новым настройкам. Из ждавших не подходят под настройки и не "
        "отправляются: 5. Если под другие настройки они подойдут, то уйдут."
    ) in part
    assert "hx-trigger" not in part
    assert "Пересчитываем" not in text_of(owner_client.get(settings_url(counter)))


def test_end_without_excluded_calls_says_no_more(owner_client: Client, counter: Counter) -> None:
    part = text_of(owner_client.get(reverse("counters:redecision", args=[counter.pk])))

    assert "<p>Звонки пересчитаны по новым настройкам.</p>" in part


def test_list_and_history_say_why_nothing_leaves(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    save(owner_client, counter, min_duration="600")

    listed = text_of(owner_client.get(reverse("counters:list")))
    history = text_of(owner_client.get(reverse("calls:history", args=[counter.pk])))

    assert "Пересчитываем звонки" in listed
    assert history.count(f"Пересчитываем звонки по новым настройкам. {WAITS}") == MANY
    assert "Уйдёт со следующей выгрузкой" not in history


def test_call_in_a_file_is_not_said_to_wait(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    from calls.delivery import batching

    store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=1))
    Delivery.objects.filter(state=DeliveryState.WAITING).update(
        not_before=timezone.now() - timedelta(hours=1)
    )
    assert batching.build_uploads(now=timezone.now()) == 1
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    save(owner_client, counter, min_duration="600")

    history = text_of(owner_client.get(reverse("calls:history", args=[counter.pk])))

    assert history.count("Файл готов, его очередь скоро.") == 1
    assert history.count(WAITS) == MANY


def test_counter_that_is_off_or_removed_says_that(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    Redecision.objects.create(counter=counter, requested_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(enabled=False)

    history = text_of(owner_client.get(reverse("calls:history", args=[counter.pk])))

    assert history.count("Счетчик выключен.") >= MANY
    assert WAITS not in history


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("send", "Настройки сохранены."),
        (
            "skip",
            "Настройки сохранены. Звонки, которые пришли до сохранения (больше 10\xa0000), не "
            "отправляются. Если передумаете, отправьте их отсюда: рядом со строкой «Счетчик "
            "принимает звонки с».",
        ),
    ],
)
def test_first_save_with_many_waiting_calls_counts_no_further_than_it_says(
    owner_client: Client,
    cabinet: Cabinet,
    account: YandexAccount,
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    said: str,
) -> None:
    new = factories.make_counter(
        account=account,
        added_at=timezone.now() - timedelta(hours=6),
        configured_at=None,
        goals_refreshed_at=timezone.now(),
    )
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    monkeypatch.setattr(waiting_queries, "MAX_PER_ORDER", 2)
    monkeypatch.setattr(waiting_queries, "more_than_one_order", lambda: "больше 10\xa0000")

    page = text_of(owner_client.get(settings_url(new)))
    assert "Звонков, которые начались после добавления счетчика: больше 10\xa0000." in page
    assert save(owner_client, new, waiting_calls=choice) == [said]
    assert "Пересчитываем звонки" in text_of(owner_client.get(settings_url(new)))

    redecision.run(seconds=60)
    states = {DeliveryState.WAITING} if choice == "send" else {DeliveryState.SKIPPED}
    assert set(Delivery.objects.filter(channel=1).values_list("state", flat=True)) == states


def test_excluded_calls_are_counted_no_further_than_is_said(
    owner_client: Client, cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_call(store_call(cabinet=cabinet), MANY - 1)
    save(owner_client, counter, min_duration="600")
    redecision.run(seconds=60)
    monkeypatch.setattr(stats, "MOST_COUNTED", 3)
    monkeypatch.setattr("dashboard.counter_views.MOST_COUNTED", 3)

    part = text_of(owner_client.get(reverse("counters:redecision", args=[counter.pk])))

    assert "не отправляются: больше 3." in part
