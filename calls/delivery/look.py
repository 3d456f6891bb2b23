"""Looks before the first send: after a start, a list is read before its next upload is sent.

A database that was restored, or a process that was away for long, may take files for unsent that
Metrika has. So after every start of a sending process, and after sending was halted
(`Installation.look_after`), the first request about a counter and channel with something to send is
the list of its uploadings. `calls.delivery.listings.examine` records what it shows. Until it was
read to its end no file of the counter and channel is built or claimed (`is_read_sql`); any other
reading counts as well (poll, lookup, comparison), so a running product makes no request more.

If the process dies while it reads, the reading is repeated when its claim has run out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from cabinets.sealing import UnsealFailed
from calls.delivery.listings import Listing, examine, record_whole
from calls.delivery.lookup import handle_list_error
from calls.delivery.policy import BACKOFF_CAP, BACKOFF_FIRST, MARKER
from calls.models import ListUse
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.states import TO_SEND, DeliveryState, sql_list
from counters.models import Counter
from counters.sendable import SENDABLE, as_sql
from integrations.installation import guard
from integrations.limits import request_budget
from integrations.models import Installation
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)

#: How long a reading waits for a free slot of its login.
MAX_SLOT_WAIT_SECONDS = 1


def is_read_sql(counter: str, channel: str) -> str:
    """Return SQL: the list was read wholly since it had to be. Arguments: qualified columns."""
    return (
        "NOT EXISTS (SELECT 1 FROM integrations_installation i WHERE i.look_after IS NOT NULL"
        f" AND NOT EXISTS (SELECT 1 FROM calls_listuse l WHERE l.counter_id = {counter}"
        f" AND l.channel = {channel} AND l.read_whole_at >= i.look_after))"
    )


@dataclass(frozen=True)
class UnreadList:
    """A list that has to be read before something is sent, and since when it could be."""

    counter_id: int
    channel: int
    since: datetime


# From the waiting deliveries and the uploads to be sent, of which there are few at rest, to their
# lists: most counters have none. The recursion goes from one list's place in the index
# delivery_queue to the next one. Without the lists that a process reads at this moment, or that
# wait after a failure.
_DUE = f"""
WITH RECURSIVE waiting AS (
    (SELECT counter_id, channel FROM calls_delivery
     WHERE state = {DeliveryState.WAITING}
       AND EXISTS (SELECT 1 FROM integrations_installation WHERE look_after IS NOT NULL)
     ORDER BY counter_id, channel LIMIT 1)
    UNION ALL
    SELECT following.* FROM waiting w CROSS JOIN LATERAL (
        SELECT counter_id, channel FROM calls_delivery
        WHERE state = {DeliveryState.WAITING}
          AND (counter_id, channel) > (w.counter_id, w.channel)
        ORDER BY counter_id, channel LIMIT 1
    ) AS following
), list AS (
    SELECT counter_id, channel FROM waiting
    UNION
    SELECT counter_id, channel FROM calls_upload
    WHERE state IN {sql_list(TO_SEND)} AND not_before <= %(now)s
)
SELECT k.id, list.channel, greatest(rows.since, installation.look_after, busy.looking_until)
FROM list
JOIN counters_counter k ON k.id = list.counter_id
JOIN integrations_yandexaccount a ON a.id = k.account_id
CROSS JOIN integrations_installation installation
LEFT JOIN calls_listuse busy ON busy.counter_id = k.id AND busy.channel = list.channel
CROSS JOIN LATERAL (
    SELECT min(at) AS since FROM (
        SELECT min(u.not_before) AS at FROM calls_upload u
        WHERE u.counter_id = k.id AND u.channel = list.channel
          AND u.state IN {sql_list(TO_SEND)} AND u.not_before <= %(now)s
        UNION ALL
        -- Any of them: of millions that wait the earliest is not worth a search.
        (SELECT d.not_before FROM calls_delivery d
        WHERE d.counter_id = k.id AND d.channel = list.channel
          AND d.state = {DeliveryState.WAITING}
          AND d.not_before <= %(now)s AND d.expires_at > %(now)s LIMIT 1)
    ) AS moments
) AS rows
WHERE {as_sql(SENDABLE)} AND NOT {is_read_sql("k.id", "list.channel")}
  AND (busy.looking_until IS NULL OR busy.looking_until <= %(now)s)
  AND rows.since IS NOT NULL
