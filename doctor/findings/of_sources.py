"""Checks of the sources of calls: whether they send, and whether their fields are filled."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet, CallSource
from calls.queries.empty_fields import empty_fields, empty_text
from calls.ways.pull.troubles import troubles_of
from doctor.findings.check import FAULT, FINE, NOTE, WARNING, Check, Cure

#: A small firm has weekends without a call, but hardly a week.
SILENT_AFTER = timedelta(days=7)
_SOURCES = gettext_lazy("Источники звонков")
_TO_SOURCE = gettext_lazy("К источнику")


def checks_of_sources(cabinet: Cabinet, *, now: datetime) -> list[Check]:
    """Return the checks of the sources that are switched on, in three queries."""
    sources = list(cabinet.call_sources.filter(is_active=True).order_by("name", "pk"))
    if not sources:
        text = _("Звонкам неоткуда прийти: добавьте источник звонков или включите его.")
        return [Check(_SOURCES, FAULT, text, Cure(reverse("cabinets:sources"), _("Добавить")))]
    pulls = {one.source_id: one.text for one in troubles_of(cabinet)}
    empty: dict[int, list[str]] = defaultdict(list)
    for one in empty_fields(cabinet):
        empty[one.source_id].append(empty_text(one))
    return [_of_source(one, pulls.get(one.pk, ""), empty[one.pk], now) for one in sources]


def _of_source(source: CallSource, pull: str, empty: list[str], now: datetime) -> Check:
    to_source = Cure(reverse("calls:source", args=[source.pk]), _TO_SOURCE)
    title = _("Источник «%(name)s»") % {"name": source.name}
    if pull:
        return Check(title, WARNING, pull, to_source)
    if empty:
        text = _("Пустые поля: %(text)s") % {"text": " ".join(empty)}
        return Check(title, WARNING, text, to_source)
    last = max(filter(None, (source.last_used_at, source.last_import_at)), default=None)
    if last is None:
        return Check(title, NOTE, _("Ещё ничего не прислал."), to_source)
    text = _("Последний раз прислал звонки %(at)s.") % {
        "at": date_format(timezone.localtime(last), "j E Y, H:i")
    }
    if last < now - SILENT_AFTER and source.kind != CallSource.Kind.FILE:
        return Check(title, WARNING, text + _(" Проверьте, передаёт ли он звонки."), to_source)
    return Check(title, FINE, text)
