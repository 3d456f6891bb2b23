"""What kept the calls of counters from being sent, and when it ended, from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.models import AuditEvent
from counters.models import Counter
from integrations.limits.pauses import ALL_LOGINS, COUNTER_PREFIX
from integrations.models import RequestDay, YandexOutage


class Event(NamedTuple):
    """The end of something that kept calls from being sent."""

    at: datetime
    cause: str


def moment_text(at: datetime) -> str:
    """Return the moment as the sentences of late calls name it."""
    return date_format(timezone.localtime(at), "j E, H:i")


def latest_in(events: Sequence[Event], since: datetime, until: datetime) -> str:
    """Return the cause of the latest event after ``since``, up to ``until``; '' of none."""
    return max((one for one in events if since < one.at <= until), default=Event(since, "")).cause


def events_of(
    counters: Sequence[Counter], since: datetime, until: datetime
) -> dict[int, list[Event]]:
    """Return the events of each counter in this time, in three queries.

    Load the counters with their accounts.
    """
    found: dict[int, list[Event]] = defaultdict(list)
    for pk, event in _switches(counters, since, until):
        found[pk].append(event)
    for pk, event in _pauses(counters, since, until):
        found[pk].append(event)
    outage = _("У Яндекса был сбой")
    outages = YandexOutage.objects.filter(ended_at__gt=since, ended_at__lte=until)
    of_all = [Event(one.ended_at, outage) for one in outages if one.ended_at]
    for counter in counters:
        found[counter.pk] += [*_accesses(counter), *of_all]
    return found


def _accesses(counter: Counter) -> Iterator[Event]:
    for at in (counter.account.state_changed_at, counter.access_changed_at):
        if at:
            yield Event(at, _("Доступ к Яндексу появился позже"))


def _switches(
    counters: Sequence[Counter], since: datetime, until: datetime
) -> Iterator[tuple[int, Event]]:
    """Yield when counters were switched on, or went on after a stop."""
    by_id = {str(one.pk): one.pk for one in counters}
    causes = {
        "counter.switched": _("Счетчик был выключен"),
        "counter.continued": _("Отправка счетчика была остановлена: Метрика отказывала"),
    }
    events = AuditEvent.objects.filter(
        cabinet__in={one.cabinet_id for one in counters},
        at__gt=since,
        at__lte=until,
        action__in=causes,
        object_id__in=by_id,
    )
    for one in events:
        if one.action != "counter.switched" or one.after.get("enabled"):
            yield by_id[one.object_id], Event(one.at, causes[one.action])


def _pauses(
    counters: Sequence[Counter], since: datetime, until: datetime
) -> Iterator[tuple[int, Event]]:
    """Yield the ends of pauses of logins, of counters and of all logins."""
    keys: dict[str, list[int]] = defaultdict(list)
    for one in counters:
        for key in (one.account.yandex_uid, f"{COUNTER_PREFIX}{one.number}", ALL_LOGINS):
            keys[key].append(one.pk)
    days = RequestDay.objects.filter(
        yandex_uid__in=keys,
        day__gte=(since - timedelta(days=2)).date(),
        paused_until__gt=since,
        paused_until__lte=until,
    )
    for day in days:
        for pk in keys[day.yandex_uid]:
            if day.paused_until:
                yield pk, Event(day.paused_until, _("Был исчерпан лимит запросов Яндекса"))
