"""When the logs of the days are read that are not being read now."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.models.reports import zone_of
from calls.proof.days import planned_days
from counters.models import Counter
from counters.sendable import REACHABLE, as_q


def plan_text(counter: Counter, *, now: datetime) -> str:
    """Return which days are read next and when; '' where none is or the counter has no access."""
    reachable = Counter.objects.present().filter(as_q(REACHABLE), pk=counter.pk, link_proof=True)
    if not reachable.exists():
        return ""
    nights: dict[date, list[str]] = defaultdict(list)
    for day, night in planned_days(counter, now):
        nights[night].append(date_format(day, "j E"))
    today = now.astimezone(ZoneInfo(zone_of(counter))).date()
    named = [_of_night(night, days, today) for night, days in sorted(nights.items())]
    return _("Ещё прочитаем: %(days)s.") % {"days": "; ".join(named)} if named else ""


def _of_night(night: date, days: list[str], today: date) -> str:
    words = {"days": ", ".join(days), "night": date_format(night, "j E")}
    text = _("%(days)s — сегодня") if night == today else _("%(days)s — в ночь на %(night)s")
    return text % words
