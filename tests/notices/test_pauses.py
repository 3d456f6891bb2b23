"""Pauses: days on which a cabinet or a counter is not compared with what is usual."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from cabinets.models import AuditEvent, Cabinet
from counters.models import Counter
from integrations.models import YandexAccount
from notices import pauses
from notices.conditions import usual
from notices.models import AlertPause, Baseline, Notice, NoticeLine, NoticeWebhook
from notices.tasks import check_flow, delete_old
from tests import factories
from tests.notices.conftest import NOW
from tests.notices.notices import make_pause
from tests.notices.test_flow import HOUR, SECOND, calls, standing

LIST, ADD = "/lk/integrations/notices", "/lk/integrations/notices/pauses/add"
DAY = timedelta(days=1)
MONDAY = date(2026, 11, 23)
FORM = {"counter": "", "first_day": "2026-11-23", "last_day": "2026-12-06", "note": "праздники"}


@pytest.fixture
def silent(clock: time_machine.Traveller, account: YandexAccount) -> Counter:
    """A counter that had ten calls an hour for three weeks, and none for two hours."""
    counter = factories.make_counter(account=account, name="Окна")
    source = factories.make_source(cabinet=account.cabinet)
    calls(counter, source, 5000, timedelta(minutes=6), last=NOW - 2 * HOUR - SECOND)
    usual.renew(now=NOW - 2 * HOUR, seconds=60)
    # Without anybody to be told there would be no lines at all.
    told = {"url": "https://crm.example/x", "secret": factories.SECRET, "created_at": NOW}
    NoticeWebhook.objects.create(cabinet=account.cabinet, **told)
    return counter


def test_paused_cabinet_is_not_judged_and_what_was_low_ends_without_a_message(
    clock: time_machine.Traveller, silent: Counter, owner_client: Client, viewer_client: Client
) -> None:
    check_flow()
    assert set(standing()) == {"inflow_low", "source_low"}

    answer = owner_client.post(ADD, FORM, follow=True)

    page = answer.content.decode()
    assert "Не следим по 6 декабря включительно: праздники" in page
    assert "не пришло ни одного звонка" not in page
    assert standing() == {}
    for _check in range(3):
        clock.shift(10 * timedelta(minutes=1))
        check_flow()
    assert not Notice.objects.open().exists()
    assert {one.event for one in NoticeLine.objects.all()} == {"opened"}
    seen = viewer_client.get(LIST).content.decode()
    assert "Не следим по 6 декабря включительно: праздники" in seen
    assert "Следить снова" not in seen
    # Ended at 10:30: what was silent before 11:00 stays unknown, and the silence after it is told.
    pause = AlertPause.objects.get()
    for _press in range(2):
        owner_client.post(f"/lk/integrations/notices/pauses/{pause.pk}/end")
    assert "Не следим" not in owner_client.get(LIST).content.decode()
    check_flow()
    assert standing() == {}
    clock.move_to(NOW + 4 * HOUR)
    check_flow()
    assert standing()["inflow_low"]["since"] == (NOW + HOUR).isoformat()
    events = AuditEvent.objects.order_by("pk").values_list("action", "before", "after")
    facts = {**FORM, "counter": ""}
    assert list(events) == [("alert_pause.added", {}, facts), ("alert_pause.ended", facts, {})]


def test_pause_ended_at_once_tells_no_recovery_and_one_to_come_stops_nothing(
    clock: time_machine.Traveller, silent: Counter, cabinet: Cabinet, owner_client: Client
) -> None:
    make_pause(cabinet=cabinet, first_day=MONDAY + 30 * DAY, last_day=MONDAY + 40 * DAY)
    check_flow()
    assert set(standing()) == {"inflow_low", "source_low"}

    owner_client.post(ADD, FORM)
    pause = AlertPause.objects.get(first_day=MONDAY)
    clock.shift(timedelta(minutes=5))
    owner_client.post(f"/lk/integrations/notices/pauses/{pause.pk}/end")
    clock.shift(timedelta(minutes=15))
    check_flow()

    assert not Notice.objects.open().exists()
    assert {one.event for one in NoticeLine.objects.all()} == {"opened"}


def test_pause_of_a_counter_leaves_the_others_and_the_sources(
    silent: Counter, account: YandexAccount
) -> None:
    make_pause(cabinet=account.cabinet, counter=silent, last_day=MONDAY)
    other = factories.make_counter(account=account)
    row = Baseline.objects.get(kind="inflow_low", subject_id=silent.pk)
    row.pk, row.subject_id = None, other.pk
    row.save()

    check_flow()

    found = Notice.objects.standing().values_list("kind", "subject")
    source = account.cabinet.call_sources.get()
    assert set(found) == {
        ("inflow_low", f"counter:{other.pk}"),
        ("source_low", f"source:{source.pk}"),
    }


def test_paused_hours_are_no_part_of_what_is_usual(silent: Counter, cabinet: Cabinet) -> None:
    # Two silent weeks as a pause, renewed at their end: usual is what came before them.
    first, last = MONDAY + DAY, MONDAY + 14 * DAY
    make_pause(cabinet=cabinet, first_day=first, last_day=last)
    end = NOW.replace(hour=21) + 14 * DAY

    usual.renew(now=end, seconds=60)

    values = Baseline.objects.get(kind="inflow_low").values
    assert sum(values) / len(values) == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"last_day": "2026-11-22"}, "Раньше, чем начало."),
        ({"first_day": "2026-11-20", "last_day": "2026-11-22"}, "Эти дни уже прошли"),
        ({"last_day": "2027-01-22"}, "Выберите не больше 60 дней подряд."),
        ({"first_day": "2028-01-01", "last_day": "2028-01-02"}, "Выберите день в пределах года."),
        ({"first_day": "31.31.2026"}, "Укажите день, например 2026-12-31."),
        ({"note": " "}, "Напишите, почему"),
        ({"counter": "0"}, "Такого счетчика больше нет."),
        ({"first_day": "2026-12-30", "last_day": "2027-01-09"}, "На эти дни пауза уже есть."),
    ],
)
def test_refused_pause_says_why(
    clock: time_machine.Traveller,
    cabinet: Cabinet,
    owner_client: Client,
    changed: dict[str, Any],
    refusal: str,
) -> None:
    make_pause(cabinet=cabinet, first_day=date(2026, 12, 31), last_day=date(2027, 1, 3))

    page = owner_client.post(ADD, FORM | changed).content.decode()

    assert refusal in page
    assert AlertPause.objects.count() == 1
    assert not AuditEvent.objects.exists()


def test_pause_to_come_is_cancelled_and_old_ones_are_deleted(
    clock: time_machine.Traveller, cabinet: Cabinet, owner_client: Client
) -> None:
    coming = make_pause(cabinet=cabinet, first_day=date(2026, 12, 31), last_day=date(2027, 1, 3))
    old = make_pause(cabinet=cabinet, first_day=MONDAY - 190 * DAY, last_day=MONDAY - 182 * DAY)
    make_pause(cabinet=cabinet, first_day=MONDAY - 9 * DAY, last_day=MONDAY - DAY)
    page = owner_client.get(LIST).content.decode()
    assert "Не будем следить с 31 декабря по 3 января: праздники" in page
    assert page.count("праздники") == 2  # and in the button

    owner_client.post(f"/lk/integrations/notices/pauses/{coming.pk}/end")
    delete_old()

    assert set(AlertPause.objects.filter(pk__in=[coming.pk, old.pk])) == set()
    assert AlertPause.objects.count() == 1


def test_pause_is_of_whole_days_in_the_zone_of_the_cabinet(cabinet: Cabinet) -> None:
    pause = make_pause(cabinet=cabinet, first_day=MONDAY, last_day=MONDAY)

    span = pauses.span_of(pause)

    assert span.begin == datetime.fromisoformat("2026-11-22T21:00:00+00:00")
    assert span.end == datetime.fromisoformat("2026-11-23T21:00:00+00:00")
    assert pauses.spans(span.end) == {}
    assert pauses.spans(span.end - SECOND, cabinet) == {cabinet.pk: [span]}
