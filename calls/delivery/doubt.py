"""Which waiting rows and unsent uploads are in doubt: they went, or may have gone, in other files.

After a restore, Metrika has files that the database does not know (`UnknownFile`), and files that
were taken over (`calls.delivery.takeover`) have rows whose calls are elsewhere (`SentBefore`).
Nothing that is in doubt is built into a file or sent.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from calls.decision import sent_before
from calls.decision.horizon import LINK_HORIZON
from calls.decision.rules.restored import files_sql
from calls.delivery import moves
from calls.models import Resend, SentBefore, UnknownFile, Upload
from calls.states import Channel, DeliveryState

#: States in which a file may have calls that the database would send.
DOUBTFUL = (UnknownFile.State.OPEN, UnknownFile.State.KEPT)
#: When Metrika took an unknown file: `calls.decision.rules.restored.TAKEN_AT`.
_TAKEN_AT = Coalesce("create_time", "found_at")


def is_concerned(counter_id: int, channel: Channel) -> bool:
    """Whether anything waiting of this counter and channel may have been sent before."""
    of_list = {"counter_id": counter_id, "channel": channel}
    rows = SentBefore.objects.filter(**of_list, upload__newest_call_at__gt=horizon())
    unknown = doubtful_files().filter(**of_list)
    return bool(unknown.values("pk").union(rows.values("pk"), all=True)[:1])


def waits_in_doubt(counter_id: int, channel: Channel) -> bool:
    """Whether a row that waits may be in a file that the database does not know."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_IN_DOUBT, {"counter": counter_id, "channel": channel})
        return bool(cursor.fetchone()[0])


def has_doubtful_row(upload_id: int) -> bool:
    """Whether an upload that is being built has a call that was sent before, or may have been."""
    with connection.cursor() as cursor:
        cursor.execute(_HAS_DOUBTFUL_ROW, {"upload": upload_id})
        is_doubtful = bool(cursor.fetchone()[0])
    return is_doubtful or sent_before.is_in_file(upload_id)


def in_doubt() -> QuerySet[Upload]:
    """Return uploads that Metrika does not have, with calls that went or may have gone otherwise.

    None of them is sent. A repeat that a person ordered is no such upload.
    """
    return Upload.objects.filter(
        _IS_HOLDER | Exists(_unknown_files()), ~Exists(_REPEAT), moves.CANCEL.condition
    )


def is_sure() -> Q:
    """Return the condition of an upload that no file before a restore casts doubt on."""
    return ~_IS_HOLDER & (~Exists(_unknown_files()) | Exists(_REPEAT))


def horizon() -> datetime:
    """Return the start of the earliest call that may still be sent."""
    return timezone.now() - LINK_HORIZON


def doubtful_files() -> QuerySet[UnknownFile]:
    """Return the files that may have a call which would still be sent."""
    return UnknownFile.objects.filter(GreaterThan(_TAKEN_AT, horizon()), state__in=DOUBTFUL)


def _unknown_files() -> QuerySet[UnknownFile]:
    """Return the files, of the list of an outer upload, that may have its earliest call."""
    return doubtful_files().filter(
        GreaterThan(_TAKEN_AT, OuterRef("oldest_call_at")),
        counter_id=OuterRef("counter_id"),
        channel=OuterRef("channel"),
    )


#: A repeat that a person ordered; Exists instead of a join, for the claim's UPDATE.
_REPEAT = Resend.objects.filter(upload=OuterRef("pk"))
#: An upload that has a call which was sent in another file.
_IS_HOLDER = Q(Exists(SentBefore.objects.filter(held_by=OuterRef("pk"))))
_IN_DOUBT = f"""
SELECT EXISTS (
    SELECT 1 FROM calls_delivery d
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    WHERE <which>
      AND EXISTS (SELECT 1 {files_sql(DOUBTFUL, counter="d.counter_id", channel="d.channel")}))
"""
_WAITS_IN_DOUBT = _IN_DOUBT.replace(
    "<which>",
    f"d.state = {DeliveryState.WAITING} AND d.counter_id = %(counter)s AND d.channel = %(channel)s",
)
_HAS_DOUBTFUL_ROW = _IN_DOUBT.replace("<which>", "d.upload_id = %(upload)s")
