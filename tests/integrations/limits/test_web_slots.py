"""How long a web thread waits for Yandex, and how many threads may at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from integrations import api_call
from integrations.clients import yandex_config
from integrations.limits.web_slots import NoFreeSlot, acquire, short_timeouts
from integrations.models import LinkAttempt, YandexAccount
from tests.integrations.yandex_id import YandexId, open_callback, start


@pytest.fixture
def all_slots_taken() -> Iterator[ExitStack]:
    """Every slot of the process is held."""
    with ExitStack() as taken:
        taken.enter_context(short_timeouts())
        for _ in range(settings.WEB_THREADS_FOR_YANDEX):
            taken.enter_context(acquire())
        yield taken


def test_read_timeout_is_8_seconds_for_a_page_and_a_minute_for_a_task() -> None:
    assert yandex_config().read_timeout == settings.READ_TIMEOUT_SECONDS == 60

    with short_timeouts():
        assert yandex_config().read_timeout == settings.WEB_READ_TIMEOUT_SECONDS == 8
    assert yandex_config().read_timeout == 60


def test_slots_are_limited_and_released(all_slots_taken: ExitStack) -> None:
    with pytest.raises(NoFreeSlot), acquire():
        pass

    all_slots_taken.close()

    with short_timeouts(), acquire():
        pass


def test_task_needs_no_slot() -> None:
    with ExitStack() as many:
        for _ in range(settings.WEB_THREADS_FOR_YANDEX + 1):
            many.enter_context(acquire())


def test_call_without_a_slot_fails_at_once(
    all_slots_taken: ExitStack, account: YandexAccount, yandex_id: YandexId
) -> None:
    with pytest.raises(api_call.MetrikaUnavailable, match="отвечает медленно"):
        api_call.call_metrika(account, lambda client: client.counters())
    assert len(yandex_id.calls) == 0


def test_page_without_a_slot_says_what_to_do(
    all_slots_taken: ExitStack, owner_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    page = owner_client.get(reverse("counters:add", args=[account.pk])).content.decode()

    assert "Метрика отвечает медленно" in page
    assert "Повторите через минуту." in page


def test_callback_without_a_slot_can_be_repeated(owner_client: Client, yandex_id: YandexId) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    with ExitStack() as taken:
        taken.enter_context(short_timeouts())
        for _ in range(settings.WEB_THREADS_FOR_YANDEX):
            taken.enter_context(acquire())
        refused = open_callback(owner_client, code="1", state=state)

    assert (refused.status_code, len(yandex_id.calls)) == (503, 0)
    assert "обновите эту страницу" in refused.content.decode()
    assert LinkAttempt.objects.count() == 1
    assert open_callback(owner_client, code="1", state=state).status_code == 303
