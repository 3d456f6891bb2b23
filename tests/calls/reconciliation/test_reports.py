"""Metrika's reports: read once a night or by order, compared with the ledger by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from cabinets.models import Cabinet
from calls.delivery import polling
from calls.models import Call, LinkProof, LogRequest, MetrikaReport, MetrikaReportDay, Upload
from calls.models.reports import today_of
from calls.pages.periods import days_of
from calls.pages.report_page import comparison_of
from calls.pages.report_standings import standings_of, totals_of
from calls.pages.report_words import EARLIER, QUALITY, badge_of, evidence_sentence
from calls.reconciliation import reports
from calls.reconciliation.by_logs import ProvedDay
from calls.reconciliation.own_side import OwnDay, Period, own_days, own_total
from calls.reconciliation.verdict import Cause, counted_in, judge
from calls.states import Channel, DeliveryState, LinkResult, UploadState
from calls.tasks import prove_links
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay
from integrations.yandex.reports import CallReport, ReportedDay
from notices.conditions.calls import report_differences
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.sandbox_world import build_and_send, fault
from tests.calls.stored import store_call

URL = "/lk/integrations/reconciliation"
NIGHT = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)
DAY = date(2026, 6, 8)
NOON = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


def rows(counter: Counter, count: int, at: datetime, **fields: Any) -> None:
    """Store calls of this time with a row each; ``fields`` are those of the rows."""
    for _ in range(count):
        call = make_call(cabinet=counter.cabinet, started_at=at)
        make_delivery(call=call, counter=counter, **fields)


def shown(client: Client, **query: Any) -> str:
    answer: Any = client.get(URL, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_report_is_read_with_one_request_and_agrees_with_what_was_sent(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    owner: User,
    owner_client: Client,
) -> None:
    Counter.objects.update(configured_at=timezone.now())
    for _ in range(3):
        store_call(cabinet=cabinet)
    build_and_send()
    working_day.shift(timedelta(hours=2))
    polling.poll_open()
    before = RequestDay.objects.get().other
    assert reports.order(linked_counter, actor=owner, now=timezone.now())
    assert not reports.order(linked_counter, actor=owner, now=timezone.now())
    assert "Читаем отчёт Метрики" in shown(owner_client)

    assert (reports.read_due(seconds=5), reports.read_due(seconds=5)) == (1, 0)

    report = MetrikaReport.objects.get()
    assert (report.ordered_at, report.lease_until, report.error) == (None, None, "")
    assert RequestDay.objects.get().other == before + 1
    [day] = MetrikaReportDay.objects.values_list("day", "calls")
    assert day == (today_of(linked_counter, timezone.now()), 3)
    page = shown(owner_client)
    assert "Звонков в отчёте Метрики: 3, принято от нас: 3. Числа сходятся." in page
    # The page's button works again five minutes later, the night comes by itself.
    assert not reports.order(linked_counter, actor=owner, now=timezone.now())
    assert reports.order(linked_counter, actor=owner, now=timezone.now() + reports.ORDER_AFTER)
    assert timedelta(0) < report.next_at - timezone.now() < timedelta(hours=26)


def test_a_refused_report_keeps_the_last_one_and_says_why(
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    viewer_client: Client,
) -> None:
    Counter.objects.update(configured_at=timezone.now())
    goal = factories.make_goal(counter=linked_counter, identifier="gone")
    Counter.objects.update(goal=goal)
    # The goal does not exist in Metrika: the calls are counted without it.
    assert reports.read_due(seconds=5) == 1
    first = MetrikaReport.objects.get()
    assert (first.error, first.last_day) == ("", today_of(linked_counter, timezone.now()))
    assert RequestDay.objects.get().other == 2
    MetrikaReport.objects.update(next_at=timezone.now())
    fault(sandbox, "html_5xx", times=None)

    assert reports.read_due(seconds=5) == 1

    report = MetrikaReport.objects.get()
    assert (report.error, report.read_at) == ("no_answer", first.read_at)
    assert report.next_at == timezone.now() + reports.RETRY_AFTER
    page = shown(viewer_client)
    assert "Новый отчёт не прочитан. Метрика сейчас не отвечает." in page
    assert "не сопоставимо" in page  # the goal is not in the report
    assert "Прочитать отчёт сейчас" not in page


def test_no_more_reports_of_a_login_are_read_than_its_quota_leaves(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "READINGS_OF_LOGIN", 2)
    asked: list[int] = []
    monkeypatch.setattr(reports, "read", lambda one, now: asked.append(one.pk))
    for _ in range(2):
        factories.make_counter(account=counter.account)

    with time_machine.travel(NIGHT, tick=False) as traveller:
        assert (reports.read_due(seconds=5), reports.read_due(seconds=5)) == (2, 0)
        # A worker that died leaves its rows until the lease ends; the limit ends before.
        traveller.shift(reports.QUOTA_PERIOD + timedelta(seconds=1))
        assert reports.read_due(seconds=5) == 1
    assert len(set(asked)) == 3


def test_days_are_counted_to_the_row_in_the_counters_time_zone(counter: Counter) -> None:
    taken: dict[str, Any] = {"accepted_at": NIGHT - timedelta(days=1, hours=1)}
    processed: dict[str, Any] = {"state": UploadState.PROCESSED, **taken}
    # 21:30 UTC is the next day in Moscow.
    evening = NOON.replace(hour=21, minute=30)
    two_days = make_upload(counter=counter, rows=5, linked_quantity=4, line_quantity=5, **processed)
    rows(counter, 3, NOON, upload=two_days)
    rows(counter, 2, evening, upload=two_days)
    static = make_upload(
        counter=counter, rows=1, is_static=True, state=UploadState.LINKAGE_FAILURE, **taken
    )
    rows(counter, 1, NOON, upload=static, is_static=True)
    fresh = make_upload(counter=counter, rows=1, accepted_at=NIGHT - timedelta(hours=3))
    rows(counter, 1, NOON, upload=fresh)
    cancelled = make_upload(counter=counter, state=UploadState.CANCELLED, uploading_id=None)
    rows(counter, 1, NOON, upload=cancelled)
    rows(counter, 1, NOON)
    # Too late although nothing has marked it yet: it does not go any more.
    rows(counter, 1, NOON, expires_at=NIGHT)
    rows(counter, 2, NOON, state=DeliveryState.SKIPPED, reason="short")

    period = Period(DAY, DAY + timedelta(days=2), "Europe/Moscow", NIGHT)
    with time_machine.travel(NIGHT, tick=False):
        found = own_days(counter, Channel.CALLS, period)
        total = own_total(counter, Channel.CALLS, period)

    assert found == {
        DAY: OwnDay(
            DAY,
            received=10,
            to_send=6,
            sent=5,
            recent=1,
            pending=1,
            accepted_low=4,
            accepted_high=4,
            linked_low=2,
            linked_high=4,
            due_low=2,
            static=1,
        ),
        DAY + timedelta(days=1): OwnDay(
            DAY + timedelta(days=1),
            received=2,
            to_send=2,
            sent=2,
            accepted_low=2,
            accepted_high=2,
            linked_low=1,
            linked_high=2,
            due_low=1,
        ),
    }
    # Over both days the file that spans them has exact numbers.
    assert (total.received, total.sent, total.linked_low, total.due_low) == (12, 7, 4, 4)


@pytest.mark.parametrize(
    ("reported", "unexplained", "causes"),
    [
        (10, 0, []),
        (8, 0, [(Cause.STATIC, 2), (Cause.UNLINKED, 1)]),
        (5, -2, [(Cause.STATIC, 2), (Cause.UNLINKED, 1), (Cause.DAY_OF_VISIT, 2)]),
        (12, 0, [(Cause.REPEATS, 2)]),
        (
            19,
            7,
            [(Cause.REPEATS, 2), (Cause.DAY_OF_VISIT, 7), (Cause.SOMEBODY_ELSE, 7)],
        ),
    ],
)
def test_a_difference_has_its_likely_causes(
    reported: int, unexplained: int, causes: list[tuple[Cause, int]]
) -> None:
    ours = OwnDay(DAY, 12, 11, 10, 0, 10, 10, linked_low=7, due_low=7, static=2, repeats=2)

    verdict = judge(ours, reported, Channel.CALLS)

    assert (verdict.unexplained, list(verdict.causes)) == (unexplained, causes)
    assert verdict.is_explicable == (unexplained == 0)


def test_calls_that_the_report_evidently_has_are_no_cause_of_missing_ones() -> None:
    total = OwnDay(DAY, 20, 20, 20, 0, 20, 20, linked_low=12, linked_high=12, static=5)
    day = OwnDay(DAY, 10, 10, 10, 0, 10, 10, linked_low=4, due_low=4, static=5)
    causes = {}
    for reported in (20, 17, 16, 15):
        counted = counted_in(total, reported, Channel.CALLS)
        causes[reported] = (counted, judge(day, 7, Channel.CALLS, counted).causes)

    elsewhere, static, unlinked = Cause.DAY_OF_VISIT, Cause.STATIC, Cause.UNLINKED
    assert causes == {
        20: ((static, unlinked), ((elsewhere, 3),)),
        # The report would have 15 without the static calls, 17 without the unlinked ones.
        17: ((static,), ((unlinked, 1), (elsewhere, 2))),
        16: ((static,), ((unlinked, 1), (elsewhere, 2))),
        15: ((), ((static, 3), (unlinked, 1))),
    }
    assert counted_in(total, 20, Channel.GOAL) == ()
    # More than all of ours: calls of others may stand for the static ones.
    assert counted_in(total, 21, Channel.CALLS) == ()
    assert "и статические, и непривязанные" in evidence_sentence((static, unlinked))
    assert evidence_sentence(()) == ""


def test_a_number_within_what_may_be_accepted_is_no_difference_to_explain() -> None:
    spans = OwnDay(DAY, 5, 5, 5, 5, accepted_low=2, accepted_high=3, linked_low=2, linked_high=3)
    verdict = judge(spans, 3, Channel.CALLS)
    assert (verdict.difference_low, verdict.difference_high) == (0, 1)
    assert verdict.causes == ((Cause.SPANS, 1),)
    assert badge_of(verdict, is_notable=False) == ("neutral", "возможно, сходится")
    # More than accepted: of two rows Metrika has not told yet, and they cover the surplus.
    more = judge(OwnDay(DAY, 5, 5, 5, 2, 3, 3, 3, 3, pending=2), 4, Channel.CALLS)
    assert (more.causes, more.is_explicable) == (((Cause.PENDING, 1),), True)
    # More than accepted, and recent rows do not explain it: it is not called explicable.
    unknown = judge(OwnDay(DAY, 5, 5, 5, 5, 3, 3, 3, 3), 4, Channel.CALLS)
    assert (unknown.causes, unknown.is_explicable) == ((), False)
    assert badge_of(unknown, is_notable=False) == ("neutral", "причина неизвестна")


def test_every_counter_stands_for_itself_and_the_page_opens_with_the_busiest(
    counter: Counter, viewer_client: Client
) -> None:
    taken: dict[str, Any] = {
        "state": UploadState.PROCESSED,
        "accepted_at": NIGHT - timedelta(days=1, hours=1),
    }
    names = {"Ровный": 2, "Объяснимый": 1, "Пустой": 0, "Выключенный": 0}
    made = {}
    for name in names:
        made[name] = factories.make_counter(account=counter.account, name=name)
    Counter.objects.exclude(pk=counter.pk).update(configured_at=NIGHT, enabled=True)
    Counter.objects.filter(name="Выключенный").update(enabled=False)
    for name, linked in (("Ровный", 2), ("Объяснимый", 1)):
        count = 2 if name == "Ровный" else 3
        upload = make_upload(counter=made[name], rows=count, linked_quantity=linked, **taken)
        rows(made[name], count, NOON, upload=upload)
    with time_machine.travel(NIGHT, tick=False):
        for name, calls in names.items():
            reports.order(made[name], actor=factories.make_user(), now=NIGHT)
            report = CallReport((ReportedDay(DAY, calls),))
            reports.store(made[name], report, now=NIGHT)
        found = list(Counter.objects.filter(configured_at=NIGHT).select_related("cabinet"))
        standings = standings_of(found)
        badges = {one.counter.name: (one.badge[1], *one.texts) for one in standings}
        page = shown(viewer_client)
        off = shown(viewer_client, counter=made["Выключенный"].pk)

    assert badges == {
        "Ровный": ("сходится", "2", "2"),
        "Объяснимый": ("объяснимо", "3", "1"),
        "Пустой": ("нечего сравнивать", "0", "0"),
        "Выключенный": ("выключен", "0", "0"),
    }
    assert totals_of(standings) == {"sent": "5", "reported": "3"}
    assert f'<option value="{made["Объяснимый"].pk}" selected>' in page
    assert str(QUALITY) in page
    days = "from=2026-06-08&amp;to=2026-06-08"
    assert f'{days}&amp;counter={made["Объяснимый"].pk}&amp;channel=1">3</a>' in page
    assert "сравнивать нечего" in off
    assert "Числа сходятся" not in off


def test_a_counter_differs_from_five_calls_and_five_per_cent_on(counter: Counter) -> None:
    taken: dict[str, Any] = {
        "state": UploadState.PROCESSED,
        "accepted_at": NIGHT - timedelta(days=1, hours=1),
    }
    upload = make_upload(counter=counter, rows=8, linked_quantity=8, line_quantity=8, **taken)
    rows(counter, 8, NOON, upload=upload)
    state = []
    with time_machine.travel(NIGHT, tick=False) as traveller:
        reports.order(counter, actor=factories.make_user(), now=NIGHT)
        for calls in (3, 4, 15):
            report = CallReport((ReportedDay(DAY, calls),))
            stored = reports.store(counter, report, now=timezone.now())
            found = [one.facts for one in report_differences(timezone.now())]
            state.append((stored.unexplained, [(one["calls"], one["is_more"]) for one in found]))
            traveller.shift(timedelta(days=1))

    assert state == [(-5, [(5, False)]), (-4, []), (7, [(7, True)])]


def test_a_difference_is_judged_again_when_the_logs_have_told_of_it(counter: Counter) -> None:
    taken: dict[str, Any] = {"accepted_at": NIGHT - timedelta(days=1, hours=1)}
    upload = make_upload(counter=counter, rows=8, linked_quantity=8, line_quantity=8, **taken)
    Upload.objects.update(state=UploadState.PROCESSED)
    rows(counter, 8, NOON, upload=upload)
    reports.order(counter, actor=factories.make_user(), now=NIGHT)

    def told() -> list[int]:
        of_page = comparison_of(
            counter, MetrikaReport.objects.get(), Channel.CALLS, days=days_of("30d", NIGHT.date())
        ).total
        assert of_page is not None
        assert of_page.verdict is not None
        assert of_page.verdict.unexplained == MetrikaReport.objects.get().unexplained
        return [one.facts["calls"] for one in report_differences(timezone.now())]

    with time_machine.travel(NIGHT, tick=False) as traveller:
        reports.store(counter, CallReport((ReportedDay(DAY, 1),)), now=NIGHT)
        assert (told(), reports.judge_proved(now=NIGHT)) == ([7], 0)
        traveller.shift(timedelta(hours=1))
        days: dict[str, Any] = {"date1": DAY, "date2": DAY, "requested_at": NIGHT}
        ended = {"state": "done", "finished_at": timezone.now(), "next_at": NIGHT}
        LogRequest.objects.create(counter=counter, **days, **ended)
        for number, call in enumerate(Call.objects.order_by("pk"), start=1):
            prove(upload, number, call, LinkResult.LINKED if number == 1 else LinkResult.NO_VISIT)
        traveller.shift(timedelta(hours=1))
        # The task: without anything to ask Metrika for.
        assert (prove_links(), told()) == (0, [])
        assert reports.judge_proved(now=timezone.now()) == 0


def prove(upload: Upload, number: int, call: Call, result: LinkResult) -> None:
    """The logs say so of a row."""
    LinkProof.objects.create(
        upload=upload,
        row_number=number,
        call=call,
        partition_at=call.partition_at,
        cabinet=call.cabinet,
        counter=upload.counter,
        channel=Channel.CALLS,
        result=result,
        proved_at=NIGHT,
    )


@pytest.mark.parametrize("flag", ["is_sampled", "is_cut"])
def test_estimates_and_cut_reports_are_not_compared(counter: Counter, flag: str) -> None:
    report = MetrikaReport.objects.create(
        counter=counter,
        next_at=NIGHT,
        read_at=NIGHT,
        first_day=DAY,
        last_day=NIGHT.date(),
        **{flag: True},
    )
    compared = comparison_of(counter, report, Channel.CALLS, days=days_of("14d", NIGHT.date()))

    assert (compared.total, compared.sentence) == (None, "")
    assert {one.badge for one in compared.lines} == {("neutral", "не сопоставимо")}
    # Days before the report say that, not that they are estimates.
    assert len({one.causes[0] for one in compared.lines}) == 2


def test_linked_rows_are_told_by_the_logs_where_they_name_all(
    counter: Counter, viewer_client: Client
) -> None:
    taken: dict[str, Any] = {"counter": counter, "accepted_at": NIGHT - timedelta(days=1, hours=1)}
    static, upload = make_upload(rows=1, is_static=True, **taken), make_upload(rows=2, **taken)
    rows(counter, 1, NOON, upload=static, is_static=True)
    rows(counter, 2, NOON, upload=upload)
    told = []
    # The static call is in the logs, too: it says nothing of the others.
    places = [(static, 1, LinkResult.NO_VISIT)]
    places += [(upload, 1, LinkResult.LINKED), (upload, 2, LinkResult.NO_VISIT)]
    for call, (file, number, result) in zip(Call.objects.order_by("pk"), places, strict=True):
        prove(file, number, call, result)
        found = comparison_of(counter, None, Channel.CALLS, days=days_of("14d", NIGHT.date()))
        [line] = [one for one in found.lines if one.own.day == DAY]
        told.append((line.linked, line.linked_note))
    with time_machine.travel(NIGHT, tick=False):
        page = shown(viewer_client, counter=counter.pk)

    partly = ("от 0 до 2", "по логам: 1 из 1 проверенных")
    assert told == [("от 0 до 2", ""), partly, ("1", "по логам")]
    assert ">по логам</div>" in page
    assert "&amp;channel=1&amp;link=not_linked" in page
    # As many are missing as have no visit: these open from the difference, and only then.
    own = replace(line.own, static=0)
    for reported, opens in ((1, True), (0, False), (2, False)):
        verdict = judge(replace(own, accepted_low=2, accepted_high=2), reported, Channel.CALLS)
        known = replace(line, own=own, verdict=verdict, proved=ProvedDay(2, 1, 1))
        assert bool(known.difference_url) == opens
    assert not replace(known, own=line.own).difference_url


def test_goals_reached_twice_in_a_second_count_once(counter: Counter) -> None:
    goal = factories.make_goal(counter=counter, identifier="call")
    counter.goal = goal
    counter.save()
    upload = make_upload(
        counter=counter,
        channel=Channel.GOAL,
        rows=3,
        target="call",
        state=UploadState.PROCESSED,
        linked_quantity=3,
        line_quantity=3,
        accepted_at=NIGHT - timedelta(days=1, hours=1),
    )
    for at in (NOON, NOON + timedelta(milliseconds=400), NOON + timedelta(seconds=1)):
        call = make_call(cabinet=counter.cabinet, started_at=at, client_id="7")
        make_delivery(call=call, counter=counter, upload=upload, channel=Channel.GOAL)
    MetrikaReportDay.objects.create(counter=counter, day=DAY, calls=0, reaches={goal.goal_id: 2})
    report = MetrikaReport.objects.create(
        counter=counter,
        next_at=NIGHT,
        read_at=NIGHT,
        first_day=DAY,
        last_day=NIGHT.date(),
        goals=[goal.goal_id],
    )

    compared = comparison_of(counter, report, Channel.GOAL, days=days_of("14d", NIGHT.date()))

    [line] = [one for one in compared.lines if one.own.sent]
    assert (line.own.merged, line.difference, line.badge) == (1, "−1", ("neutral", "объяснимо"))
    assert line.causes == [
        "звонки одного посетителя в одну секунду — одно достижение цели: может объяснять до 1"
    ]


def test_download_has_a_line_for_each_day(viewer_client: Client, counter: Counter) -> None:
    Counter.objects.update(configured_at=NIGHT)

    answer: Any = viewer_client.get(f"{URL}/{counter.pk}.csv?days=30")

    lines = answer.content.decode("utf-8-sig").splitlines()
    assert (lines[0], lines[1].split(";")[0], len(lines)) == ("Звонки", "День", 32)
    page: Any = viewer_client.get(URL, {"days": "28"})
    names = ["today", "yesterday", "7d", "14d", "28d", "last_week", "month", "last_month", "30d"]
    assert (list(page.context["periods"]), page.context["period"].name) == (names, "28d")
    assert len(page.context["comparisons"][0].lines) == 28
    other: Any = viewer_client.get(URL, {"days": "90"})
    assert len(other.context["comparisons"][0].lines) == 14


def test_own_dates_are_days_of_a_report_and_stay_when_it_is_read(
    owner_client: Client, counter: Counter
) -> None:
    Counter.objects.update(configured_at=NIGHT)
    first, last = "2026-05-20", "2026-05-22"
    with time_machine.travel(NIGHT, tick=False):
        page: Any = owner_client.get(URL, {"period": "14d", "from": first, "to": last})
        query = f"from={first}&to={last}"
        order = f"{reverse('calls:reports-read', args=[counter.pk])}?{query}"
        assert escape(order) in page.content.decode()
        answer = owner_client.post(order)
        early: Any = owner_client.get(URL, {"from": "2026-05-01", "to": last})

    days = [str(line.own.day) for line in page.context["comparisons"][0].lines]
    assert days == [last, "2026-05-21", first]
    assert answer["Location"] == f"{URL}?counter={counter.pk}&{query}"
    assert "Укажите обе даты с 12 мая по 10 июня" in early.content.decode()
    assert len(early.context["comparisons"][0].lines) == 14


def test_causes_of_a_period_account_for_no_more_than_those_of_its_days() -> None:
    first, last = OwnDay(NIGHT.date(), recent=8), OwnDay(NIGHT.date())
    days = [
        judge(replace(first, sent=8, accepted_low=8, accepted_high=8), 6, Channel.CALLS),
        judge(replace(last, sent=6, accepted_low=6, accepted_high=6), 0, Channel.CALLS),
    ]
    total = replace(first + last, sent=14, accepted_low=14, accepted_high=14)

    causes = judge(total, 6, Channel.CALLS).within(days).causes

    assert dict(causes)[Cause.RECENT] == 2


def test_days_before_those_of_the_report_are_told_as_such(counter: Counter) -> None:
    """Of the month before only its last days are in a report of 30 days."""
    first, last = NIGHT.date() - timedelta(days=30), NIGHT.date() - timedelta(days=1)
    report = MetrikaReport(counter=counter, read_at=NIGHT, first_day=first, last_day=last)

    found = comparison_of(counter, report, Channel.CALLS, days=days_of("last_month", NIGHT.date()))

    whole = NIGHT.date().replace(day=1) - timedelta(days=1)
    assert [found.lines[0].own.day, found.lines[-1].own.day] == [whole, whole.replace(day=1)]
    told = {line.own.day for line in found.lines if line.problem == EARLIER}
    assert told == {line.own.day for line in found.lines if line.own.day < first}
    assert found.lines[-1].own.day in told
