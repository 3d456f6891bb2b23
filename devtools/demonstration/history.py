"""Lives through some weeks of a customer: the product's own steps, with a clock of the past.

Nothing is drawn in: calls are taken in, decided, gathered and really uploaded to the sandbox, so
that what the pages show and what the sandbox holds are one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.delivery import batching, look, results, sending
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.ingest.source_use import record_accepted
from calls.models import ListUse, StreamUse, Upload, Way
from calls.states import Channel
from devtools.demonstration import faults, visits
from devtools.demonstration.generator import PLACES, CallGenerator, ended_at
from devtools.demonstration.past import as_of
from integrations.installation import guard
from integrations.limits import clock_skew, request_budget
from integrations.limits.pauses import ensure_day
from integrations.limits.quota_reset import day_of
from integrations.models import RequestDay
from integrations.yandex.errors import QuotaExceeded, RequestRejected
from integrations.yandex.records import Uploading

SEED = 20261123
WEEKS = 8
CALLS_A_DAY = 30
LATE_CALLS = 6
#: Older days share an upload, so that the first start is not kept waiting: an upload takes as much
#: time as a hundred calls. A failed attempt waits for the next upload, when it has to be younger
#: than the 21 days after which Metrika takes no call: so fewer than ten together.
DAILY_FOR = 2
DAYS_TOGETHER = 9
#: Longer than a counter of the demonstration holds a call.
HELD_FOR = timedelta(days=3)
#: Longer than any call of the generator goes on after the end of its span.
CALLS_END_WITHIN = timedelta(minutes=45)
#: One site with good identifiers, one with some of another system, one with too few.
SITES = (
    PLACES[0],
    replace(PLACES[1], of_other_system=0.25),
    replace(PLACES[2], with_client_id=0.55, with_yclid=0.06),
)
#: After a request that the budget or the sandbox put off; both let through 25 and more a second.
PAUSE_SECONDS = 0.05

Progress = Callable[[int, int], None]


def live_through(cabinet: Cabinet, source: CallSource, *, report: Progress) -> int:
    """Take in and deliver eight weeks of calls up to now; return how many calls there were."""
    _read_lists(cabinet)
    generator = CallGenerator(seed=SEED, prefix="9", places=SITES)
    spans = list(_spans(timezone.now()))
    total = 0
    for number, (start, end) in enumerate(spans, start=1):
        _let_something_go_wrong(remaining=len(spans) - number)
        days = max(1, (end - start).days)
        records = generator.between(start, end, CALLS_A_DAY * days)
        visits.tell_of_visits(records)
        is_last = number == len(spans)
        if len(spans) - number == DAILY_FOR:
            # Calls held from before go on their day, not at the end of this span with it.
            _deliver(cabinet, now=start + HELD_FOR)
        for moment, part in _as_they_came(records, end, by_hour=is_last):
            total += _take_in(source, part, now=moment)
            for due in _delivery_times(moment, is_last=is_last and moment == end):
                _deliver(cabinet, now=due)
        report(number, len(spans))
    total += _take_in_late(source, generator)
    record_accepted(source, now=timezone.now())
    _forget_today(cabinet)
    # What is left to do is due since now, not since the day of the history: it is no backlog.
    Upload.objects.splitting().filter(cabinet=cabinet).update(not_before=timezone.now())
    return total


def _read_lists(cabinet: Cabinet) -> None:
    """Read every list, as a sender does after its start: nothing is sent before that.

    A new database becomes an installation by the check, which is a start as well.
    """
    guard.check()
    for counter_id in cabinet.counters.values_list("pk", flat=True):
        for channel in Channel:
            look.look(counter_id, channel)


def _take_in_late(source: CallSource, generator: CallGenerator) -> int:
    """A few calls that the telephone exchange reported too late for Metrika."""
    now = timezone.now()
    late = generator.between(now - timedelta(days=25), now - timedelta(days=23), LATE_CALLS)
    return _take_in(source, late, now=now)


def _let_something_go_wrong(*, remaining: int) -> None:
    if remaining == 2:
        faults.refuse_rows(2)
    if remaining == 1:
        faults.refuse_file("Вопрос о цене")


def _spans(now: datetime) -> Iterator[tuple[datetime, datetime]]:
    today = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    end = today - timedelta(days=7 * WEEKS)
    daily_from = today - timedelta(days=DAILY_FOR)
    while end < today:
        start = end
        if start < daily_from:
            end = min(start + timedelta(days=DAYS_TOGETHER), daily_from)
        else:
            end = min(start + timedelta(days=1), today)
        yield start, end


def _as_they_came(
    records: list[dict[str, Any]], end: datetime, *, by_hour: bool
) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """Yield the records with the moment at which they come: after each hour, or all at the end."""
    hours: defaultdict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        hours[_next_hour(ended_at(record)) if by_hour else end].append(record)
    hours[end] += []
    yield from sorted(hours.items(), key=itemgetter(0))


def _next_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _delivery_times(end: datetime, *, is_last: bool) -> Iterator[datetime]:
    """Yield when what was taken in at ``end`` is delivered.

    A failed callback attempt waits for the next one of its order, and a call that began just before
    the end of the span is sent after its own end. Both go with the next span; after the last one
    there is a second delivery, so that neither stays waiting, nor is delivered in the future.
    """
    first = timedelta(seconds=settings.UPLOAD_MIN_WAIT_SECONDS + 1)
    attempts = timedelta(seconds=settings.ATTEMPT_WAIT_SECONDS + 1)
    yield end + first
    if is_last:
        yield min(end + max(first, attempts, CALLS_END_WITHIN), timezone.now())


def _take_in(source: CallSource, records: list[dict[str, Any]], *, now: datetime) -> int:
    for place in range(0, len(records), settings.INGEST_MAX_CALLS):
        part = records[place : place + settings.INGEST_MAX_CALLS]
        records_read = read_records(part, source_id=source.public_id, zone=None, now=now)
        store.store_calls(source=source, records=records_read, now=now, way=Way.API)
    return len(records)


def _deliver(cabinet: Cabinet, *, now: datetime) -> None:
    batching.build_uploads(now=now)
    ready = Upload.objects.ready().filter(cabinet=cabinet)
    with as_of(now):
        for upload in ready.select_related("counter__account"):
            _send(upload, now=now)


def _send(upload: Upload, *, now: datetime) -> None:
    """Claim by the clock of then and send for real, today; write down that it was at ``now``."""
    epoch = _claim(upload, now=now)
    if epoch is None:
        return
    guard.record(epoch, upload.pk, now=timezone.now())
    try:
        answer = _post_patiently(upload, now=now)
    except RequestRejected as refusal:
        results.record_failure(upload, refusal, now=now)
    else:
        results.record_taken(upload, answer, now=now)
    Upload.objects.filter(pk=upload.pk).update(sent_at=now)
    upload.tries.update(started_at=now, ended_at=now + timedelta(seconds=1))


def _claim(upload: Upload, *, now: datetime) -> int | None:
    """Claim as of ``now``, when the calls were not too late, with a lease that runs from today."""
    with transaction.atomic():
        epoch = sending.claim(upload, now=now)
        upload.sent_at = timezone.now()
        lease_until = upload.sent_at + sending.lease_length()
        Upload.objects.sending().filter(pk=upload.pk).update(lease_until=lease_until)
    return epoch


def _post_patiently(upload: Upload, *, now: datetime) -> Uploading:
    while True:
        try:
            with request_budget.request(
                upload.counter.account.yandex_uid, request_budget.Kind.UPLOAD
            ) as lease:
                answer = sending.post(upload)
            _count_on_day(lease, day_of(now))
            return answer
        except (request_budget.BudgetSpent, QuotaExceeded):
            time.sleep(PAUSE_SECONDS)


@transaction.atomic
def _count_on_day(lease: request_budget.Lease, day: date) -> None:
    """Count the upload on the day of the history: today's calls would wait for a spent budget."""
    request_budget.refund(lease)
    ensure_day(lease.yandex_uid, day)
    RequestDay.objects.filter(yandex_uid=lease.yandex_uid, day=day).update(uploads=F("uploads") + 1)


def _forget_today(cabinet: Cabinet) -> None:
    """Leave the whole day to the person who tries the product: what we spent of it is not counted.

    With a part of its day spent, a login's next calls would wait for each other for minutes.
    """
    today = day_of(timezone.now() + clock_skew.ahead())
    logins = cabinet.yandex_accounts.values("yandex_uid")
    RequestDay.objects.filter(yandex_uid__in=logins, day=today).delete()
    StreamUse.objects.filter(counter__cabinet=cabinet).delete()
    ListUse.objects.filter(counter__cabinet=cabinet).delete()
