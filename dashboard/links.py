"""URLs that the pages of counters share."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from cabinets.plurals import plural
from calls.queries.ledger_filters import SENT
from calls.queries.stats import counted_channel
from calls.states import Channel
from counters.models import Counter
from integrations.models import YandexAccount


def account_check_url(account: YandexAccount) -> str:
    """Return the URL of «Проверить сейчас»; empty when no request can be made for the account."""
    return reverse("counters:check-access", args=[account.pk]) if account.is_usable else ""


def counter_check_url(counter: Counter) -> str:
    """Return the URL that checks whether what stops the counter is gone; empty without a stop."""
    if not counter.has_access:
        return account_check_url(counter.account)
    is_stopped = bool(counter.stopped_cause) and counter.account.is_usable
    return reverse("counters:continue", args=[counter.pk]) if is_stopped else ""


def counter_check_label(counter: Counter) -> str:
    """Return the label of the button with `counter_check_url`."""
    return _("Проверить и продолжить") if counter.has_access else _("Проверить сейчас")


def sent_calls_url(counter: Counter) -> str:
    """Return the ledger with exactly the calls that `sent_totals` counts."""
    parameters = {
        "counter": counter.pk,
        "channel": counted_channel(counter).value,
        "stage": SENT,
    }
    return f"{reverse('calls:list')}?{urlencode(parameters)}"


def sent_noun(counter: Counter, count: int) -> str:
    """Return what the number of sent ones counts, in the form that stands after ``count``."""
    if counts_goals(counter):
        one, few, many = _("достижение цели"), _("достижения цели"), _("достижений цели")
    else:
        one, few, many = _("звонок"), _("звонка"), _("звонков")
    return plural(count, one, few, many)


def counts_goals(counter: Counter) -> bool:
    """Return whether `sent_totals` counts the counter's conversions, because it sends no calls."""
    return counted_channel(counter) is Channel.GOAL


def calls_url(counter_id: int, **filters: str) -> str:
    """Return the history with these filters only: of all time, in both channels unless named."""
    query = urlencode({"q": ""} | filters)
    return f"{reverse('calls:history', args=[counter_id])}?{query}"


def metrika_url(counter: Counter) -> str:
    """Return the counter's page in Metrika."""
    return f"{settings.METRIKA_WEB_URL}/dashboard?id={counter.number}"
