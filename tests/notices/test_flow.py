"""The flow of calls is compared with what is usual; the statistics behind it, and a simulation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db.models import F
from django.test import Client

from cabinets.models import CallSource
from calls.models import Call, SummaryMark
from calls.states import DeliveryState
from calls.summary import refresh as summary
from counters.models import Counter
from devtools.tools import alert_simulation
from integrations.models import YandexAccount
from notices.baseline.judge import Finding
from notices.baseline.tail import lower_tail, upper_tail
from notices.conditions import series, usual
from notices.conditions.flow_facts import facts_of
from notices.kinds import Kind
from notices.models import Baseline, Notice
from notices.tasks import check_flow
from notices.words import words_of
from tests import factories
from tests.calls.ledger import make_call, make_delivery
from tests.calls.many_rows import copy_call
from tests.notices.conftest import NOW

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def standing() -> dict[str, dict[str, Any]]:
    return {one.kind: one.facts for one in Notice.objects.standing()}


def calls(
    counter: Counter, source: CallSource, count: int, apart: timedelta, *, last: datetime
) -> None:
    """Store calls at equal distances, the last one at this moment."""
    call = make_call(cabinet=counter.cabinet, source=source, started_at=last, received_at=last)
    make_delivery(call=call, counter=counter, state=DeliveryState.WAITING)
    copy_call(call, count - 1, apart=apart)
    Call.objects.update(received_at=F("started_at") + timedelta(minutes=5))


def test_silence_is_told_once_and_its_end(
    clock: time_machine.Traveller, account: YandexAccount, owner_client: Client
) -> None:
    counter = factories.make_counter(account=account, name="Окна")
    source = factories.make_source(cabinet=account.cabinet)
    # Ten an hour for three weeks, and none for two hours.
    calls(counter, source, 5000, timedelta(minutes=6), last=NOW - 2 * HOUR - SECOND)
    # What has no history is not judged.
    factories.make_counter(account=account, name="Новый")
    usual.renew(now=NOW - 2 * HOUR, seconds=60)
    from_rows = series.read(NOW - 100 * HOUR, NOW, None)
    summary.refresh(now=NOW, hours=1000)
    assert not SummaryMark.objects.exists()
    assert series.read(NOW - 100 * HOUR, NOW, counter.cabinet_id) == from_rows
    check_flow()

    found = standing()
    assert set(found) == {"inflow_low", "source_low"}
    numbers = [found["inflow_low"][name] for name in ("observed", "expected", "low", "high")]
    assert numbers == [0, 18.3, 13, 24]
    words = words_of(Notice.objects.get(kind="inflow_low")).text
    assert words.startswith("«Окна»: с 23 ноября, 08:00 не пришло ни одного звонка, обычно за это")
    page = owner_client.get("/lk/integrations/notices").content.decode()
    assert "сколько бывает обычно" in page
    clock.shift(10 * timedelta(minutes=1))
    check_flow()
    assert Notice.objects.count() == 2
    # Two hours as usual, and it has ended.
    clock.shift(3 * HOUR)
    calls(counter, source, 31, timedelta(minutes=6), last=NOW + 3 * HOUR)
    check_flow()
    assert standing() == {}
    assert Baseline.objects.exclude(subject_id=0).count() == 4


def test_hours_are_those_of_the_start_a_call_came_with(source: CallSource) -> None:
    call = make_call(cabinet=source.cabinet, source=source, started_at=NOW - 3 * HOUR)
    Call.objects.filter(pk=call.pk).update(started_at=NOW - 2 * HOUR)
    begin = NOW.replace(minute=0, second=0) - 3 * HOUR

    from_rows = series.read(begin, NOW, None)
    summary.refresh(now=NOW, hours=1000)

    assert from_rows == {(Kind.SOURCE_LOW, source.pk): {begin: (1, 0)}}
    assert series.read(begin, NOW, None) == from_rows


def test_low_day_of_most_counters_is_one_notice(
    clock: time_machine.Traveller, account: YandexAccount
) -> None:
    for number in range(3):
        counter = factories.make_counter(account=account, name=f"Сайт {number}")
        source = factories.make_source(cabinet=account.cabinet)
        calls(counter, source, 2000, timedelta(minutes=12), last=NOW - 4 * HOUR)
    usual.renew(now=NOW - 4 * HOUR, seconds=60)
    check_flow()
    found = standing()
    assert list(found) == ["inflow_cabinet"]
    assert (found["inflow_cabinet"]["low"], found["inflow_cabinet"]["observed"]) == (3, 0)
    # A counter that is switched off is not missed.
    Counter.objects.update(enabled=False)
    CallSource.objects.update(is_active=False)
    check_flow()
    assert standing() == {}


@pytest.mark.parametrize(
    ("observed", "expected", "variance", "tail"),
    [(0, 5.0, 5.0, 0.006738), (3, 10.0, 10.0, 0.010336), (2, 10.0, 20.0, 0.019287)],
)
def test_lower_tail_is_that_of_the_distribution(
    observed: int, expected: float, variance: float, tail: float
) -> None:
    # Poisson without extra scatter, negative binomial with it: values of SciPy.
    assert lower_tail(observed, expected, variance) == pytest.approx(tail, rel=1e-3)


@pytest.mark.parametrize(
    ("whole", "variance", "tail"), [(40, 8.4, 0.0002747), (40, 20.0, 0.014721)]
)
def test_upper_tail_is_that_of_the_distribution(whole: int, variance: float, tail: float) -> None:
    assert upper_tail(23, whole, 12.0, variance) == pytest.approx(tail, rel=1e-3)


@pytest.mark.parametrize(("until", "since"), [("09:37", "07:30"), ("05:37", "03:00")])
def test_notice_says_when_the_judged_hours_begin(until: str, since: str) -> None:
    # By ten minutes from 06:00 on; before, where calls come late, by whole hours.
    times = (datetime.fromisoformat(f"2026-11-23T{at}:00+00:00") for at in (until, "06:00", since))
    end, parts_since, begin = times
    window = series.Window(end, ZoneInfo("Europe/Moscow"), parts_since, begin)
    judged = sum(hour.part for hour in window.hours({}, {}))

    facts = facts_of(Baseline(kind=Kind.SKIPPED_UP), Finding(judged, 1, 1, 1, 2), window, {})

    assert facts["since"] == begin.isoformat()


def test_simulated_drops_are_told() -> None:
    # The fifth counter has 200 calls an hour.
    _volume, result = alert_simulation.of_counter((2, 4, 14))
    told = [one for ones in result.told.values() for one in ones]
    assert [one is not None and one <= 120 for one in told] == [True] * 8
    assert sum(result.false_alarms.values()) <= 1
