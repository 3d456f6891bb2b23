"""Files in Metrika that the database does not know and that wait for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.models import Delivery, UnknownFile
from calls.models.querysets import AWAITS_FILE
from counters.models import Counter


@dataclass(frozen=True)
class UnknownFiles:
    """The open ones of one counter. ``rows``: as far as Metrika told; ``first_at`` by its clock."""

    counter_id: int
    counter_name: str
    files: int
    rows: int
    first_at: datetime | None
    #: Ids of the files, the oldest first.
    ids: tuple[int, ...]
    #: Calls that may be in them and wait for a person's decision.
    calls: int

    @property
    def sentence(self) -> str:
        """What was found, and how many calls wait for a decision about it."""
        text = _(
            "В Метрике есть файлы CallKeeper, о которых база не знает: файлов — %(files)d, строк в "
            "них — %(rows)d%(since)s. Так бывает после восстановления базы из резервной копии."
        )
        first = self.first_at and date_format(timezone.localtime(self.first_at), "j E, H:i")
        since = _(", первый от %(moment)s") % {"moment": first} if first else ""
        found = text % {"files": self.files, "rows": self.rows, "since": since}
        return f"{found} {self.waiting_sentence}"

    @property
    def waiting_sentence(self) -> str:
        """How many calls wait for the decision, and which those are."""
        if not self.calls:
            return _(
                "Звонков, которые могли уйти с ними, в базе нет. Если они придут, они подождут "
                "вашего решения: отправить их или нет."
            )
        return _(
            "Звонки, которые могли уйти с ними, ждут вашего решения: %(calls)d. До него они не "
            "отправляются."
        ) % {"calls": self.calls}


def unknown_files(counters: Q) -> list[UnknownFiles]:
    """Return the counters with open files, by name; one query. ``counters``: Q of `Counter`."""
    waiting = Delivery.objects.filter(
        AWAITS_FILE, counter=OuterRef("counter_id"), expires_at__gt=timezone.now()
    ).order_by()
    counted = waiting.values("counter").annotate(calls=Count("call_id", distinct=True))
    found = (
        UnknownFile.objects.filter(state=UnknownFile.State.OPEN)
        .filter(counter__in=Counter.objects.present().filter(counters))
        .order_by("counter__name", "counter_id")
        .values_list("counter_id", "counter__name")
        .annotate(
            files=Count("pk"),
            all_rows=Coalesce(Sum("rows"), 0),
            first_at=Min("create_time"),
            ids=ArrayAgg("pk", order_by="pk"),
            calls=Coalesce(Subquery(counted.values("calls")), 0),
        )
    )
    return [
        UnknownFiles(pk, name, files, rows, first_at, tuple(ids), calls)
        for pk, name, files, rows, first_at, ids, calls in found
    ]


def unknown_by_counter(counter_ids: Iterable[int]) -> dict[int, UnknownFiles]:
    """Return the same by counter id."""
    return {one.counter_id: one for one in unknown_files(Q(pk__in=list(counter_ids)))}
