"""Compares the ledger with itself and with Metrika's lists, once a day for every counter.

While Metrika is unavailable, the ledger is compared with itself only, and the differences last
found in Metrika are kept.

What must agree: every call since the last change of the counter that routing reads has one
delivery per channel over which it concerns the counter (`calls.decision.routing`); every upload
has as many rows as deliveries (or is a repeat that a person ordered); Metrika has exactly
the uploads that are taken in the ledger, each once, with the rows and the result recorded here.
A difference is stored and shown, and not repaired, because only a person can judge it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from calls.decision.routing import count_routed
from calls.delivery.listings import WINDOW, examine, record_whole
from calls.models import Difference, Reconciliation, Upload
from calls.reconciliation.diff import Finding, Ours, compare
from calls.reconciliation.refresh import refresh_linked
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.states import Attention, Channel, UploadState, sql_list
from counters.models import Counter
from counters.sendable import REACHABLE, as_q
from integrations.api_call import MetrikaUnavailable, call_metrika
from integrations.installation import guard
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=24)
#: After a comparison during which Metrika was unavailable to a reachable counter.
RETRY_AFTER = timedelta(hours=1)
#: A call that was being stored while its counter was added may have been decided without it.
SETTLING = timedelta(minutes=1)
KEPT = timedelta(days=35)
#: How often the order of the counters rotates; about the interval of the beat task.
ROTATION_SECONDS = 600

#: Differences within the ledger; all others are differences from Metrika.
OF_LEDGER = (
    Difference.Code.CALLS_AND_DELIVERIES,
    Difference.Code.ROWS_AND_DELIVERIES,
    Difference.Code.CALLS_LOST,
)


def reconcile_due(*, now: datetime, seconds: float) -> int:
    """Compare the counters whose last comparison is a day old, until the time is up.

    Return how many were compared.
    """
    if not guard.may_request():
        return 0
    stop_at = time.monotonic() + seconds
    Reconciliation.objects.filter(at__lt=now - KEPT, is_latest=False).delete()
    compared = 0
    for counter in shutdown.until_requested(_rotated(list(due(now)), now)):
        if time.monotonic() >= stop_at:
            break
        with isolated_errors(logger, "comparison of counter %s", counter.number):
            reconcile(counter, now=now)
            compared += 1
    return compared


def reconcile(counter: Counter, *, now: datetime) -> Reconciliation:
    """Compare one counter and store what was found. Load it with its account."""
    # Metrika's lists first: the uploads that are read after them can only be in a later state.
    began_at = timezone.now()
    lists = _lists(counter)
    for channel, uploadings in (lists or {}).items():
        examine(counter, channel, uploadings, now)
        record_whole(counter.pk, channel, began_at)
    ours = _recent_uploads(counter, now)
    calls, expected, deliveries = _calls_and_deliveries(counter, now)
    found = _ledger_findings(counter, expected, deliveries, now)
    if lists is not None:
        for channel, uploadings in lists.items():
            refresh_linked(counter, uploadings, channel=channel)
            of_channel = [one for one in ours if one.channel == channel]
            found += compare(of_channel, uploadings, now=now)
    result = Reconciliation(
        counter=counter,
        at=now,
        calls=calls,
        deliveries=deliveries,
        uploads=len(ours),
        uploadings=sum(map(len, lists.values())) if lists is not None else None,
    )
    return _store(result, found)


def _rotated(counters: list[Counter], now: datetime) -> list[Counter]:
    """Return the counters with another one first every few minutes.

    One that fails, or takes all the time, is due again at once: it must not always precede the
    others.
    """
    first = int(now.timestamp() // ROTATION_SECONDS) % max(1, len(counters))
    return counters[first:] + counters[:first]


def due(now: datetime) -> QuerySet[Counter]:
    """Return the counters to be compared: once a day, or sooner when Metrika was unavailable."""
    is_reachable = as_q(REACHABLE, "counter__")
    recent = Reconciliation.objects.filter(is_latest=True, at__gt=now - EVERY).exclude(
        is_reachable, uploadings=None, at__lte=now - RETRY_AFTER
    )
    return (
        Counter.objects.present()
        .exclude(pk__in=recent.values("counter_id"))
        .with_account()
        .order_by("pk")
    )


def _lists(counter: Counter) -> dict[int, list[Uploading]] | None:
    """Return Metrika's list of uploadings per channel in use; None when it is unavailable."""
    used = Upload.objects.filter(counter=counter).order_by().values_list("channel", flat=True)
    try:
        return {channel: _list(counter, channel) for channel in sorted(set(used.distinct()))}
    except MetrikaUnavailable as problem:
        logger.info("counter %s is compared without Metrika: %s", counter.number, problem)
        return None


