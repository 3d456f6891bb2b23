"""The ways in which calls may come into a cabinet: a card for each, with its last request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet, CallSource
from calls.models import Way

Kind = CallSource.Kind

# The newest request of each source by the index intake_by_source, and of those of each kind the
# newest. Trial calls and records that a person had read again are no requests.
_LAST = """
SELECT DISTINCT ON (s.kind) s.kind, s.id, s.name, i.at, i.is_hour, i.received, i.created, i.updated,
       i.duplicate, i.rejected
FROM cabinets_callsource s CROSS JOIN LATERAL (
    SELECT * FROM calls_intake WHERE source_id = s.id AND NOT way = ANY(%(inner)s)
    ORDER BY at DESC LIMIT 1) AS i
WHERE s.cabinet_id = %(cabinet)s ORDER BY s.kind, i.at DESC
"""


@dataclass(frozen=True)
class LastRequest:
    """What the last request of a way brought; ``is_hour``: the sums of its last hour."""

    source_id: int
    source_name: str
    at: datetime
    is_hour: bool
    received: int
    created: int
    updated: int
    duplicate: int
    rejected: int

    @property
    def text(self) -> str:
        """The counts in words; what is none is left out, but for the sum."""
        counts = [
            (self.created, _("новых %(count)d")),
            (self.updated, _("изменено %(count)d")),
            (self.duplicate, _("уже были %(count)d")),
            (self.rejected, _("отклонено %(count)d")),
        ]
        told = ", ".join(words % {"count": count} for count, words in counts if count)
        total = _("записей %(count)d") % {"count": self.received}
        return f"{total}: {told}" if told else total


@dataclass(frozen=True)
class WayIn:
    """A card: what the way is for, and its only button."""

    kind: str
    title: str | Promise
    text: str | Promise
    label: str | Promise
    url: str
    picture: str
    last: LastRequest | None = None


_CARDS: tuple[tuple[Kind, str | Promise, str | Promise, str | Promise, str], ...] = (
    (
        Kind.PULL,
        gettext_lazy("Забирать из CallKeeper"),
        gettext_lazy("Нужен только ключ API. Звонки забираются сами, раз в несколько минут."),
        gettext_lazy("Ввести ключ"),
        "refresh",
    ),
    (
        Kind.WEBHOOK,
        gettext_lazy("Вебхуки"),
        gettext_lazy(
            "CallKeeper или другая система сообщает о звонке сразу: вставьте у неё адрес, который "
            "мы дадим."
        ),
        gettext_lazy("Получить адрес"),
        "plug-connected",
    ),
    (
        Kind.FILE,
        gettext_lazy("Файл"),
        gettext_lazy("Выгрузка CSV, XLSX или JSON: загрузите её, когда она есть."),
        gettext_lazy("Загрузить файл"),
        "forms",
    ),
    (
        Kind.API,
        gettext_lazy("Запросы из программы"),
        gettext_lazy("Для программиста: подписанные запросы POST /api/v1/calls."),
        gettext_lazy("Получить секрет"),
        "tool",
    ),
)


def ways_in(cabinet: Cabinet) -> list[WayIn]:
    """Return the cards, the simplest way first, in one query."""
    last = _last_requests(cabinet)
    return [
        WayIn(kind, title, text, label, _url(kind), picture, last.get(kind))
        for kind, title, text, label, picture in _CARDS
    ]


def _url(kind: Kind) -> str:
    if kind is Kind.PULL:
        return reverse("calls:source-add-pull")
    add = reverse("cabinets:source-add")
    return add if kind is Kind.API else f"{add}?kind={kind.value}"


def _last_requests(cabinet: Cabinet) -> dict[str, LastRequest]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"cabinet": cabinet.pk, "inner": [Way.TEST.value, Way.REPLAY.value]})
        return {kind: LastRequest(*values) for kind, *values in cursor.fetchall()}
