"""Every condition is found in the rows that decide, and is over when they change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.models import EmptyField
from calls.states import Attention, DeliveryState, UploadState
from calls.tasks import expire_overdue
from counters.models import Counter
from integrations.models import RequestDay, YandexAccount
from notices.models import Notice
from notices.tasks import check_often, check_seldom
from notices.words import words_of
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

DAY = timedelta(days=1)


def found() -> dict[str, dict[str, Any]]:
    return {one.kind: one.facts for one in Notice.objects.standing()}


def run() -> int:
    """Run both checks; return how many queries they made."""
    with CaptureQueriesContext(connection) as queries:
        check_often()
        check_seldom()
    return len(queries)


def named(counter: Counter, **facts: Any) -> dict[str, Any]:
    return {"counter": counter.pk, "name": counter.name} | facts


def test_conditions_of_accounts(clock: time_machine.Traveller, account: YandexAccount) -> None:
    other = factories.make_account(
        cabinet=account.cabinet,
        state="refresh_failed",
        state_reason="refresh_token_lost",
        expires_at=timezone.now() + 30 * DAY,
    )
    gone = factories.make_account(cabinet=account.cabinet, state_reason="scope_lost")
    YandexAccount.objects.filter(pk=gone.pk).update(state="reauth_required")
    day = {"day": timezone.now().date(), "polls": 200}
    spent = RequestDay.objects.create(yandex_uid=account.yandex_uid, uploads=2240, **day)
    RequestDay.objects.create(yandex_uid=other.yandex_uid, uploads=2000, **day)
    run()

    until = "2026-12-23T07:00:00+00:00"
    assert found() == {
        "reconnect_soon": {"login": other.login, "reason": "refresh_token_lost", "until": until},
        "reconnect": {
            "login": gone.login,
            "reason": "scope_lost",
            "until": gone.expires_at.isoformat() if gone.expires_at else "",
        },
        "quota": {"login": account.login, "used": 2440, "total": 4000},
    }
    # Another day, another quota; both accounts are connected again.
    YandexAccount.objects.update(state="active", state_reason="")
    clock.shift(DAY)
    run()
    assert (found(), spent.uploads) == ({}, 2240)


def test_conditions_of_counters_and_calls(
    clock: time_machine.Traveller, account: YandexAccount
) -> None:
    stopped = factories.make_counter(account=account, stopped_cause="in_connect")
    goalless = factories.make_counter(account=account)
    goal = factories.make_goal(counter=goalless, deleted_at=timezone.now())
    Counter.objects.filter(pk=goalless.pk).update(goal=goal)
    stuck = factories.make_counter(account=account)
    attention: dict[str, Any] = {"state": UploadState.NEEDS_ATTENTION, "uploading_id": None}
    for _upload in range(2):
        make_upload(counter=stuck, attention=Attention.REJECTED, rows=3, **attention)
    late = factories.make_counter(account=account)
    waits: dict[str, Any] = {"state": UploadState.LATER, "uploading_id": None}
    upload = make_upload(counter=late, rows=4, **waits)
    off = factories.make_counter(account=account, enabled=False)
    _waiting(off, age=14 * DAY)
    _waiting(off, age=19 * DAY)
    _waiting(off, age=13 * DAY)
    run()
    assert set(found()) == {
        "counter_stopped",
        "goal_gone",
        "stuck",
        "expiring_week",
        "expiring_days",
    }
    clock.shift(timedelta(hours=6))
    few = run()

    assert found() == {
        "counter_stopped": named(stopped, cause="in_connect"),
        "goal_gone": named(goalless, goal="Звонок коллтрекинга"),
        "stuck": named(stuck, uploads=2, calls=6, upload=0),
        "delayed": named(late, uploads=1, calls=4, upload=upload.pk),
        "expiring_week": named(off, calls=2),
        "expiring_days": named(off, calls=1),
    }
    for _counter in range(3):
        more = factories.make_counter(account=account, access="lost")
        make_upload(counter=more, attention=Attention.REJECTED, **attention)
    run()
    assert (run() <= few, Notice.objects.filter(kind="right_lost").count()) == (True, 3)
    clock.shift(2 * DAY)
    expire_overdue()
    run()
    assert found()["expired"] == named(off, calls=1)


def test_deleted_goal_of_callbacks_is_told_as_theirs(account: YandexAccount) -> None:
    counter = factories.make_counter(account=account)
    gone = factories.make_goal(counter=counter, name="Перезвон", deleted_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(callback_goal=gone)
    run()
    assert found() == {}
    goal = factories.make_goal(counter=counter, identifier="other")
    Counter.objects.filter(pk=counter.pk).update(goal=goal)
    run()
    assert found() == {"goal_gone": named(counter, goal="Перезвон", of_callbacks=True)}
    assert "обратных звонков" in words_of(Notice.objects.get()).text


def _waiting(counter: Counter, *, age: timedelta) -> None:
    call = make_call(cabinet=counter.cabinet, started_at=timezone.now() - age)
    make_delivery(call=call, counter=counter, state=DeliveryState.WAITING)


def test_conditions_of_sources(clock: time_machine.Traveller, account: YandexAccount) -> None:
    now = timezone.now()
    source = factories.make_source(cabinet=account.cabinet)
    empty = {"calls": 30, "empty": 25, "calls_before": 30, "empty_before": 1}
    EmptyField.objects.create(source=source, field="yaClid", since=now, counted_at=now, **empty)
    pulled = factories.make_source(cabinet=account.cabinet, name="Ключ", kind="pull")
    error = {"error_code": "refused", "error_text": "Позвоните +7 916 123-45-67"}
    factories.make_pull(source=pulled, state="wrong_key", **error)
    run()

    about = {"source": source.pk, "name": "CallKeeper", "field": "yaClid"}
    facts = found()
    assert facts["empty_field"] == about | {"empty": 25, "calls": 30, "since": now.isoformat()}
    assert (facts["pull_failed"]["code"], facts["pull_failed"]["name"]) == ("refused", "Ключ")
    assert "916" not in facts["pull_failed"]["text"]
    source.is_active = pulled.is_active = False
    source.save()
    pulled.save()
    run()
    assert found() == {}
