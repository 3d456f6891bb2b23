"""An outage of Yandex in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.limits.outages import OF_YANDEX
from integrations.models import YandexOutage

#: So many minutes are told in days.
DAYS_FROM = 48 * 60


def sentence_of(outage: YandexOutage) -> str:
    """Return what happens, since when, and that nothing is lost; or how long it took."""
    words = {"since": _moment(outage.began_at)}
    if outage.ended_at is not None:
        text = _("Сбой у Яндекса с %(since)s закончился, он длился %(duration)s.")
        return text % (words | {"duration": duration_of(outage.ended_at - outage.began_at)})
    text = _(
        "У Яндекса сбой с %(since)s: Метрика отказывает в доступе сразу многим аккаунтам. Ничего "
        "не потеряно: звонки ждут и уйдут сами."
    )
    if outage.outcome in OF_YANDEX:
        text = _(
            "У Яндекса сбой с %(since)s: Метрика не отвечает. Ничего не потеряно: звонки ждут и "
            "уйдут сами."
        )
    return text % words


def duration_of(length: timedelta) -> str:
    """Return a length of time, one minute at least; from two days on in days and hours."""
    minutes = max(1, round(length.total_seconds() / 60))
    if minutes >= DAYS_FROM:
        days, hours = divmod(round(minutes / 60), 24)
        return _("%(days)d дн. %(hours)d ч") % {"days": days, "hours": hours}
    if minutes < 60:
        return _("%(minutes)d мин") % {"minutes": minutes}
    return _("%(hours)d ч %(minutes)d мин") % {"hours": minutes // 60, "minutes": minutes % 60}


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "H:i" if is_today else "j E, H:i")
