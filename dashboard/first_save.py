"""Saves a counter's settings and counts the calls that waited for the first save."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from calls.queries.connection import calls_awaiting_settings
from counters.models import Counter
from counters.settings.forms import CounterSettingsForm


class NotAsked(Exception):
    """Calls came after the form was made, which therefore did not ask what to do with them."""


@transaction.atomic
def save_and_count(form: CounterSettingsForm, *, actor: User, now: datetime) -> tuple[Counter, int]:
    """Save a valid form; return the counter and how many calls had waited for its settings.

    While the counter is locked, `calls.decision.decide` adds none. Raises what `form.save` raises,
    and NotAsked; then nothing is stored.
    """
    counter = Counter.objects.present().select_for_update(of=("self",)).get(pk=form.instance.pk)
    waited = calls_awaiting_settings(counter, now=now)
    if waited and not form.asks_about_waiting_calls:
        raise NotAsked
    return form.save(actor=actor, now=now), waited
