"""What is chosen in the ledger, in words, where its form shows only a name or a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.decision.reasons import REASONS
from calls.models import Upload
from calls.pages.ledger_form import LedgerForm
from calls.pages.periods import PERIODS
from calls.states import Attention
from calls.states import DisplayState as S

#: States of rows that are neither to be sent nor in a file (`calls.forecast.expression.STATES`),
#: but for those that wait past their term or whose file was cancelled.
_WITHOUT_FORECAST = {
    *(S.SKIPPED, S.EXPIRED, S.NOT_FINISHED, S.ROW_REFUSED),
    *(S.AWAITS_SETTINGS, S.AWAITS_GOAL, S.NEEDS_DECISION),
}


@dataclass(frozen=True)
class Chosen:
    """A condition: its words, the page that they lead to if there is one, and how it is removed."""

    text: str
    remove_url: str
    remove_text: str
    url: str = ""


def chosen_of(form: LedgerForm) -> list[Chosen]:
    """Return the period and the upload of a valid form."""
    chosen, parameters = [], form.parameters()
    if period := form.cleaned_data["period"]:
        first, last = form.days()
        assert first is not None
        assert last is not None
        words = {"name": PERIODS[period], "days": days_text(first, last)}
        text = _("Период: %(name)s, %(days)s") % words
        removed = _without(parameters, "period")
        chosen.append(Chosen(text, removed, _("Снять условие «Период»")))
    if upload := form.cleaned_data["upload"]:
        url = reverse("calls:upload", args=[upload.pk])
        removed = _without(parameters, "upload")
        text = _("Снять условие «Выгрузка»")
        chosen.append(Chosen(_upload_text(upload), removed, text, url))
    return chosen


def without_forecast(form: LedgerForm) -> str:
    """Return the address without the forecast, where it leaves none of what else is chosen.

    '' where calls of the states and the reason that are chosen may have a forecast.
    """
    chosen = form.cleaned_data
    states = {*chosen["state"].split(",")} - {""}
    of_rule = chosen["reason"] in REASONS and chosen["reason"] not in Attention.values
    if not chosen["forecast"] or not (of_rule or (states and states <= _WITHOUT_FORECAST)):
        return ""
    return _without(form.parameters(), "forecast")


def days_text(first: date, last: date, form: str = "j E Y") -> str:
    """Return a day, or the first and the last one."""
    if first == last:
        return date_format(first, form)
    ends = {"first": date_format(first, form), "last": date_format(last, form)}
    return _("%(first)s — %(last)s") % ends


def _upload_text(upload: Upload) -> str:
    words = {
        "number": upload.pk,
        "at": date_format(timezone.localtime(upload.created_at), "j E, H:i"),
        "counter": upload.counter.name,
        "channel": upload.get_channel_display(),
    }
    return _("Выгрузка № %(number)s от %(at)s: %(counter)s · %(channel)s") % words


def _without(parameters: dict[str, str], name: str) -> str:
    rest = urlencode({one: value for one, value in parameters.items() if one != name})
    return f"{reverse('calls:list')}?{rest}" if rest else reverse("calls:list")
