"""What is known of each sent row's link to a visit: from Metrika's logs, else that it is not known.

The only definition: lists, filters and a call's page use `link_of` and `link_condition`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Delivery, LinkProof, Upload
from calls.models.proof import SEARCHED_FOR
from calls.models.querysets import WITH_METRIKA
from calls.queries.link_waits import Wait
from calls.states import DeliveryState, LinkResult

LINKED, NOT_LINKED, ABSENT = "linked", "not_linked", "absent"
NOT_YET, UNKNOWN = "not_yet", "unknown"

#: Values of filters and their words.
VALUES = {
    LINKED: gettext_lazy("Привязан к визиту"),
    NOT_LINKED: gettext_lazy("Без визита"),
    ABSENT: gettext_lazy("В логах Метрики нет"),
    NOT_YET: gettext_lazy("Ещё не видно"),
    UNKNOWN: gettext_lazy("Не проверялся"),
}
#: Colour of each value.
TONES = {
    LINKED: "success",
    NOT_LINKED: "neutral",
    ABSENT: "warning",
    NOT_YET: "info",
    UNKNOWN: "neutral",
}
#: Value of each result of a proof.
OF_RESULT = {
    LinkResult.LINKED: LINKED,
    LinkResult.NO_VISIT: NOT_LINKED,
    LinkResult.ABSENT: ABSENT,
}


@dataclass(frozen=True)
class Link:
    """What is known of one sent row."""

    value: str
    #: A sentence without a full stop that names its source, since what Metrika tells of the whole
    #: file may differ: «по логам Метрики этот звонок привязан к визиту 12.11, 18:02».
    text: str
    #: When the logs were read; None when nothing was found in them so far.
    proved_at: datetime | None = None
    visit_id: str = ""
    visit_at: datetime | None = None
    #: Whether a list tells it beside the row: not where no proof was tried.
    is_told: bool = True

    @property
    def tone(self) -> str:
        """The colour of its badge."""
        return TONES[self.value]


# The reason is that of the latest request for logs of these days.
_LINKS = """
SELECT w.upload_id, w.row_number, p.result, p.visit_id, p.visit_at, p.proved_at, u.is_static,
       u.taken_over_at IS NOT NULL, c.link_proof, coalesce(u.accepted_at, u.created_at),
       c.time_zone, coalesce(r.error, '')
FROM unnest(%(uploads)s::bigint[], %(rows)s::int[]) AS w(upload_id, row_number)
JOIN calls_upload u ON u.id = w.upload_id AND u.uploading_id IS NOT NULL
JOIN counters_counter c ON c.id = u.counter_id
LEFT JOIN calls_linkproof p ON p.upload_id = w.upload_id AND p.row_number = w.row_number
LEFT JOIN LATERAL (
    SELECT q.error FROM calls_logrequest q
    WHERE p.id IS NULL AND c.link_proof AND NOT u.is_static AND q.counter_id = u.counter_id
      AND q.date1 <= (u.newest_call_at AT TIME ZONE 'UTC')::date + 1
      AND q.date2 >= (u.oldest_call_at AT TIME ZONE 'UTC')::date - 1
    ORDER BY q.id DESC LIMIT 1
) r ON true
"""


def link_of(deliveries: Iterable[Delivery]) -> dict[int, Link]:
    """Return what is known of each delivery by its id, in one query.

    Those that are not with Metrika are left out.
    """
    rows = {
        (one.upload_id, one.row_number): one.pk
        for one in deliveries
        if one.upload_id is not None and one.state == DeliveryState.BATCHED
    }
    return {rows[place]: link for place, link in link_of_rows(rows).items()}


def link_of_rows(
    rows: Collection[tuple[int, int | None]],
) -> dict[tuple[int, int | None], Link]:
    """Return what is known of rows of uploads, each its upload's id and its number, in one query.

    Rows of uploads that are not with Metrika are left out.
    """
    if not rows:
        return {}
    values: dict[str, Any] = {
        "uploads": [upload for upload, _row in rows],
        "rows": [row for _upload, row in rows],
    }
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_LINKS, values)
        return {(upload, row): _link(found, now) for upload, row, *found in cursor.fetchall()}


def link_condition(value: str, *, now: datetime | None = None) -> Q:
    """Return the condition over `Delivery` of those whose `Link.value` is this one.

    The five values are disjoint, and together are all that Metrika has.
    """
    if value in (NOT_YET, UNKNOWN):
        is_searched = Exists(_searched(now or timezone.now()))
        is_not_proved = _with_metrika() & ~Q(Exists(_proofs()))
        return is_not_proved & (Q(is_searched) if value == NOT_YET else ~Q(is_searched))
    result = next(result for result, one in OF_RESULT.items() if one == value)
    return _with_metrika() & Q(Exists(_proofs().filter(result=result)))


def _with_metrika() -> Q:
    with_metrika = Upload.objects.filter(WITH_METRIKA, pk=OuterRef("upload_id"))
    return Q(state=DeliveryState.BATCHED) & Q(Exists(with_metrika))


def _proofs() -> QuerySet[LinkProof]:
    return LinkProof.objects.filter(
        upload_id=OuterRef("upload_id"), row_number=OuterRef("row_number")
    )


def _searched(now: datetime) -> QuerySet[Any]:
    """Return the upload of the outer row if its rows are still searched for."""
    accepted = Coalesce("accepted_at", "created_at")
    uploads = Upload.objects.filter(
        pk=OuterRef("upload_id"), counter__link_proof=True, taken_over_at=None, is_static=False
    )
    return uploads.alias(accepted=accepted).filter(accepted__gt=now - SEARCHED_FOR)


def _link(found: list[Any], now: datetime) -> Link:
    result, visit_id, visit_at, proved_at, *not_proved = found
    wait = Wait(*not_proved)
    if result is None:
        value = NOT_YET if wait.is_searched(now) else UNKNOWN
        return Link(value, wait.text(now), is_told=wait.is_told(now))
    value = OF_RESULT[LinkResult(result)]
    if value == NOT_LINKED and wait.is_looked_at_again(proved_at, now):
        text = _("по логам Метрики у этого звонка визита пока нет, ищем до %(day)s")
        return Link(value, text % {"day": wait.until(now)}, proved_at)
    text = _text_of(value, visit_id or "", visit_at)
    return Link(value, text, proved_at, visit_id or "", visit_at)


def _text_of(value: str, visit_id: str, visit_at: datetime | None) -> str:
    if value == ABSENT:
        return _("в логах Метрики этого звонка нет")
    if value == NOT_LINKED:
        return _("по логам Метрики у этого звонка визита нет")
    if visit_at is None:
        return _("по логам Метрики этот звонок привязан к визиту № %(number)s") % {
            "number": visit_id
        }
    moment = date_format(timezone.localtime(visit_at), "d.m, H:i")
    return _("по логам Метрики этот звонок привязан к визиту %(moment)s") % {"moment": moment}
