"""How many rows of uploads Metrika accepted and linked to visits, as far as it told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Least
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from calls.models import Delivery, Upload
from calls.models.querysets import WITH_METRIKA
from calls.states import PROCESSED_UPLOADS, Attention, UploadState

_PROCESSED = Q(state__in=PROCESSED_UPLOADS)
_DYNAMIC = _PROCESSED & Q(is_static=False)
#: `Upload.linked_rows` is not None.
_TOLD = _DYNAMIC & (
    Q(linked_quantity__gt=0) & ~Q(attention=Attention.QUANTITY)
    | Q(state=UploadState.LINKAGE_FAILURE, linked_quantity__isnull=True)
    | Q(state=UploadState.LINKAGE_FAILURE, linked_quantity=0)
    | Q(linked_quantity=0, user_not_found_quantity__gt=0)
)


def _sum(of: str | Least, rows: Q) -> Coalesce:
    return Coalesce(Sum(of, filter=rows), 0)


#: Aggregates of uploads: the fields of `LinkedTotals`, in their order.
SUMS: Mapping[str, Coalesce] = {
    "sent": _sum("rows", WITH_METRIKA),
    "in_process": _sum("rows", Q(state=UploadState.SENT)),
    "told": _sum("rows", _TOLD),
    # In PostgreSQL least() ignores NULL.
    "linked": _sum(Least(Coalesce("linked_quantity", 0), F("rows")), _TOLD),
    "untold": _sum("rows", _DYNAMIC & ~_TOLD),
    "static": _sum("rows", _PROCESSED & Q(is_static=True)),
    "stuck": _sum("rows", WITH_METRIKA & Q(state=UploadState.NEEDS_ATTENTION)),
}


@dataclass(frozen=True)
class LinkedTotals:
    """Rows of uploads that Metrika has: sent = in_process + told + untold + static + stuck."""

    sent: int = 0
    #: Rows of files that Metrika has not processed yet.
    in_process: int = 0
    #: Rows of files of dynamic calls of which Metrika told how many are linked, and how many are.
    told: int = 0
    linked: int = 0
    #: Rows of processed files of which it did not tell.
    untold: int = 0
    #: Rows of processed files of static calls, which are linked to no visit.
    static: int = 0
    #: Rows of files that a person has to look at, such as one that Metrika has twice.
    stuck: int = 0

    def parts(self) -> list[str]:
        """Return what is known of the sent rows, in a few words each; zero counts are left out."""
        return [text % {"count": number_format(count)} for count, text in self._parts() if count]

    def _parts(self) -> Iterable[tuple[int, str]]:
        linked = _("привязано к визитам %(linked)s из %(count)s")
        return [
            (self.told, linked.replace("%(linked)s", number_format(self.linked))),
            (self.untold, _("о привязке %(count)s Метрика не сообщила")),
            (self.static, _("непривязанных %(count)s")),
            (self.in_process, _("ещё обрабатываются %(count)s")),
            (self.stuck, _("требуют внимания %(count)s")),
        ]


def linked_of(deliveries: QuerySet[Delivery]) -> LinkedTotals:
    """Return the totals of the files in which these deliveries are, in one query."""
    return _totals(Upload.objects.filter(pk__in=deliveries.order_by().values("upload_id")))


def linked_of_uploads(ids: Collection[int]) -> LinkedTotals:
    """Return the totals of these files; without a query when there are none."""
    return _totals(Upload.objects.filter(pk__in=ids)) if ids else LinkedTotals()


def _totals(uploads: QuerySet[Upload]) -> LinkedTotals:
    return LinkedTotals(**uploads.order_by().aggregate(**SUMS))
