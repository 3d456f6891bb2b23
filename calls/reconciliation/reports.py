"""Reads Metrika's reports: every night for each counter, and when a person orders it.

The rows of `MetrikaReport` are the queue. Metrika allows 200 reports in 5 minutes for a login; a
reading is one request for all days (two when a chosen goal is gone), and of one login no more than
`READINGS_OF_LOGIN` are made in that time, so that half of the quota is left to people's own tools.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from cabinets import audit
from calls.models import LogRequest, LogState, MetrikaReport, MetrikaReportDay
from calls.models.reports import today_of, zone_of
from calls.reconciliation.by_logs import ProvedDay, proved_days, with_logs
from calls.reconciliation.own_side import Period, own_total
from calls.reconciliation.verdict import is_notable, judge
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.states import Channel
from counters.models import Counter
from integrations.api_call import MetrikaUnavailable, call_metrika, code_of
from integrations.installation import guard
from integrations.yandex.errors import RequestRejected
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.reports import CallReport

logger = logging.getLogger(__name__)

#: A report covers today and the days before it.
DAYS = 30
READINGS_OF_LOGIN = 50
QUOTA_PERIOD = timedelta(minutes=5)
#: A person may order a counter's report anew so long after it was last asked for.
ORDER_AFTER = timedelta(minutes=5)
#: Longer than two requests may take.
LEASE = timedelta(minutes=6)
RETRY_AFTER = timedelta(hours=1)
#: The time of the night in UTC (03:00 in Moscow, when the day's quota begins anew), and the
#: minutes over which the counters are spread.
NIGHT = time_of_day(0)
SPREAD_MINUTES = 120

_ENROL = """
INSERT INTO calls_metrikareport
    (counter_id, next_at, error, time_zone, goals, is_sampled, is_cut, unexplained, is_different)
SELECT c.id, %(now)s, '', '', '[]', false, false, 0, false FROM counters_counter c
WHERE c.removed_at IS NULL AND c.configured_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM calls_metrikareport r WHERE r.counter_id = c.id)
ORDER BY c.id
ON CONFLICT (counter_id) DO NOTHING
"""
_CLAIM = """
WITH asked AS MATERIALIZED (
    SELECT a.yandex_uid, count(*) AS readings FROM calls_metrikareport r
    JOIN counters_counter c ON c.id = r.counter_id
    JOIN integrations_yandexaccount a ON a.id = c.account_id
    WHERE r.asked_at > %(since)s GROUP BY a.yandex_uid
)
UPDATE calls_metrikareport SET asked_at = %(now)s, lease_until = %(lease)s
WHERE id = (
    SELECT r.id FROM calls_metrikareport r
    JOIN counters_counter c ON c.id = r.counter_id AND c.removed_at IS NULL
    JOIN integrations_yandexaccount a ON a.id = c.account_id
    LEFT JOIN asked ON asked.yandex_uid = a.yandex_uid
    WHERE (r.ordered_at IS NOT NULL OR r.next_at <= %(now)s)
      AND (r.lease_until IS NULL OR r.lease_until <= %(now)s)
      AND coalesce(asked.readings, 0) < %(most)s
    ORDER BY r.ordered_at NULLS LAST, r.next_at, r.id LIMIT 1)
