"""Says what removing a counter will do, before it is done. A door: it counts in `calls`."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calls.queries.stats import waiting_of_counter
from counters.models import Counter


def of_removing(counter: Counter) -> list[str]:
    """Return the consequences as sentences, the weightiest first."""
    return [
        *_about_waiting(waiting_of_counter(counter).count),
        _("Уже отправленные звонки останутся в Метрике."),
        _("Если добавить счетчик снова, вернутся и его настройки, и история."),
    ]


def _about_waiting(count: int) -> list[str]:
    if not count:
        return []
    text = ngettext(
        "%(count)d отправка ещё ждёт: она не уйдёт в Метрику.",
        "%(count)d отправок ещё ждут: они не уйдут в Метрику.",
        count,
    )
    return [text % {"count": count}]
