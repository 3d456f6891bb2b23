"""The button «Проверить и продолжить» of a stopped counter."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from cabinets.models import AuditEvent
from counters import stops
from counters.models import Counter
from counters.sync.goals import refresh_goals
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import control
from tests.responses import messages_of

NUMBER = 91234567
LIST = "/lk/integrations/yandex"
GOALS_FULL, REJECTING = Counter.StopCause.GOALS_FULL, Counter.StopCause.REJECTING


@pytest.fixture
def counter(okna: YandexAccount) -> Counter:
    counter = factories.make_counter(account=okna, number=NUMBER)
    cache.delete(f"stop-checked:{counter.pk}")
    refresh_goals(counter, now=timezone.now())
    return counter


def url(counter: Counter) -> str:
    return f"{LIST}/counters/{counter.pk}/continue"


def cause(counter: Counter) -> str:
    return Counter.objects.values_list("stopped_cause", flat=True).get(pk=counter.pk)


def test_full_goals_are_counted_and_the_counter_stays_stopped(
    counter: Counter, owner_client: Client, settings: object
) -> None:
    settings.METRIKA_GOAL_LIMIT = 4  # type: ignore[attr-defined]
    stops.stop(counter.pk, GOALS_FULL, now=timezone.now())

    response = owner_client.post(url(counter))

    (message,) = messages_of(response)
    assert response["Location"] == LIST
    assert message.startswith("Проверено: причина осталась, целей в счетчике: 4. Метрика не смогла")
    assert cause(counter) == GOALS_FULL
    event = AuditEvent.objects.get(action="counter.stop_checked")
    assert event.actor is not None


def test_below_the_usual_limit_a_person_may_try(counter: Counter, owner_client: Client) -> None:
    stops.stop(counter.pk, GOALS_FULL, now=timezone.now())

    response = owner_client.post(url(counter))

    assert messages_of(response) == [
        f"Проверено: место для целей есть. Звонки в «{counter.name}» снова отправляются."
    ]
    assert cause(counter) == ""
    assert AuditEvent.objects.get(action="counter.continued").actor is not None


def test_a_cause_that_cannot_be_asked_for_is_tried(counter: Counter, owner_client: Client) -> None:
    stops.stop(counter.pk, REJECTING, now=timezone.now())

    (message,) = messages_of(owner_client.post(url(counter)))

    assert message.startswith("Пробуем снова: если Метрика примет файл")
    assert cause(counter) == ""


def test_a_second_press_within_seconds_makes_no_request(
    counter: Counter, owner_client: Client, sandbox: RunningSandbox, settings: object
) -> None:
    settings.METRIKA_GOAL_LIMIT = 4  # type: ignore[attr-defined]
    stops.stop(counter.pk, GOALS_FULL, now=timezone.now())
    owner_client.post(url(counter))
    before = control(sandbox, "requests?last=0")["counts"]

    response = owner_client.post(url(counter))

    assert messages_of(response)[-1] == "Только что проверяли. Повторите через несколько секунд."
    assert control(sandbox, "requests?last=0")["counts"] == before


def test_an_unavailable_metrika_changes_nothing(
    counter: Counter, owner_client: Client, sandbox: RunningSandbox
) -> None:
    stops.stop(counter.pk, GOALS_FULL, now=timezone.now())
    control(sandbox, "faults", name="html_5xx", times=None)

    response = owner_client.post(url(counter))

    assert messages_of(response) == ["Метрика сейчас не отвечает. Повторите через несколько минут."]
    assert cause(counter) == GOALS_FULL
    assert not AuditEvent.objects.filter(action__startswith="counter.stop_").exists()


def test_a_running_counter_says_so_and_nothing_is_recorded(
    counter: Counter, owner_client: Client
) -> None:
    response = owner_client.post(url(counter))

    (message,) = messages_of(response)
    assert message == f"Счетчик «{counter.name}» не остановлен: звонки уходят как обычно."
    assert not AuditEvent.objects.filter(action__startswith="counter.").exists()


def test_viewer_and_stranger_change_nothing(
    counter: Counter, viewer_client: Client, stranger_client: Client
) -> None:
    stops.stop(counter.pk, REJECTING, now=timezone.now())

    statuses = [
        client.post(url(counter)).status_code for client in (viewer_client, stranger_client)
    ]

    assert statuses == [403, 404]
    assert viewer_client.get(url(counter)).status_code == 405
    assert cause(counter) == REJECTING
    page = viewer_client.get(LIST).content.decode()
    assert "Метрика отклоняет файлы этого счетчика" in page
    assert "Проверить и продолжить" not in page
