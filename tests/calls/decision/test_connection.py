"""Calls that come before a counter's settings are saved, and calls from before it was connected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.decision.reasons import reason_sentence
from calls.delivery.expiry import expire_overdue
from calls.models import Call, Delivery
from calls.queries.connection import calls_awaiting_settings, waiting_calls
from calls.queries.display_state import with_display_state
from calls.queries.expiry_warnings import expiry_warnings
from calls.queries.stats import excluded_by_settings, waiting_of_counter
from calls.states import Channel, DeliveryState, DisplayState
from counters import lifecycle
from counters.models import Counter
from counters.settings.save import save_settings
from dashboard.consequences import of_removing
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
ADDED_AT = NOW - timedelta(hours=6)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def new_counter(account: YandexAccount) -> Counter:
    """A counter that was added six hours ago, with settings that were never saved."""
    return factories.make_counter(
        account=account, added_at=ADDED_AT, configured_at=None, settings_saved_at=None
    )


def save(counter: Counter, actor: User | None = None, **values: Any) -> Counter:
    sends_waiting = values.pop("sends_waiting", False)
    current = Counter.objects.get(pk=counter.pk)
    return save_settings(
        counter=current,
        version=current.version,
        values=values,
        actor=actor,
        now=timezone.now(),
        sends_waiting=sends_waiting,
    )


def shown(call: Call, channel: Channel = Channel.CALLS) -> str:
    rows = Delivery.objects.filter(call_id=call.pk, channel=channel)
    return str(with_display_state(rows, timezone.now()).get().display_state)


def test_call_before_the_first_save_waits_for_the_settings(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)

    row = row_of(call)
    assert (row.state, row.reason, row.waited) == (DeliveryState.SKIPPED, "not_configured", True)
    assert shown(call) == shown(call, Channel.GOAL) == DisplayState.AWAITS_SETTINGS
    assert str(DisplayState.AWAITS_SETTINGS.label) == "Ждёт настроек"
    assert calls_awaiting_settings(new_counter, now=NOW) == 1
    assert (excluded_by_settings(new_counter), waiting_of_counter(new_counter).count) == (0, 0)


def test_first_save_that_sends_them_applies_the_settings_to_them(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    fitting, short = store_call(cabinet=cabinet), store_call(cabinet=cabinet, duration_seconds=5)

    saved = save(new_counter, sends_waiting=True, min_duration_seconds=60)

    assert saved.accepts_from == ADDED_AT
    assert (row_of(fitting).state, row_of(fitting).reason) == (DeliveryState.WAITING, None)
    assert row_of(short).reason == "too_short"
    assert (waiting_calls(saved), calls_awaiting_settings(saved, now=NOW)) == (1, 0)
    # The channel of the goal is not in use: nothing there was excluded by the settings.
    assert excluded_by_settings(saved) == 1
    save(saved, min_duration_seconds=0)
    assert row_of(short).state == DeliveryState.WAITING


def test_first_save_that_does_not_send_them_accepts_calls_from_now_on(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    waited = store_call(cabinet=cabinet)

    saved = save(new_counter)
    save(saved, min_duration_seconds=5)
    later = store_call(cabinet=cabinet, started_at=NOW)

    assert saved.accepts_from == NOW
    assert (row_of(waited).state, row_of(waited).reason) == (
        DeliveryState.SKIPPED,
        "before_connection",
    )
    assert row_of(later).state == DeliveryState.WAITING
    assert (excluded_by_settings(saved), waiting_calls(saved)) == (0, 1)


@pytest.mark.parametrize(
    ("started_at", "reason"),
    [(ADDED_AT, None), (ADDED_AT - timedelta(seconds=1), "before_connection")],
)
def test_call_before_the_bound_is_refused_with_both_times(
    cabinet: Cabinet, account: YandexAccount, started_at: datetime, reason: str | None
) -> None:
    factories.make_counter(account=account, accepts_from=ADDED_AT)

    assert row_of(store_call(cabinet=cabinet, started_at=started_at)).reason == reason


def test_refusal_names_both_times_in_the_zone_of_the_page(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account, accepts_from=ADDED_AT)
    row = row_of(store_call(cabinet=cabinet, started_at=ADDED_AT - timedelta(days=2)))
    close = row_of(store_call(cabinet=cabinet, started_at=ADDED_AT - timedelta(seconds=1)))

    assert reason_sentence("before_connection", row.compared) == (
        "Звонок начался 08.06 09:00, а счетчик, когда звонок проверяли, принимал звонки с 10.06 "
        "09:00. Более ранние звонки уходят только по вашему распоряжению: когда настройки счетчика "
        "сохранены, оно в них, рядом со строкой «Счетчик принимает звонки с». Если вы его уже "
        "дали, что мешает теперь, видно в проверках на странице звонка."
    )
    sentence = reason_sentence("before_connection", close.compared)
    assert (
        "08:59:59, а счетчик, когда звонок проверяли, принимал звонки с 10.06 09:00:00." in sentence
    )


def test_counter_without_a_bound_takes_calls_of_any_age(cabinet: Cabinet, counter: Counter) -> None:
    old = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=20))

    assert row_of(old).state == DeliveryState.WAITING


def test_call_from_before_the_adding_does_not_wait_for_the_settings(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    call = store_call(cabinet=cabinet, started_at=ADDED_AT - timedelta(hours=1))

    assert row_of(call).reason == "before_connection"
    assert calls_awaiting_settings(new_counter, now=NOW) == 0
    save(new_counter, sends_waiting=True)
    assert row_of(call).reason == "before_connection"


def test_saved_with_the_switch_off_they_wait_for_the_switch(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    fitting, short = store_call(cabinet=cabinet), store_call(cabinet=cabinet, duration_seconds=5)

    saved = save(new_counter, sends_waiting=True, enabled=False, min_duration_seconds=60)

    assert (row_of(fitting).state, row_of(short).reason) == (DeliveryState.WAITING, "too_short")
    lifecycle.switch_counter(counter=saved, enabled=True, actor=None, now=NOW)
    assert (row_of(fitting).state, row_of(short).reason) == (DeliveryState.WAITING, "too_short")


def test_removing_an_unsaved_counter_ends_the_wait(cabinet: Cabinet, new_counter: Counter) -> None:
    call = store_call(cabinet=cabinet)

    assert "Звонков, которые ждут настроек счетчика и не уйдут: 1." in of_removing(new_counter)
    lifecycle.remove_counter(counter=new_counter, actor=None, now=NOW)

    assert (row_of(call).reason, shown(call)) == ("counter_removed", DisplayState.SKIPPED)


def test_call_that_waited_too_long_is_too_late(
    cabinet: Cabinet, new_counter: Counter, clock: time_machine.Traveller
) -> None:
    call = store_call(cabinet=cabinet)
    clock.shift(timedelta(days=20, hours=12))
    (warning,) = expiry_warnings(Q(cabinet=cabinet), now=timezone.now())
    assert (warning.in_two_days, warning.expired) == (1, 0)

    clock.shift(timedelta(hours=12))
    expire_overdue(now=timezone.now())

    assert shown(call) == DisplayState.EXPIRED
    assert calls_awaiting_settings(new_counter, now=timezone.now()) == 0
    (warning,) = expiry_warnings(Q(cabinet=cabinet), now=timezone.now())
    assert (warning.in_a_week, warning.expired) == (0, 1)
    save(new_counter, sends_waiting=True)
    assert row_of(call).state == DeliveryState.EXPIRED


def test_correction_of_a_waiting_call_keeps_it_waiting(
    cabinet: Cabinet, new_counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)
    Call.objects.filter(pk=call.pk).update(duration_seconds=20)

    decide([call.pk], now=NOW)

    assert (row_of(call).reason, row_of(call).waited) == ("not_configured", True)


def test_call_from_before_the_connection_that_is_too_late_has_expired(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account, accepts_from=ADDED_AT)
    late = row_of(store_call(cabinet=cabinet, started_at=datetime(2020, 1, 1, tzinfo=UTC)))
    last = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=21))
    fresh = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=21, seconds=-1))

    assert shown(late.call) == shown(last) == DisplayState.EXPIRED
    assert shown(fresh) == DisplayState.SKIPPED
    assert reason_sentence("before_connection", late.compared) == (
        "Звонок начался 01.01.2020 03:00, а счетчик, когда звонок проверяли, принимал звонки с "
        "10.06 09:00. Со звонка прошёл 21 день: Метрика уже не привяжет его к визиту."
    )


def test_removal_ends_what_waits_for_a_person_or_for_a_goal(
    cabinet: Cabinet, counter: Counter
) -> None:
    gone = factories.make_goal(counter=counter, deleted_at=NOW)
    Counter.objects.update(goal=gone)
    unreadable = store_call(
        cabinet=cabinet, client_id="", unreadable_identifiers={"ClientId": "1,7E+18"}
    )
    conversion = store_call(cabinet=cabinet)
    assert shown(unreadable) == DisplayState.NEEDS_DECISION
    assert shown(conversion, Channel.GOAL) == DisplayState.AWAITS_GOAL

    consequences = of_removing(Counter.objects.get())
    lifecycle.remove_counter(counter=counter, actor=None, now=NOW)

    assert "Звонков, которые ждут вашего решения и не уйдут: 1." in consequences
    assert "Достижений цели, которые ждут другой цели и не уйдут: 2." in consequences
    assert set(Delivery.objects.values_list("state", "reason")) == {
        (DeliveryState.SKIPPED, "counter_removed")
    }
    assert shown(unreadable) == shown(conversion, Channel.GOAL) == DisplayState.SKIPPED


def test_conversion_that_came_after_its_goal_was_deleted_waits_and_goes_with_another(
    cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.update(goal=factories.make_goal(counter=counter, deleted_at=NOW))
    call = store_call(cabinet=cabinet)

    assert shown(call, Channel.GOAL) == DisplayState.AWAITS_GOAL
    assert shown(call) == DisplayState.WAITING
    assert str(DisplayState.AWAITS_GOAL.label) == "Ждёт другой цели"

    save(counter, goal=factories.make_goal(counter=counter))

    assert shown(call, Channel.GOAL) == DisplayState.WAITING
