"""What the page of a source says about the pulling of its calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.models import PullSource, Way
from calls.queries.intake import counts_of
from calls.ways.pull.orders import is_pull_now_allowed
from calls.ways.pull.windows import LAST_STEP, STEP
from calls.ways.pull.words import error_words

DAY = timedelta(days=1)
State = PullSource.State


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_pull.html`; None for a source that is not pulled."""
    pull = PullSource.objects.filter(pk=source.pk).defer("api_key").first()
    if pull is None:
        return None
    pull.source = source
    now = timezone.now()
    return {
        "template": "calls/sources/_panel_pull.html",
        "pull": pull,
        "state": _state(pull, now),
        "counts": _counts(source, now),
        "progress": _progress(pull, now),
        "is_live": _is_live(pull, now),
        "next_at": pull.next_at if _is_on(pull) and pull.next_at > now else None,
        "can_pull_now": is_pull_now_allowed(pull, now),
        "can_resume": pull.state == State.PAUSED,
        "can_pause": pull.state == State.ACTIVE,
    }


def _state(pull: PullSource, now: datetime) -> dict[str, str]:
    """Return the state in words and its tone."""
    reason = error_words(pull.error_code, pull.error_text)
    if not pull.source.is_active:
        return _words("neutral", _("Источник выключен: звонки не забираются."))
    if pull.state == State.WRONG_KEY:
        return _words("danger", _("Звонки не забираются. %s Введите ключ заново.") % reason)
    if pull.state == State.PAUSED:
        text = _("На паузе. Пропущенные звонки заберём, когда вы продолжите.")
        return _words("warning", text)
    if pull.error_code:
        return _words("warning", _("Забрать звонки не удалось. %s Повторим сами.") % reason)
    if pull.lease_until is not None and pull.lease_until > now:
        return _words("info", _("Забираем звонки прямо сейчас."))
    text = _("Звонки забираются сами, раз в %(minutes)d мин.")
    return _words("success", text % {"minutes": settings.PULL_MINUTES})


def _words(tone: str, text: str) -> dict[str, str]:
    return {"tone": tone, "text": text}


def _is_live(pull: PullSource, now: datetime) -> bool:
    """Whether calls are being read, or are about to be: the page shows it without a reload."""
    is_read = pull.lease_until is not None and pull.lease_until > now
    return _is_on(pull) and (is_read or pull.next_at <= now)


def _is_on(pull: PullSource) -> bool:
    return pull.state == State.ACTIVE and pull.source.is_active


def _counts(source: CallSource, now: datetime) -> dict[str, int]:
    """Return what came in the last day: earlier hours are counted whole."""
    since = (now - DAY).replace(minute=0, second=0, microsecond=0)
    ways = counts_of([source.pk], since=since).get(source.pk, [])
    of_pull = [one for one in ways if one.way == Way.PULL]
    return {
        name: sum(getattr(one, name) for one in of_pull)
        for name in ("created", "updated", "rejected")
    }


def _progress(pull: PullSource, now: datetime) -> dict[str, Any] | None:
    """Return how far a pull of many days is; None when it has caught up."""
    left = now - pull.pulled_until
    if left <= STEP + LAST_STEP:
        return None
    whole = now - pull.pull_from
    return {
        "done_hours": (whole - left) // timedelta(hours=1),
        "all_hours": whole // timedelta(hours=1),
        "left_days": -(-left // DAY),
    }
