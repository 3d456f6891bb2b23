"""What a save of the settings did and what becomes of the calls that wait, in words."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.timezone import now as current_time
from django.utils.translation import gettext as _

from calls.queries.connection import count_text, waiting_calls
from calls.queries.effect_on_waiting import MOST_ROWS, Effect
from calls.queries.redecision import progress_of
from calls.queries.stats import decisions_awaited, excluded_by_settings
from counters.pages.flash_messages import FirstSave, notify_first_save, notify_saved
from counters.settings.diff import SettingChange
from dashboard.first_save import Saved

#: So many changed settings are named; the others are counted.
MOST_NAMED = 4


def waiting_sentence(effect: Effect) -> str:
    """Return what becomes of the calls that wait, '' when none does and none returns."""
    if effect.is_more:
        text = _("Ждут отправки больше %(count)s раз: пересчитаем их в фоне, ничего не потеряется.")
        return text % {"count": _number(MOST_ROWS)}
    parts = [
        (effect.staying, _("уйдут: %(count)s")),
        (effect.excluded, _("не подходят и не уйдут: %(count)s")),
        (effect.returning, _("снова подходят и уйдут: %(count)s")),
    ]
    named = [text % {"count": _number(count)} for count, text in parts if count]
    if not named:
        return ""
    text = _("Из ждущих отправки звонков (%(count)s) — %(parts)s.")
    return text % {"count": _number(effect.waiting + effect.returning), "parts": "; ".join(named)}


def _saved_waiting(saved: Saved) -> str:
    """Return what the save did to the calls that wait; '' where it could do nothing to any."""
    effect = saved.effect
    if saved.can_change_decisions or effect.excluded or effect.returning or effect.is_more:
        return waiting_sentence(effect)
    if not (effect.waiting and saved.changes):
        return ""
    text = _("Звонков, которые ждут отправки (%(count)s), это не касается.")
    return text % {"count": _number(effect.waiting)}


def changes_sentence(changes: Sequence[SettingChange]) -> str:
    """Return which settings changed, '' when none did."""
    if not changes:
        return ""
    named = [
        _("%(label)s — «%(wanted)s» (было «%(saved)s»)")
        % {"label": one.label, "wanted": one.wanted, "saved": one.saved}
        for one in changes[:MOST_NAMED]
    ]
    listed = "; ".join(named)
    if len(changes) > MOST_NAMED:
        text = _("%(listed)s и ещё настроек: %(more)d")
        listed = text % {"listed": listed, "more": len(changes) - MOST_NAMED}
    return _("Изменено: %(listed)s.") % {"listed": listed}


def notify_save(request: HttpRequest, saved: Saved) -> None:
    """Say what the save changed and what becomes of calls that wait."""
    counter, now = saved.counter, current_time()
    is_pending = counter.pk in progress_of([counter.pk])
    undecided = 0 if is_pending else decisions_awaited(counter, now=now)
    if saved.is_first:
        _notify_first(request, saved, is_pending=is_pending, undecided=undecided)
        return
    excluded = 0 if is_pending else excluded_by_settings(counter)
    told = [changes_sentence(saved.changes), _saved_waiting(saved)]
    notify_saved(request, excluded=excluded, undecided=undecided, told=[one for one in told if one])


def _notify_first(request: HttpRequest, saved: Saved, *, is_pending: bool, undecided: int) -> None:
    sent = 0 if is_pending or not saved.sends_waiting else waiting_calls(saved.counter)
    result = FirstSave(
        saved.waited,
        sent,
        saved.sends_waiting,
        undecided,
        waited_text=count_text(saved.waited),
        is_pending=is_pending,
    )
    notify_first_save(request, saved.counter, result)


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
