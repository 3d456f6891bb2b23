"""The process dies anywhere: the next one goes on, nothing is doubled, the logs are removed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from calls.models import LinkProof, LogHit, LogRequest, LogState, UnknownLogRow, Upload
from calls.pages.proof_plan import plan_text
from calls.proof import claims, days, orders, run
from calls.proof.fields import FIELDS
from calls.runtime import failpoints
from counters.models import Counter
from tests.calls.proof.stand import NIGHT, NOON, LogsApi, call_at, hit_of, pageview, read_logs, send
from tests.factories import make_account, make_cabinet, make_counter

POINTS = (
    *("after_log_order", "during_log_part", "after_log_part", "before_log_match_commit"),
    *("after_log_match", "after_log_clean"),
)


class Killed(BaseException):
    """Nothing catches it, as nothing runs after a kill."""


@pytest.mark.django_db
@pytest.mark.parametrize("point", POINTS)
def test_request_goes_on_after_a_kill(
    proved: Counter,
    logs: LogsApi,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    calls = [call_at(proved, NOON - timedelta(minutes=n)) for n in range(6)]
    upload = send(proved, calls)
    hits = [hit_of(upload, n, visit=70 + n) for n in range(1, 7)]
    logs.rows = [*hits, hits[0], pageview(71, "2026-11-12 11:50:00")]
    deaths: list[str] = []

    def die(reached: str) -> None:
        if reached == point and not deaths:
            deaths.append(point)
            raise Killed

    monkeypatch.setattr(failpoints, "listener", die)
    # A killed process releases nothing.
    monkeypatch.setattr(claims.Claim, "release", lambda _self: None)
    clock.move_to(NIGHT)
    days.plan(timezone.now())
    for _ in range(40):
        clock.shift(claims.LEASE + timedelta(seconds=1))
        try:
            run.run_due(seconds=0)
        except Killed:
            continue

    request = LogRequest.objects.get()
    assert (deaths, request.state, request.error) == ([point], LogState.DONE, "")
    assert len(logs.orders) == 1
    assert logs.left == []
    assert LinkProof.objects.filter(result=1).count() == 6
    assert LinkProof.objects.exclude(visit_at=None).count() == 1
    assert UnknownLogRow.objects.get().count == 1
    assert not LogHit.objects.exists()


@pytest.mark.django_db
def test_worker_that_lost_its_request_stores_nothing_any_more(
    proved: Counter,
    logs: LogsApi,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = send(proved, [call_at(proved, NOON)])
    logs.rows = [hit_of(upload, 1, visit=7)]
    clock.move_to(NIGHT)
    days.plan(timezone.now())
    taken_by_another = NIGHT + timedelta(hours=1)

    def take(reached: str) -> None:
        if reached == "during_log_part":
            LogRequest.objects.update(lease_until=taken_by_another)

    monkeypatch.setattr(failpoints, "listener", take)
    for _ in range(6):
        clock.shift(timedelta(minutes=1))
        run.run_due(seconds=0)

    request = LogRequest.objects.get()
    assert (request.state, request.lease_until) == (LogState.READING, taken_by_another)
    assert not LogHit.objects.exists()


@pytest.mark.django_db
def test_order_of_another_cabinet_is_not_taken_for_a_lost_one(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    account = make_account(cabinet=make_cabinet(name="Другой кабинет"))
    twin = make_counter(account=account, number=proved.number, link_proof=True)
    logs.rows = [pageview(7, "2026-11-12 12:00:00")]
    of_days = {"date1": NOON.date(), "date2": NOON.date(), "state": LogState.POSTING}
    of_days |= {"requested_at": NIGHT, "next_at": NIGHT}
    lost = LogRequest.objects.create(counter=proved, **of_days)
    other = LogRequest.objects.create(
        counter=twin, lease_until=NIGHT + timedelta(minutes=4), **of_days
    )
    days_of = ("date1", "date2")
    logs.orders[4000] = {
        "request_id": 4000,
        "source": "hits",
        **{name: NOON.date().isoformat() for name in days_of},
        "fields": list(FIELDS),
        "status": "processed",
        "size": 1,
        "parts": [{"part_number": 0, "size": 1}],
    }

    clock.move_to(NIGHT)
    run.step(lost.pk)
    lost.refresh_from_db()
    assert (lost.state, lost.request_id) == (LogState.POSTING, None)
    assert lost.next_at > NIGHT
    LogRequest.objects.filter(pk=other.pk).update(request_id=4000, state=LogState.PREPARING)
    clock.move_to(NIGHT + timedelta(minutes=2))
    run.step(lost.pk)
    lost.refresh_from_db()
    assert (lost.state, lost.request_id) == (LogState.ORDERED, None)


@pytest.mark.django_db
def test_what_cannot_be_prepared_is_told_and_asked_for_again(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    send(proved, [call_at(proved, NOON)])
    logs.is_possible = False
    clock.move_to(NIGHT)
    days.plan(timezone.now())
    run.run_due(seconds=1)

    request = LogRequest.objects.get()
    assert (request.state, request.error) == (LogState.ORDERED, "not_possible")
    assert request.next_at == NIGHT + timedelta(hours=1)
    assert logs.asked == ["GET logrequests:evaluate"]

    logs.is_possible = True
    read_logs(clock, NIGHT + timedelta(hours=1))
    assert LogRequest.objects.get().state == LogState.DONE


@pytest.mark.django_db
def test_logs_that_vanish_end_the_request_and_the_next_night_asks_anew(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller
) -> None:
    upload = send(proved, [call_at(proved, NOON)])
    logs.rows = [hit_of(upload, 1)]
    clock.move_to(NIGHT)
    days.plan(timezone.now())
    run.run_due(seconds=1)
    logs.orders.clear()
    for _ in range(5):
        clock.shift(timedelta(minutes=1))
        run.run_due(seconds=1)

    assert LogRequest.objects.get().error == "gone"
    read_logs(clock, NIGHT + timedelta(days=1))
    assert LinkProof.objects.count() == 1


@pytest.mark.django_db
def test_a_person_orders_it_once_a_day_and_never_for_today(
    proved: Counter, logs: LogsApi, clock: time_machine.Traveller, owner: object
) -> None:
    def order() -> str:
        try:
            orders.order(proved, actor=owner, now=timezone.now())  # type: ignore[arg-type]
        except orders.CannotOrder as problem:
            return str(problem.sentence)
        return ""

    upload = send(proved, [call_at(proved, NOON)])
    logs.rows = [hit_of(upload, 1)]
    # Metrika has it since noon: its day is read in three nights, and when it is final.
    day = NOON.date()
    earlier = send(proved, [call_at(proved, NOON - timedelta(days=5))])
    old = day - timedelta(days=5)
    final = day + timedelta(days=4)
    told = f"Ещё прочитаем: {{}}{old.day} ноября — в ночь на {final.day} ноября."
    assert days.planned_days(proved, timezone.now()) == [
        (old, final),
        (day, day + timedelta(days=1)),
    ]
    first = f"{day.day} ноября — в ночь на {day.day + 1} ноября; "
    assert plan_text(proved, now=timezone.now()) == told.format(first)
    assert order() == str(orders.NOTHING_TO_READ)
    clock.move_to(NIGHT + timedelta(hours=8))
    assert days.planned_days(proved, timezone.now()) == [
        (old, final),
        (day, day + timedelta(days=1)),
    ]
    assert order() == ""
    assert plan_text(proved, now=timezone.now()) == told.format("")
    assert days.pending_days(proved, timezone.now() + timedelta(days=3)) == [old, day]
    Upload.objects.filter(pk=earlier.pk).update(uploading_id=None, state="later")
    assert plan_text(proved, now=timezone.now()) == ""
    assert order() == str(orders.UNDER_WAY)
    read_logs(clock, NIGHT + timedelta(hours=8))
    assert LinkProof.objects.count() == 1
    assert order() == str(orders.TODAY_ALREADY)
    Counter.objects.update(link_proof=False)
    assert order() == str(orders.SWITCHED_OFF)
    assert logs.left == []
