"""Weeks of a customer, lived through with the real steps against the sandbox."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Max, Min
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from devtools.demonstration import history
from devtools.sandbox import RunningSandbox

STILL_TO_LEAVE = [UploadState.READY, UploadState.LATER, UploadState.SENDING, UploadState.UNCLEAR]


def test_every_day_of_the_weeks_was_delivered_on_its_day(
    cabinet: Cabinet,
    linked_counter: Counter,
    source: CallSource,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "CALLS_A_DAY", 12)
    Counter.objects.update(site_mode=Counter.SiteMode.ALL)
    began = timezone.now()

    calls = history.live_through(cabinet, source, report=lambda _done, _total: None)

    assert Call.objects.count() == calls
    assert not Upload.objects.filter(state__in=STILL_TO_LEAVE).exists()
    assert not Delivery.objects.filter(state=DeliveryState.WAITING).exists()
    days = {upload.sent_at.date() for upload in Upload.objects.all() if upload.sent_at}
    assert len(days) >= history.DAILY_FOR
    sent = Upload.objects.aggregate(first=Min("sent_at"), last=Max("sent_at"))
    assert sent["first"] < began - timedelta(weeks=history.WEEKS - 1)
    assert began - timedelta(days=1) < sent["last"] < began
    late = Delivery.objects.filter(state=DeliveryState.EXPIRED).values("call").distinct()
    assert 0 < late.count() <= history.LATE_CALLS  # the rest does not pass the rules
