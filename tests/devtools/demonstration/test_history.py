"""The demonstration's weeks of history, made by the product's own steps against the sandbox."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db.models import Max, Min
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet, CallSource
from calls.delivery import polling
from calls.delivery.streams import due_streams
from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from devtools.demonstration import faults, history
from devtools.sandbox import RunningSandbox
from integrations.limits import request_budget
from integrations.models import Installation, RequestDay
from tests.calls.stored import store_call

STILL_TO_LEAVE = [UploadState.READY, UploadState.LATER, UploadState.SENDING, UploadState.UNCLEAR]

#: The calls depend on the hour. At both the last span has a failed callback attempt, which waits
#: for the next one; the second is near the end of Metrika's day.
MOMENTS = (datetime(2026, 11, 28, 3, 25, tzinfo=UTC), datetime(2026, 11, 28, 23, 55, tzinfo=UTC))


@pytest.fixture(params=MOMENTS, ids=str, autouse=True)
def moment(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs before all other fixtures: the sandbox's tokens have to be of the same day."""
    with time_machine.travel(request.param):
        yield


def test_every_day_of_the_weeks_was_delivered_on_its_day(
    cabinet: Cabinet,
    linked_counter: Counter,
    source: CallSource,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    monkeypatch.setattr(history, "CALLS_A_DAY", 12)
    monkeypatch.setattr(history, "WEEKS", 4)
    Counter.objects.update(site_mode=Counter.SiteMode.ALL)
    began = timezone.now()
    # As in a new database, whose first check is a start.
    Installation.objects.update(look_after=began)

    calls = history.live_through(cabinet, source, report=lambda _done, _total: None)

    assert Call.objects.count() == calls
    assert not Upload.objects.filter(state__in=STILL_TO_LEAVE).exists()
    assert not Delivery.objects.filter(state=DeliveryState.WAITING).exists()
    days = {upload.sent_at.date() for upload in Upload.objects.all() if upload.sent_at}
    assert len(days) >= history.DAILY_FOR
    sent = Upload.objects.aggregate(first=Min("sent_at"), last=Max("sent_at"))
    assert sent["first"] < began - timedelta(weeks=2)
    assert began - timedelta(days=1) < sent["last"] < began
    uploads_of_day = Tally(
        upload.sent_at.astimezone(UTC).date() for upload in Upload.objects.all() if upload.sent_at
    )
    counted = dict(RequestDay.objects.filter(uploads__gt=0).values_list("day", "uploads"))
    assert sum(counted.values()) <= sum(uploads_of_day.values())
    assert len(counted) >= history.DAILY_FOR
    late = Delivery.objects.filter(state=DeliveryState.EXPIRED).values("call").distinct()
    assert 0 < late.count() <= history.LATE_CALLS  # the rest does not pass the rules
    assert_today_is_left_to_the_person(cabinet, settings)


def test_last_days_are_delivered_each_and_both_faults_happen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(faults, "refuse_rows", lambda _rows: happened.append("rows"))
    monkeypatch.setattr(faults, "refuse_file", lambda _marker: happened.append("file"))

    spans = list(history._spans(timezone.now()))
    for number in range(len(spans)):
        history._let_something_go_wrong(remaining=len(spans) - number - 1)

    days = [(end - start).days for start, end in spans]
    assert days == [9, 9, 9, 9, 9, 9, 1, 1]
    assert sum(days) == 7 * history.WEEKS
    assert happened == ["rows", "file"]


def assert_today_is_left_to_the_person(cabinet: Cabinet, settings: Settings) -> None:
    """No request of today is counted, and a call of now shares its file after the usual wait."""
    # The lists that a sender reads after its start are not the subject.
    Installation.objects.update(look_after=None)
    now = timezone.now()
    assert not RequestDay.objects.filter(day__gte=now.astimezone(UTC).date()).exists()
    assert request_budget.polls_today("1100000001", now) == 0
    assert polling.spacing("1100000001", 8, now) == timedelta(0)
    # So few that what the demonstration has sent today would be too much.
    settings.METRIKA_DAILY_REQUESTS, settings.UPLOAD_MIN_WAIT_SECONDS = 10, 5
    call = store_call(cabinet=cabinet, started_at=now - timedelta(minutes=5))
    (row,) = Delivery.objects.filter(call_id=call.pk, state=DeliveryState.WAITING)
    assert row.not_before is not None

    due = row.not_before + timedelta(seconds=5)

    just_before = due_streams(due - timedelta(milliseconds=1))
    assert [one.counter_id for one in just_before] == []
    assert [one.counter_id for one in due_streams(due)] == [row.counter_id]
