"""Saves a counter's settings and tells what that does to the calls that wait."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from calls.queries.connection import calls_awaiting_settings
from calls.queries.effect_on_waiting import Effect, effect_on_waiting
from counters.models import Counter
from counters.settings.diff import SettingChange, can_change_decisions, settings_diff
from counters.settings.forms import CounterSettingsForm


class NotAsked(Exception):
    """Calls came after the form was made, which therefore did not ask what to do with them."""


@dataclass(frozen=True)
class Saved:
    """A save: the counter after it, and what it did.

    ``waited`` calls had waited for the first settings. ``effect`` is what became of calls that
    waited to be sent, when it is not the first save.
    """

    counter: Counter
    is_first: bool
    sends_waiting: bool
    waited: int
    changes: Sequence[SettingChange]
    effect: Effect
    #: Whether a changed setting is one by which calls are decided.
    can_change_decisions: bool


@transaction.atomic
def save_and_count(form: CounterSettingsForm, *, actor: User, now: datetime) -> Saved:
    """Save a valid form; return what that did.

    While the counter is locked, `calls.decision.decide` adds no calls that wait for its settings.
    Raises what `form.save` raises, and NotAsked; then nothing is stored.
    """
    locked = Counter.objects.present().select_for_update(of=("self",)).get(pk=form.instance.pk)
    waited = calls_awaiting_settings(locked, now=now)
    if waited and not form.asks_about_waiting_calls:
        raise NotAsked
    is_first = locked.configured_at is None
    changes = settings_diff(locked, form.settings())
    is_deciding = can_change_decisions(locked, form.settings())
    draft = draft_of(form, locked)
    effect = Effect() if is_first else effect_on_waiting(draft, now=now)
    saved = form.save(actor=actor, now=now)
    return Saved(saved, is_first, form.sends_waiting, waited, changes, effect, is_deciding)


def draft_of(form: CounterSettingsForm, saved: Counter) -> Counter:
    """Return the counter as the valid form would save it."""
    draft = copy(saved)
    for name, value in form.settings().items():
        setattr(draft, name, value)
    return draft
