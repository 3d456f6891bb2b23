"""Past calls are counted for days and counters, then sent: what was never sent, and once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import backfill, batching, hold
from calls.models import Backfill, BackfillState, Call, Delivery
from calls.states import Channel, DeliveryState
from counters.models import Counter
from dashboard.audit.facts import facts_of
from tests import factories
from tests.calls.stored import row_of, store_call

DAY = timedelta(days=1)
URL = "/lk/integrations/backfill"


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


def settled(one: Backfill) -> Backfill:
    while backfill.step(one.pk, now=timezone.now()):
        pass
    one.refresh_from_db()
    return one


@pytest.fixture
def late(cabinet: Cabinet, counter: Counter) -> Counter:
    """A counter that begins to fit, with calls of five days; it accepts those of two days."""
    now = timezone.now()
    Counter.objects.update(site_mode="list", site_hosts=["a.example"], accepts_from=now - 2 * DAY)
    for day in range(1, 6):
        store_call(cabinet=cabinet, started_at=now - day * DAY, duration_seconds=100 - day)
    store_call(cabinet=cabinet, site_host="b.example")
    assert not Delivery.objects.exists()
    Counter.objects.update(site_hosts=["okna-stolica.example"], min_duration_seconds=97)
    counter.refresh_from_db()
    return counter


def test_past_calls_are_counted_and_go_by_the_settings_of_today(
    cabinet: Cabinet, late: Counter, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "STEP", 2)
    now = timezone.now()
    sent = store_call(cabinet=cabinet)
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 1
    called_off = store_call(cabinet=cabinet)
    hold.call_off(row_of(called_off), actor=owner, now=now)
    trial = store_call(cabinet=cabinet, hold_back=2)
    store_call(cabinet=factories.make_cabinet())

    one, is_new = backfill.request(cabinet, [late], days=5, actor=owner, now=timezone.now())

    assert is_new
    assert settled(one).state == BackfillState.COUNTED
    expected = {
        "sent": 3,
        "already": 1,
        "too_short": 1,
        "called_off": 1,
        "trial_call": 1,
        "site": 1,
    }
    assert (one.calls, one.counters.get().expected) == (8, expected)
    late.refresh_from_db()
    assert late.accepts_from is not None
    assert late.accepts_from > one.since
    assert Delivery.objects.count() == 3

    assert backfill.start(one, actor=owner, now=timezone.now())
    assert not backfill.start(one, actor=owner, now=timezone.now())
    # Another order has to wait for the end of this one.
    assert backfill.request(cabinet, [late], days=9, actor=owner, now=now) == (one, False)
    assert settled(one).state == BackfillState.DONE

    assert one.counters.get().result == expected
    late.refresh_from_db()
    assert late.accepts_from == one.since
    kept = {row_of(sent).state, row_of(called_off).reason, row_of(trial).reason}
    assert kept == {DeliveryState.BATCHED, "called_off", "trial_call"}
    waiting = Delivery.objects.waiting()
    durations = Call.objects.filter(pk__in=waiting.values("call_id")).values_list(
        "duration_seconds", flat=True
    )
    assert sorted(durations) == [97, 98, 99]
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == [
        "delivery.called_off",
        "backfill.started",
        "counter.accepts_earlier",
        "backfill.finished",
    ]
    facts = facts_of(AuditEvent.objects.latest("pk"), sees_all=True)
    assert [(fact.label, fact.after) for fact in facts] == [
        ("Счетчиков", "1"),
        ("Поставлено в очередь на отправку", "3 из 3"),
    ]
    # Again, for more days: what went does not go again, and settings do not stop what waits.
    again, _is_new = backfill.request(cabinet, [late], days=21, actor=owner, now=timezone.now())
    settled(again)
    assert again.counters.get().expected["already"] == 4
    assert "sent" not in again.counters.get().expected


def test_calls_of_today_go_before_past_ones(
    cabinet: Cabinet, late: Counter, owner: User, settings: Any
) -> None:
    settings.UPLOAD_MAX_ROWS = 1
    one, _is_new = backfill.request(cabinet, [late], days=5, actor=owner, now=timezone.now())
    settled(one)
    backfill.start(one, actor=owner, now=timezone.now())
    settled(one)
    fresh = store_call(cabinet=cabinet)

    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 1

    assert row_of(fresh).state == DeliveryState.BATCHED
    assert Delivery.objects.waiting().filter(channel=Channel.CALLS).count() == 3


def test_backfill_is_counted_started_and_stopped_on_its_pages(
    cabinet: Cabinet, late: Counter, owner: User, owner_client: Client, viewer_client: Client
) -> None:
    settings_page = owner_client.get(reverse("counters:settings", args=[late.pk])).content.decode()
    assert f"{URL}?counter={late.pk}" in settings_page
    assert (
        f'value="{late.pk}" checked'
        in owner_client.get(f"{URL}?counter={late.pk}").content.decode()
    )
    for form in (
        {"days": "22", "counters": [late.pk]},
        {"days": "3"},
        {"days": "3", "counters": "x"},
    ):
        assert owner_client.post(URL, form).status_code == 422
    foreign = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet())
    )
    assert owner_client.post(URL, {"days": "3", "counters": [foreign.pk]}).status_code == 422
    assert not Backfill.objects.exists()

    answer = owner_client.post(URL, {"days": "5", "counters": [late.pk]}, follow=True)

    page = text_of(answer.content)
    assert "Уйдёт звонков: 3." in page
    assert "Короткий разговор: 1" in page
    assert "станет принимать звонки с" in page
    one = Backfill.objects.get()
    start, stop = (reverse(f"calls:backfill-{name}", args=[one.pk]) for name in ("start", "stop"))
    assert viewer_client.post(start).status_code == 403
    seen = viewer_client.get(reverse("calls:backfill", args=[one.pk])).content.decode()
    assert start not in seen
    assert "Решают владелец" in seen
    done = text_of(owner_client.post(start, follow=True).content)
    assert "Поставлено в очередь звонков: 3." in done
    assert "состояние уже другое" in text_of(owner_client.post(stop, follow=True).content)

    # Not started, and a later order takes its place.
    for _number in range(2):
        owner_client.post(URL, {"days": "5", "everything": "on"})
    states = Backfill.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["done", "dropped", "counted"]
    Backfill.objects.exclude(pk=one.pk).delete()

    # Stopped in the middle: what was done stays.
    Backfill.objects.update(state=BackfillState.SENDING)
    stopped = text_of(owner_client.post(stop, follow=True).content)
    assert "Звонки, поставленные в очередь до остановки, уйдут." in stopped
    assert not backfill.step(one.pk, now=timezone.now())
    assert AuditEvent.objects.latest("pk").action == "backfill.stopped"
    audit_page = owner_client.get("/lk/integrations/audit").content
    trail = text_of(audit_page)
    assert "Поставлено в очередь на отправку: 3 из 3" in trail
    assert "Звонков к отправке: 3" in trail
    assert f'href="{reverse("calls:backfill", args=[one.pk])}"' in audit_page.decode()
