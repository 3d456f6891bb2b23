"""Read-only facts that the settings window of a counter shows beside the form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from calls.queries.connection import earlier_count
from calls.queries.stats import sent_totals
from counters.models import Counter
from counters.pages.status import OFF_SENTENCE
from counters.sync.goal_creation import may_create_goals
from dashboard.counter_states import counter_states
from dashboard.goal_views import offers_of
from dashboard.links import (
    counter_check_label,
    counter_check_url,
    counts_goals,
    metrika_url,
    sent_calls_url,
    sent_noun,
)


def settings_info(counter: Counter, *, now: datetime) -> dict[str, Any]:
    """Return the read-only facts of the settings window. Never a token."""
    sent = sent_totals([counter], now=now)[counter.pk]
    state = counter_states(counter.cabinet, [counter], now=now)[counter.pk]
    return {
        "account": counter.account.login,
        "owner": counter.owner_login,
        "connected_at": counter.added_at,
        "accepts_from": counter.accepts_from if counter.configured_at else counter.added_at,
        "earlier_count": earlier_count(counter, now=now),
        "earlier_url": reverse("calls:send-earlier", args=[counter.pk]),
        "state": state,
        "off_sentence": OFF_SENTENCE,
        "synced_at": counter.last_synced_at,
        "sent_total": sent.total,
        "sent_goals": counts_goals(counter),
        "sent_noun": sent_noun(counter, sent.total or 0),
        "sent_today": sent.today,
        "sparkline": sent.by_day,
        "sent_parts": sent.links.parts(),
        "sent_url": sent_calls_url(counter),
        "metrika_url": metrika_url(counter),
        "history_url": reverse("calls:history", args=[counter.pk]),
        "link_proof": counter.link_proof,
        "delete_url": reverse("counters:delete", args=[counter.pk]),
        "goals_url": reverse("counters:refresh-goals", args=[counter.pk]),
        "goals_at": counter.goals_refreshed_at,
        "goal_offers": offers_of(counter),
        "may_write_notes": may_create_goals(counter.account),
        "check_url": counter_check_url(counter),
        "check_label": counter_check_label(counter),
    }