def _list(counter: Counter, channel: int) -> list[Uploading]:
    def read(client: MetrikaClient) -> list[Uploading]:
        if channel == Channel.GOAL:
            return list(client.conversion_uploadings(counter.number))
        return list(client.call_uploadings(counter.number))

    return call_metrika(counter.account, read)


def _recent_uploads(counter: Counter, now: datetime) -> list[Ours]:
    fields = Ours.__dataclass_fields__
    uploads = Upload.objects.filter(counter=counter, created_at__gte=now - WINDOW)
    return [Ours(**values) for values in uploads.order_by("pk").values(*fields)]


# Uploads whose rows returned to waiting, or went to parts, have fewer deliveries than rows; so may
# one that stands in Metrika twice, which is told already.
_ROWS_AND_DELIVERIES = f"""
SELECT u.id, u.rows, count(d.call_id), u.taken_over_at IS NOT NULL,
       (SELECT count(*) FROM calls_sentbefore s WHERE s.upload_id = u.id AND s.held_by_id IS NULL)
FROM calls_upload u
LEFT JOIN calls_delivery d ON d.upload_id = u.id
WHERE u.counter_id = %(counter)s AND u.created_at >= %(since)s
  AND u.state NOT IN {sql_list([UploadState.SPLITTING, UploadState.CANCELLED])}
  AND u.attention <> '{Attention.DUPLICATE}'
  AND NOT EXISTS (SELECT 1 FROM calls_resend r WHERE r.upload_id = u.id)
GROUP BY u.id HAVING u.rows <> count(d.call_id) ORDER BY u.id
"""


def _calls_and_deliveries(counter: Counter, now: datetime) -> tuple[int, int, int]:
    """Return the calls that concern the counter, the deliveries they must have, and those found."""
    changed_at = max(counter.added_at, counter.routing_changed_at or counter.added_at)
    since = max(changed_at + SETTLING, now - WINDOW)
    return count_routed(counter.cabinet_id, since=since, until=now, counter_id=counter.pk)


def _ledger_findings(
    counter: Counter, expected: int, deliveries: int, now: datetime
) -> list[Finding]:
    Code = Difference.Code
    found = []
    if deliveries != expected:
        counts = str(expected), str(deliveries)
        found.append(Finding(Code.CALLS_AND_DELIVERIES, ours=counts[0], theirs=counts[1]))
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_AND_DELIVERIES, {"counter": counter.pk, "since": now - WINDOW})
        rows = cursor.fetchall()
    return found + [one for row in rows if (one := _rows_finding(*row)) is not None]


def _rows_finding(
    upload_id: int, rows: int, attached: int, is_taken_over: bool, missing: int
) -> Finding | None:
    """Return the difference of an upload whose rows are not all deliveries of its own.

    Of one that a restored database took over only the calls count that are nowhere in the database.
    """
    if not is_taken_over:
        code = Difference.Code.ROWS_AND_DELIVERIES
        return Finding(code, upload_id, ours=str(rows), theirs=str(attached))
    if not missing:
        return None
    code = Difference.Code.CALLS_LOST
    return Finding(code, upload_id, ours=str(rows - missing), theirs=str(rows))


@transaction.atomic
def _store(result: Reconciliation, found: list[Finding]) -> Reconciliation:
    # The lock serialises two comparisons of one counter.
    Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=result.counter_id)
    latest = Reconciliation.objects.filter(counter=result.counter, is_latest=True)
    if result.uploadings is None:
        found = found + _still_known(latest)
    latest.update(is_latest=False)
    result.difference_count = len(found)
    result.save()
    Difference.objects.bulk_create(
        Difference(
            reconciliation=result,
            code=one.code,
            upload_id=one.upload_id,
            uploading_ids=list(one.uploading_ids),
            ours=one.ours[:64],
            theirs=one.theirs[:64],
        )
        for one in found
    )
    if found:
        logger.error("counter %s: %s differences", result.counter.number, len(found))
    return result


def _still_known(latest: QuerySet[Reconciliation]) -> list[Finding]:
    """Return the differences from Metrika that the last comparison with it found."""
    of_metrika = Difference.objects.filter(reconciliation__in=latest).exclude(code__in=OF_LEDGER)
    return [
        Finding(one.code, one.upload_id, tuple(one.uploading_ids), one.ours, one.theirs)
        for one in of_metrika.order_by("pk")
    ]


def disagreeing(counters: Q) -> list[Reconciliation]:
    """Return the latest comparisons of these counters that found a difference."""
    latest = Reconciliation.objects.filter(is_latest=True, difference_count__gt=0)
    return list(latest.filter(counters).select_related("counter").order_by("counter__name"))