ORDER BY 3, 1, 2
"""


def due(now: datetime) -> list[UnreadList]:
    """Return the lists to be read now, before something is sent, the longest due first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now})
        return [UnreadList(*row) for row in cursor.fetchall()]


def look_before_send() -> int:
    """Read every list that is due; return how many were read.

    None while the installation is halted in a way that stops all requests.
    """
    if not guard.may_request():
        return 0
    read = 0
    for one in shutdown.until_requested(due(timezone.now())):
        with isolated_errors(logger, "list of counter %s", one.counter_id):
            read += look(one.counter_id, one.channel)
    return read


def look(counter_id: int, channel: int) -> bool:
    """Read one list and record what it shows; False when another process has it, or it failed."""
    now = timezone.now()
    if not _claim(counter_id, channel, now):
        return False
    counter = Counter.objects.with_account().get(pk=counter_id)
    try:
        listing = _read(counter, channel)
    except request_budget.BudgetSpent as refusal:
        logger.info("the list of counter %s waits: %s", counter.number, refusal)
        _wait(counter_id, channel, until=refusal.retry_at)
        return False
    except YandexError as error:
        is_renewed = handle_list_error(counter, error, now=now)
        until = now if is_renewed else now + _pause(now)
        _wait(counter_id, channel, until=until, error=type(error).__name__)
        return False
    except UnsealFailed as error:
        logger.error("the list of counter %s: no key opens the token", counter.number)
        _wait(counter_id, channel, until=now + _pause(now), error=type(error).__name__)
        return False
    return listing.is_whole


def _read(counter: Counter, channel: int) -> Listing:
    with request_budget.request(
        counter.account.yandex_uid,
        request_budget.Kind.LOOK,
        counter=counter.number,
        max_wait_seconds=MAX_SLOT_WAIT_SECONDS,
    ) as lease:

        def prepare_page() -> None:
            _wait(counter.pk, channel, until=timezone.now() + _claim_length())
            lease.before_request()

        listing = Listing(counter, channel, prepare_page)
        ours = [one for one in listing if MARKER.fullmatch(one.comment)]
    examine(counter, channel, ours, timezone.now())
    record_whole(counter.pk, channel, listing.began_at)
    return listing


def _claim(counter_id: int, channel: int, now: datetime) -> bool:
    """Claim the reading (compare-and-set on `looking_until`); False if it is not needed any more.

    Of two senders that found it due one reads, and the other goes on when the list was read.
    """
    look_after = Installation.objects.values_list("look_after", flat=True).first()
    if look_after is None:
        return False
    ListUse.objects.get_or_create(counter_id=counter_id, channel=channel)
    is_unread = Q(read_whole_at=None) | Q(read_whole_at__lt=look_after)
    is_free = Q(looking_until=None) | Q(looking_until__lte=now)
    unread = ListUse.objects.filter(is_unread, is_free, counter_id=counter_id, channel=channel)
    return bool(unread.update(looking_until=now + _claim_length()))


def _claim_length() -> timedelta:
    return request_budget.max_duration(request_budget.Kind.LOOK)


def _wait(counter_id: int, channel: int, *, until: datetime, error: str | None = None) -> None:
    """Let nobody read the list until then; ``error`` is the class of an error to be shown."""
    use = ListUse.objects.filter(counter_id=counter_id, channel=channel)
    use.update(looking_until=until, **({} if error is None else {"look_error": error}))


def _pause(now: datetime) -> timedelta:
    """Return the pause after a failure: as long as it has been failing, so that it doubles."""
    look_after = Installation.objects.values_list("look_after", flat=True).first() or now
    return min(max(now - look_after, BACKOFF_FIRST), BACKOFF_CAP)
