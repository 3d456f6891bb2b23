"""Notices, messages and receivers of the tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from cabinets.models import Cabinet
from notices.models import AlertPause, Notice

_CALLS: dict[str, Any] = {"name": "Окна", "uploads": 2, "calls": 31, "upload": 0}
_FLOW: dict[str, Any] = {
    "name": "Окна",
    "observed": 3,
    "expected": 31.0,
    "low": 24,
    "high": 38,
    "since": "2026-11-23T05:00:00+00:00",
}
_SHARE: dict[str, Any] = _FLOW | {"whole": 40, "percent": 62, "usual": 25}
#: What the sentence of each kind names, but the ids of a counter and a source.
FACTS: dict[str, dict[str, Any]] = {
    "reconnect": {"login": "okna-stolica", "reason": "invalid_grant", "until": ""},
    "reconnect_soon": {"login": "okna-stolica", "until": "2026-12-01T00:00:00+00:00"},
    "right_lost": {"name": "Окна", "access": "view_only"},
    "counter_stopped": {"name": "Окна", "cause": "goals_full"},
    "goal_gone": {"name": "Окна", "goal": "Звонок"},
    "quota": {"login": "okna-stolica", "used": 3300, "total": 4000},
    "stuck": _CALLS,
    "delayed": _CALLS,
    "expiring_week": _CALLS,
    "expiring_days": _CALLS,
    "expired": _CALLS,
    "empty_field": {"name": "Сайт", "field": "yaClid", "empty": 25, "calls": 30, "since": ""},
    "inflow_low": _FLOW,
    "inflow_cabinet": _FLOW | {"usual": 300, "low": 12, "judged": 14},
    "source_low": _FLOW | {"name": "Сайт"},
    "skipped_up": _SHARE,
    "unreadable_up": _SHARE,
    "linked_down": _SHARE,
    "refused_up": _SHARE,
    "pull_failed": {"name": "CallKeeper", "code": "wrong_key", "text": ""},
    "foreign_rows": {"counter": 7, "name": "Окна", "rows": 3},
    "report_difference": {"name": "Окна", "calls": 7, "is_more": False},
}


def make_pause(*, cabinet: Cabinet, **fields: Any) -> AlertPause:
    """Return a pause of the whole cabinet, from today on for a week."""
    today = timezone.localdate(timezone=cabinet.zone)
    values: dict[str, Any] = {
        "first_day": today,
        "last_day": today + timedelta(days=6),
        "note": "праздники",
        "created_at": timezone.now(),
    }
    return AlertPause.objects.create(cabinet=cabinet, **values | fields)


def make_notice(*, cabinet: Cabinet, **fields: Any) -> Notice:
    """An account that has to be reconnected."""
    values: dict[str, Any] = {
        "kind": "reconnect",
        "subject": "account:1",
        "facts": {"login": "okna-stolica", "reason": "invalid_grant", "until": ""},
        "opened_at": timezone.now(),
    }
    return Notice.objects.create(cabinet=cabinet, **values | fields)
