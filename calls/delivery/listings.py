"""Reads Metrika's lists of uploadings, and examines every list that is read, whatever it is for.

A list shows what nothing else does: a file that stands in Metrika twice, a file of ours that the
database does not know (it was restored to an earlier moment), and a file that the database takes
for unsent. `examine` is the only definition of the three, and every reader calls it: the poll, the
lookup, the look before a first send, the daily comparison.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from calls.delivery import moves, transitions
from calls.delivery.found import settle_found
from calls.delivery.policy import MARKER
from calls.delivery.results import close_attempt, log_lookup, quantities, record_taken
from calls.models import ListUse, UnknownFile, Upload
from calls.states import ON_THE_WAY, Attention, Channel, sql_list
from counters.models import Counter
from integrations.clients import metrika_client
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

#: Older uploads are settled, and their calls are past Metrika's 21 days.
WINDOW = timedelta(days=35)
#: Markers that one line of the log names.
MAX_LOGGED = 10

#: Files of one list with the same marker, in the order of the list.
Copies = Mapping[str, Sequence[Uploading]]


@dataclass
class Listing:
    """The uploadings of a counter and channel, read page by page while it is iterated over.

    ``is_enough`` is called at the end of each page: no further page is read once it returns True.
    """

    counter: Counter
    channel: int
    before_request: Callable[[], None]
    is_enough: Callable[[], bool] | None = None
    #: When the reading began, and whether it has reached the end of the list.
    began_at: datetime = field(default_factory=timezone.now, init=False)
    is_whole: bool = field(default=False, init=False)
    _is_cut: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Uploading]:
        """Yield the uploadings; raises YandexError."""
        number = self.counter.number
        with closing(metrika_client(self.counter.account, self.before_request)) as client:
            if self.channel == Channel.GOAL:
                yield from client.conversion_uploadings(number, is_enough=self._may_stop)
            else:
                yield from client.call_uploadings(number, is_enough=self._may_stop)
        self.is_whole = not self._is_cut

    def _may_stop(self) -> bool:
        self._is_cut = self.is_enough is not None and self.is_enough()
        return self._is_cut


@dataclass(frozen=True)
class Examined:
    """What a list showed that was not recorded before."""

    #: Ids of uploads that stand in it more than once.
    doubled: frozenset[int] = frozenset()
    #: Ids of uploads that were held not to have arrived and stand in it: Metrika has them.
    adopted: frozenset[int] = frozenset()
    #: Files with markers of ours that the database does not know.
    unknown: tuple[UnknownFile, ...] = ()


def examine(
    counter: Counter, channel: int, uploadings: Iterable[Uploading], now: datetime
) -> Examined:
    """Record what this list, or the part of it that was read, shows about our files.

    A file that stands there twice becomes a duplicate, whatever state its upload is in; an upload
    that was held not to have arrived, for whatever reason, is taken, and its rows are never sent
    again; a marker of ours without an upload is recorded as `UnknownFile`, for every counter of the
    number: the list does not tell which cabinet sent it. One query, however long the
    list is, unless it shows one of them.
    """
    copies = _by_marker(uploadings)
    remarkable = _remarkable(copies)
    uploads = _uploads(counter, channel, [pk for pk, _marker in remarkable if pk is not None])
    doubled = [one for one in uploads if len(copies[one.marker]) > 1]
    single = [one for one in uploads if len(copies[one.marker]) == 1]
    strange = {marker: copies[marker] for upload_id, marker in remarkable if upload_id is None}
    return Examined(
        doubled=frozenset(
            one.pk for one in doubled if _record_duplicate(one, copies[one.marker], now)
        ),
        adopted=frozenset(one.pk for one in single if _adopt(one, copies[one.marker][0], now)),
        unknown=tuple(_record_unknown(counter, channel, strange, now)) if strange else (),
    )


def record_whole(counter_id: int, channel: int, began_at: datetime) -> None:
    """Record that the list was read to its end and examined, by a reading that began then."""
    ListUse.objects.get_or_create(counter_id=counter_id, channel=channel)
    use = ListUse.objects.filter(counter_id=counter_id, channel=channel)
    is_newer = Q(read_whole_at=None) | Q(read_whole_at__lt=began_at)
    use.filter(is_newer).update(read_whole_at=began_at, looking_until=None, look_error="")


def _by_marker(uploadings: Iterable[Uploading]) -> dict[str, list[Uploading]]:
    copies: dict[str, list[Uploading]] = defaultdict(list)
    for one in uploadings:
        if MARKER.fullmatch(one.comment):
            copies[one.comment].append(one)
    return copies


_NOT_ARRIVED = sql_list(moves.TAKE_FOUND.sources)

# A duplicate that is known is remarkable again when there is one more copy of it.
_REMARKABLE = f"""
SELECT u.id, seen.marker
FROM unnest(%(markers)s::text[], %(copies)s::int[]) AS seen(marker, copies)
LEFT JOIN calls_upload u ON u.marker = seen.marker
WHERE u.id IS NULL OR (u.uploading_id IS NULL AND u.state IN {_NOT_ARRIVED})
   OR (seen.copies > 1
       AND (u.attention <> '{Attention.DUPLICATE}' OR cardinality(u.duplicate_ids) < seen.copies))
