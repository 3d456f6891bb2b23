"""A person asks what Metrika made of the sent calls: once a day and counter."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from calls.models import LogRequest
from calls.models.reports import zone_of
from calls.proof.days import order_days
from counters.models import Counter

SWITCHED_OFF = _("Проверка привязки выключена: включите её в настройках счетчика.")
UNDER_WAY = _("Проверка уже заказана: результат появится на этой странице.")
TODAY_ALREADY = _("Сегодня логи этого счетчика уже проверяли. Следующая проверка — ночью.")
NOTHING_TO_READ = _(
    "Проверять пока нечего: сегодняшние звонки Метрика отдаёт со следующего дня, а о прежних уже "
    "всё известно."
)


class CannotOrder(Exception):
    """It cannot be ordered now; ``sentence`` is the reason in Russian."""

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def blocker_of(counter: Counter, *, now: datetime) -> object:
    """Return why a person cannot order it now; '' when they can."""
    if not counter.link_proof:
        return SWITCHED_OFF
    of_counter = LogRequest.objects.filter(counter=counter)
    if of_counter.open().exists():
        return UNDER_WAY
    local = now.astimezone(ZoneInfo(zone_of(counter)))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    by_people = of_counter.exclude(requested_by=None).filter(requested_at__gte=midnight)
    return TODAY_ALREADY if by_people.exists() else ""


@transaction.atomic
def order(counter: Counter, *, actor: User, now: datetime) -> list[LogRequest]:
    """Order the days that are worth reading. Raises CannotOrder."""
    locked = Counter.objects.present().select_for_update(of=("self",), no_key=True)
    current = locked.get(pk=counter.pk)
    blocker = blocker_of(current, now=now)
    if blocker:
        raise CannotOrder(blocker)
    ordered = order_days(current, now=now, actor=actor)
    if not ordered:
        raise CannotOrder(NOTHING_TO_READ)
    days = sum((one.date2 - one.date1).days + 1 for one in ordered)
    audit.log_change(
        cabinet=counter.cabinet,
        actor=actor,
        action="proof.ordered",
        subject=current,
        after={"days": days},
    )
    return ordered