RETURNING counter_id
"""
#: A number in PostgreSQL's space of advisory locks: one claim at a time counts what others took.
_LOCK = 7_312_042


def order(counter: Counter, *, actor: User, now: datetime) -> bool:
    """Order the report of a counter; False when it is ordered already, or was asked for just now.

    A button pressed twice orders once: the row is changed only if nothing is ordered.
    """
    _enrol(now)
    report = MetrikaReport.objects.filter(counter=counter, ordered_at=None)
    old = Q(asked_at__isnull=True) | Q(asked_at__lte=now - ORDER_AFTER)
    with transaction.atomic():
        if not report.filter(old).update(ordered_at=now, ordered_by=actor):
            return False
        audit.log_change(
            cabinet=counter.cabinet, actor=actor, action="report.ordered", subject=counter
        )
    return True


def read_due(*, seconds: float) -> int:
    """Read the reports that are due until the time is up; return how many were asked for."""
    if not guard.may_request():
        return 0
    stop_at = time.monotonic() + seconds
    _enrol(timezone.now())
    count = 0
    while time.monotonic() < stop_at and not shutdown.is_requested():
        counter = _claim(timezone.now())
        if counter is None:
            break
        with isolated_errors(logger, "report of counter %s", counter.number):
            read(counter, now=timezone.now())
        count += 1
    return count


def read(counter: Counter, *, now: datetime) -> MetrikaReport:
    """Ask Metrika, store the days and the verdict. Load the counter with its account and goals."""
    first, last = _days(counter, now)
    goals = [one.goal_id for one in (counter.goal, counter.callback_goal) if one]
    try:
        found = _ask(counter, first, last, sorted(set(goals)))
    except MetrikaUnavailable as problem:
        logger.info("counter %s: no report: %s", counter.number, problem)
        return _failed(counter, code_of(problem), now)
    return store(counter, found, now=now)


def _days(counter: Counter, now: datetime) -> tuple[date, date]:
    last = today_of(counter, now)
    return last - timedelta(days=DAYS - 1), last


def _ask(counter: Counter, first: date, last: date, goals: list[int]) -> CallReport:
    def ask(client: MetrikaClient) -> CallReport:
        try:
            return client.call_report(counter.number, first=first, last=last, goals=goals)
        except RequestRejected:
            if not goals:
                raise
        # A goal that was deleted in Metrika must not take the calls with it.
        return client.call_report(counter.number, first=first, last=last)

    return call_metrika(counter.account, ask)


@transaction.atomic
def store(counter: Counter, found: CallReport, *, now: datetime) -> MetrikaReport:
    """Replace the days by those of the report, and judge them."""
    first, last = _days(counter, now)
    report = MetrikaReport.objects.select_for_update(no_key=True).get(counter=counter)
    MetrikaReportDay.objects.filter(counter=counter).delete()
    MetrikaReportDay.objects.bulk_create(
        MetrikaReportDay(
            counter=counter,
            day=one.day,
            calls=one.calls,
            reaches={str(goal): count for goal, count in one.reaches.items()},
        )
        for one in found.days
        if first <= one.day <= last
    )
    report.first_day, report.last_day, report.read_at = first, last, now
    report.time_zone, report.error = zone_of(counter), ""
    report.goals = list(found.goals)
    report.is_sampled, report.is_cut = found.is_sampled, found.is_cut
    _judge(counter, report, now)
    return _done(report, next_at=_next_night(counter, now))


def judge_proved(*, now: datetime) -> int:
    """Judge anew the reports of counters whose rows the logs have told of since; return how many.

    Stopped half way, the rest is judged by the next run.
    """
    judged = 0
    for pk in shutdown.until_requested(list(_proved_since().values_list("pk", flat=True))):
        with isolated_errors(logger, "judging report %s", pk), transaction.atomic():
            locked = MetrikaReport.objects.select_for_update(of=("self",), no_key=True)
            report = locked.select_related("counter").get(pk=pk)
            _judge(report.counter, report, now)
            report.save(update_fields=["unexplained", "is_different", "judged_at"])
            judged += 1
    return judged


def _proved_since() -> QuerySet[MetrikaReport]:
    ended = LogRequest.objects.filter(counter=OuterRef("counter"), state=LogState.DONE)
    newer = ended.filter(finished_at__gt=Coalesce(OuterRef("judged_at"), OuterRef("read_at")))
    return MetrikaReport.objects.filter(Exists(newer), counter__removed_at=None).order_by("pk")


def _judge(counter: Counter, report: MetrikaReport, now: datetime) -> None:
    """Set the unexplained difference of all days, and whether people are told of it."""
    report.unexplained, report.is_different, report.judged_at = 0, False, now
    if not counter.send_calls or not report.is_comparable:
        return
    assert report.first_day is not None
    assert report.last_day is not None
    channel = Channel.CALLS
    period = Period(report.first_day, report.last_day, report.time_zone, report.read_at)
    proved = sum(proved_days(counter, channel, period).values(), ProvedDay())
    total = with_logs(own_total(counter, channel, period), proved)
    days = MetrikaReportDay.objects.filter(counter=counter)
    verdict = judge(total, days.aggregate(calls=Sum("calls", default=0))["calls"], channel)
    report.unexplained = verdict.unexplained
    report.is_different = is_notable(verdict.unexplained, total.sent)


def _failed(counter: Counter, error: str, now: datetime) -> MetrikaReport:
    """Keep the last report with the reason why there is no newer one."""
    report, _is_new = MetrikaReport.objects.get_or_create(
        counter=counter, defaults={"next_at": now}
    )
    report.error = error
    return _done(report, next_at=now + RETRY_AFTER)


def _done(report: MetrikaReport, *, next_at: datetime) -> MetrikaReport:
    report.ordered_at, report.ordered_by, report.lease_until = None, None, None
    report.next_at = next_at
    report.save()
    return report


def _next_night(counter: Counter, now: datetime) -> datetime:
    """Return this counter's minute of the coming night: the counters of a login are spread."""
    minutes = timedelta(minutes=counter.pk % SPREAD_MINUTES)
    night = datetime.combine(now.astimezone(UTC), NIGHT, UTC) + minutes
    return night if night > now else night + timedelta(days=1)


def _enrol(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ENROL, {"now": now})


@transaction.atomic
def _claim(now: datetime) -> Counter | None:
    """Take the next due report; another worker leaves it alone until the lease expires."""
    values: dict[str, datetime | int] = {
        "now": now,
        "lease": now + LEASE,
        "since": now - QUOTA_PERIOD,
        "most": READINGS_OF_LOGIN,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return _loaded(row[0]) if row else None


def _loaded(counter_id: int) -> Counter:
    counters = Counter.objects.with_account().select_related("goal", "callback_goal")
    return counters.get(pk=counter_id)