"""


def _remarkable(copies: Copies) -> list[tuple[int | None, str]]:
    """Return upload (None: there is none) and marker of the files that may need a record."""
    if not copies:
        return []
    counts = [len(held) for held in copies.values()]
    with connection.cursor() as cursor:
        cursor.execute(_REMARKABLE, {"markers": list(copies), "copies": counts})
        return [(upload_id, marker) for upload_id, marker in cursor.fetchall()]


def _uploads(counter: Counter, channel: int, ids: list[int]) -> list[Upload]:
    """Return the uploads of this list; cabinets that share a counter share its list."""
    of_list = Upload.objects.filter(counter__number=counter.number, channel=channel)
    return list(of_list.filter(pk__in=ids).order_by("pk")) if ids else []


def _record_duplicate(upload: Upload, held: Sequence[Uploading], now: datetime) -> bool:
    """Record that Metrika holds the file twice: it cannot be undone, so a person has to know."""
    ids = sorted({one.uploading_id for one in held} | set(upload.duplicate_ids))
    row = Upload.objects.filter(pk=upload.pk, duplicate_ids=upload.duplicate_ids)
    # The counts of the copy that is known as ours; those that are recorded already are kept.
    ours = next((one for one in held if one.uploading_id == upload.uploading_id), held[0])
    counts = quantities(ours) if upload.source_quantity is None else {}
    sent_at = ours.create_time or now
    with transaction.atomic():
        before = _lock(upload)
        if not transitions.mark_duplicate(row, ids, quantities=counts, now=now, sent_at=sent_at):
            return False
        close_attempt(upload, now=now, http_status=200)
        log_lookup(upload, "StandsTwice", now)
        _settle_rows(before, now)
    logger.error("upload %s stands in Metrika %s times: %s", upload.marker, len(ids), ids)
    return True


def _adopt(upload: Upload, held: Uploading, now: datetime) -> bool:
    """Take an upload that was held not to have arrived; False if it was claimed since."""
    with transaction.atomic():
        current = _lock(upload)
        if not moves.TAKE_FOUND.allows(current):
            return False
        if not record_taken(current, held, now=now, is_looked_up=True):
            return False
        _settle_rows(current, now)
    logger.warning("upload %s was %s and stands in Metrika: taken", upload.marker, current.state)
    return True


def _lock(upload: Upload) -> Upload:
    """Lock the counter and the upload, in this order; return the upload as it is now."""
    Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=upload.counter_id)
    return Upload.objects.select_for_update(of=("self",), no_key=True).get(pk=upload.pk)


def _settle_rows(before: Upload, now: datetime) -> None:
    """Settle the rows that may have left the upload. ``before``: as it was when it was found."""
    if before.uploading_id is None and before.state not in ON_THE_WAY:
        settle_found(Upload.objects.select_related("counter").get(pk=before.pk), now=now)


def _record_unknown(
    counter: Counter, channel: int, strange: Copies, now: datetime
) -> list[UnknownFile]:
    """Record files that the database does not know; return those that are new."""
    recent = {marker: held for marker, held in strange.items() if _is_recent(held, now)}
    _refresh(UnknownFile.objects.filter(marker__in=recent), recent)
    created = _create_unknown(counter, channel, recent, now) if recent else []
    if created:
        named = ", ".join(one.marker for one in created[:MAX_LOGGED])
        text = "counter %s: %s files of ours in Metrika are not in the database: %s"
        logger.error(text, counter.number, len(created), named)
    return [one for one in created if one.counter_id == counter.pk]


def _is_recent(held: Sequence[Uploading], now: datetime) -> bool:
    return any(one.create_time is None or one.create_time >= now - WINDOW for one in held)


def _create_unknown(
    counter: Counter, channel: int, recent: Copies, now: datetime
) -> list[UnknownFile]:
    """Create the records that are missing of the counters with this number; return them."""
    sharing = Counter.objects.filter(number=counter.number).order_by("pk")
    wanted = {(pk, marker) for pk in sharing.values_list("pk", flat=True) for marker in recent}
    recorded = UnknownFile.objects.filter(marker__in=recent).values_list("counter_id", "marker")
    if not wanted - set(recorded):
        return []
    with transaction.atomic():
        # The locks serialise the listings of one number, and a batcher that gathers at this moment.
        locked = list(sharing.select_for_update(of=("self",), no_key=True))
        there = set(recorded.all())
        return UnknownFile.objects.bulk_create(
            _unknown_file(one, channel, held, now)
            for one in locked
            for marker, held in recent.items()
            if (one.pk, marker) not in there
        )


def _unknown_file(
    counter: Counter, channel: int, held: Sequence[Uploading], now: datetime
) -> UnknownFile:
    first = min(held, key=lambda one: one.uploading_id)
    return UnknownFile(
        counter=counter,
        channel=channel,
        marker=first.comment,
        uploading_ids=sorted(one.uploading_id for one in held),
        rows=first.source_quantity,
        create_time=first.create_time,
        status=first.status[:40],
        found_at=now,
    )


def _refresh(known: Iterable[UnknownFile], recent: Copies) -> None:
    """Store what Metrika tells otherwise now of files that are recorded already."""
    changed = []
    for one in known:
        held = recent[one.marker]
        first = min(held, key=lambda copy: copy.uploading_id)
        ids = sorted({copy.uploading_id for copy in held} | set(one.uploading_ids))
        told = (ids, first.status[:40], first.source_quantity)
        if told != (one.uploading_ids, one.status, one.rows):
            one.uploading_ids, one.status, one.rows = told
            changed.append(one)
    if changed:
        columns = ["uploading_ids", "status", "rows"]
        UnknownFile.objects.bulk_update(changed, columns, batch_size=1000)
