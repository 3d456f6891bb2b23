"""Files in Metrika that the database does not know and that wait for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.models import UnknownFile
from counters.models import Counter


@dataclass(frozen=True)
class UnknownFiles:
    """The open ones of one counter. ``rows``: as far as Metrika told; ``first_at`` by its clock."""

    counter_id: int
    counter_name: str
    files: int
    rows: int
    first_at: datetime | None

    @property
    def sentence(self) -> str:
        """What was found, what it means, and who settles it."""
        text = _(
            "В Метрике есть файлы CallKeeper, о которых база не знает: файлов — %(files)d, строк в "
            "них — %(rows)d%(since)s. Так бывает после восстановления базы из копии: эти звонки "
            "уже в Метрике, а здесь могут ждать отправки или отсутствовать. Напишите в поддержку: "
            "%(support)s."
        )
        first = self.first_at and date_format(timezone.localtime(self.first_at), "j E, H:i")
        since = _(", первый от %(moment)s") % {"moment": first} if first else ""
        counts = {"files": self.files, "rows": self.rows, "since": since}
        return text % (counts | {"support": settings.SUPPORT_EMAIL})


def unknown_files(counters: Q) -> list[UnknownFiles]:
    """Return the counters with open files, by name; one query. ``counters``: Q of `Counter`."""
    found = (
        UnknownFile.objects.filter(state=UnknownFile.State.OPEN)
        .filter(counter__in=Counter.objects.present().filter(counters))
        .order_by("counter__name", "counter_id")
        .values_list("counter_id", "counter__name")
        .annotate(files=Count("pk"), all_rows=Coalesce(Sum("rows"), 0), first_at=Min("create_time"))
    )
    return [UnknownFiles(*row) for row in found]


def unknown_by_counter(counter_ids: Iterable[int]) -> dict[int, UnknownFiles]:
    """Return the same by counter id."""
    return {one.counter_id: one for one in unknown_files(Q(pk__in=list(counter_ids)))}
