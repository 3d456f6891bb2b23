"""How many records came into a source by each way, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.models import Way
from calls.queries.intake import IntakeCounts, counts_of

DAYS = 7


@dataclass(frozen=True)
class Period:
    """Counts of a period by way; received = created + updated + duplicate + rejected."""

    title: str
    rows: list[tuple[str, IntakeCounts]]


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_counts.html`; None when nothing came in the period."""
    today = timezone.now().astimezone(request.cabinet.zone)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    week = _period(source, _("%(days)d дней") % {"days": DAYS}, midnight - timedelta(days=DAYS - 1))
    if not week.rows:
        return None
    return {
        "template": "calls/sources/_panel_counts.html",
        "periods": [_period(source, _("Сегодня"), midnight), week],
    }


def _period(source: CallSource, title: str, since: datetime) -> Period:
    counts = counts_of([source.pk], since=since).get(source.pk, [])
    return Period(title, [(str(Way(one.way).label), one) for one in counts])
