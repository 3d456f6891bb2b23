"""Pulled sources that get no calls for a reason a person should know, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.models import PullSource
from calls.ways.pull.words import error_words

#: Fewer failures in a row, some twenty minutes, pass without anybody's doing.
NOTABLE_FAILURES = 4

WRONG_KEY = Q(state=PullSource.State.WRONG_KEY)
FAILING = Q(state=PullSource.State.ACTIVE, failures__gte=NOTABLE_FAILURES)


@dataclass(frozen=True)
class Trouble:
    """A source and a sentence about it; ``needs_key``: a person has to enter another key."""

    source_id: int
    text: str
    needs_key: bool


def troubles_of(cabinet: Cabinet) -> list[Trouble]:
    """Return the troubles of the cabinet's sources that are on, in one query."""
    pulls = PullSource.objects.filter(source__cabinet=cabinet, source__is_active=True)
    found = pulls.filter(WRONG_KEY | FAILING).select_related("source").defer("api_key")
    return [_trouble(one) for one in found.order_by("source__name", "pk")]


def _trouble(pull: PullSource) -> Trouble:
    needs_key = pull.state == PullSource.State.WRONG_KEY
    text = _("Источник «%(name)s»: звонки не забираются. %(reason)s")
    if needs_key:
        text = _("Источник «%(name)s»: звонки не забираются. %(reason)s Введите ключ заново.")
    reason = error_words(pull.error_code, pull.error_text)
    return Trouble(pull.pk, text % {"name": pull.source.name, "reason": reason}, needs_key)


def pulls_by_state() -> dict[str, int]:
    """Return how many sources that are on are in each state; ``failing`` are active ones as well.

    For the metrics.
    """
    on = PullSource.objects.filter(source__is_active=True)
    found = dict.fromkeys(PullSource.State.values, 0)
    found |= dict(on.values_list("state").annotate(Count("pk")).order_by())
    return found | {"failing": on.filter(FAILING).count()}


def oldest_due(now: datetime) -> datetime | None:
    """Return since when a source has been due that no worker holds; None when none is."""
    due: datetime | None = PullSource.objects.due(now).aggregate(Min("next_at"))["next_at__min"]
    return due
