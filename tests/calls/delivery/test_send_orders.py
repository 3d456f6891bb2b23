"""A person orders calls to be sent although the settings of the counter exclude them."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.decision.decide import decide
from calls.decision.redecide import decide_again
from calls.decision.unrouted_rows import drop_unrouted_rows
from calls.delivery import batching, hold, recovery
from calls.delivery.send_orders import SendCounts, order_sending, preview_sending
from calls.models import Call, Delivery, SendOrder
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.stored import row_of, store_call

DAY = timedelta(days=1)


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


def test_order_sends_what_settings_exclude_and_nothing_else_and_once(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    now = timezone.now()
    sent = store_call(cabinet=cabinet)
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 1
    Counter.objects.update(min_duration_seconds=60, site_mode="list", site_hosts=["a.example"])
    other_site = store_call(cabinet=cabinet)
    Counter.objects.update(site_mode="all")
    short = store_call(cabinet=cabinet, duration_seconds=5)
    waiting = store_call(cabinet=cabinet)
    called_off = store_call(cabinet=cabinet)
    hold.call_off(row_of(called_off), actor=owner, now=now)
    nameless = store_call(cabinet=cabinet, kind="callback", client_id="")
    late = store_call(cabinet=cabinet, started_at=now - 22 * DAY, duration_seconds=5)
    going = [other_site, short, called_off]
    calls = [*going, waiting, sent, nameless, late, factories_call()]
    ids = [one.pk for one in calls]

    expected = SendCounts(sent=3, already=2, late=1, refused={"no_identifier": 1})
    assert preview_sending(counter, ids, now=now) == expected
    assert not SendOrder.objects.exists()
    assert order_sending(counter, ids, actor=owner, now=now) == expected
    again = SendCounts(already=5, late=1, refused={"no_identifier": 1})
    assert order_sending(counter, ids, actor=owner, now=now) == again

    orders = SendOrder.objects.order_by("call_id").values_list("call_id", "ordered_by_id")
    assert list(orders) == [(one.pk, owner.pk) for one in going]
    rows = Delivery.objects.filter(call_id__in=[one.pk for one in going])
    assert set(rows.values_list("channel", "state", "reason")) == {
        (Channel.CALLS, DeliveryState.WAITING, None)
    }
    assert row_of(nameless).reason == "no_identifier"
    # Neither other settings nor a changed record take back what a person ordered.
    Counter.objects.update(site_mode="list", min_duration_seconds=999, last_attempt_only=True)
    drop_all_unrouted()
    decide_again(counter.pk, now=now)
    decide([one.pk for one in going], now=now)
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 1
    assert set(rows.values_list("state", flat=True)) == {DeliveryState.BATCHED}
    assert row_of(waiting).reason == "too_short"


def factories_call() -> Call:
    """A call of another cabinet: it is left out."""
    return store_call(cabinet=factories.make_cabinet())


def drop_all_unrouted() -> None:
    for _dropped in drop_unrouted_rows():
        pass


def test_calls_of_a_file_that_was_called_off_are_not_counted_as_sent(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    now = timezone.now()
    call = store_call(cabinet=cabinet)
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 1
    assert recovery.call_off_uploads([row_of(call).upload_id or 0], actor=owner, now=now) == 1

    counts = order_sending(counter, [call.pk], actor=owner, now=now)

    assert counts == SendCounts(refused={"called_off": 1})
    assert row_of(call).state == DeliveryState.BATCHED


def test_order_of_a_counter_that_is_off_waits_for_the_switch_and_one_without_settings_is_refused(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    Counter.objects.update(enabled=False, min_duration_seconds=600)
    call = store_call(cabinet=cabinet)
    now = timezone.now()

    assert order_sending(counter, [call.pk], actor=owner, now=now).sent == 1

    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.WAITING, None)
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 0
    Counter.objects.update(enabled=True, configured_at=None, settings_saved_at=None)
    other = store_call(cabinet=cabinet)
    refused = order_sending(counter, [other.pk], actor=owner, now=now)
    assert refused == SendCounts(refused={"not_configured": 1})
    Counter.objects.update(removed_at=now)
    removed = order_sending(counter, [other.pk], actor=owner, now=now)
    assert removed == SendCounts(refused={"counter_removed": 1})


def test_order_goes_over_the_channels_in_use(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    now, goal = timezone.now(), factories.make_goal(counter=counter)
    Counter.objects.update(send_calls=False)
    call = store_call(cabinet=cabinet)
    ended = []
    for in_use in ({}, {"goal": goal}, {"goal": None, "send_calls": True}, {}):
        Counter.objects.update(**in_use)
        expected = preview_sending(counter, [call.pk], now=now)
        assert order_sending(counter, [call.pk], actor=owner, now=now) == expected
        rows = Delivery.objects.filter(state=DeliveryState.WAITING)
        ended.append((expected.outcomes, sorted(rows.values_list("channel", flat=True))))

    assert ended == [
        ({"calls_off": 1}, []),
        ({"sent": 1}, [Channel.GOAL]),
        ({"sent": 1}, [Channel.CALLS, Channel.GOAL]),
        ({"already": 1}, [Channel.CALLS, Channel.GOAL]),
    ]


def test_order_is_offered_only_where_it_would_send(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    Counter.objects.update(goal=factories.make_goal(counter=counter), min_duration_seconds=600)
    static = store_call(cabinet=cabinet, kind="static")
    assert set(Delivery.objects.values_list("channel", "reason")) == {
        (Channel.CALLS, "too_short"),
        (Channel.GOAL, "too_short"),
    }

    page = owner_client.get(reverse("calls:journey", args=[static.pk])).content.decode()

    # A static call never reaches a goal, whatever a person orders.
    assert page.count("Отправить в этот счетчик…") == 1


def test_call_of_another_site_is_sent_from_its_page(
    cabinet: Cabinet, counter: Counter, owner: User, owner_client: Client
) -> None:
    goal = factories.make_goal(counter=counter)
    sites = {"site_mode": "list", "site_hosts": ["a.example"]}
    Counter.objects.update(goal=goal, **sites)
    call = store_call(cabinet=cabinet)
    assert not Delivery.objects.exists()
    page = reverse("calls:journey", args=[call.pk])
    url = reverse("calls:send", args=[call.pk, counter.pk])
    chosen = owner_client.get(page, {"only": f"{counter.pk}.1"}).content.decode()
    assert url in chosen

    question = text_of(owner_client.get(url).content)

    assert "Звонок с сайта okna-stolica.example, а в настройке «Сайты» — a.example." in question
    assert question.count("Строка, которая уйдёт в Метрику") == 2
    assert not Delivery.objects.exists()
    for _press in range(2):
        owner_client.post(url)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("delivery.send_ordered", owner)
    assert list(Delivery.objects.order_by("channel").values_list("channel", "state")) == [
        (Channel.CALLS, DeliveryState.WAITING),
        (Channel.GOAL, DeliveryState.WAITING),
    ]
    told = text_of(owner_client.get(page).content)
    assert "Заказана отправка в этот счетчик" in told
    assert "Отправку заказал человек, поэтому не проверяется: «Сайт подходит»." in told
    asked_again = text_of(owner_client.get(url).content)
    assert "Отправлять нечего: звонок уже отправлен или ждёт отправки." in asked_again
