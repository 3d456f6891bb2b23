"""The filter form of a counter's history, and what the ledger of a cabinet has of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.decision.reasons import REASON_TITLES
from calls.phones import is_guess, searched_end
from calls.queries.history import Filters
from calls.queries.search import call_ids
from calls.states import Channel, DisplayState
from counters.models import Counter

#: Length of the period shown by default.
DEFAULT_DAYS = 30
ALL = ("", _("Все"))
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SearchForm(forms.Form):
    """Days, and a search by phone or by the number of a call."""

    date_from = forms.DateField(label=_("С"), widget=_DATE, required=False)
    date_to = forms.DateField(label=_("По"), widget=_DATE, required=False)
    q = forms.CharField(
        label=_("Последние цифры телефона или номер звонка целиком"),
        max_length=128,
        required=False,
        strip=True,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, data: dict[str, Any], *, cabinet: Cabinet, sees_phones: bool) -> None:
        super().__init__(data)
        self.cabinet = cabinet
        self.sees_phones = sees_phones

    def clean_q(self) -> str:
        """Refuse a search that could reveal a masked number digit by digit."""
        text: str = self.cleaned_data["q"]
        end = searched_end(text)
        if not self.sees_phones and is_guess(end):
            raise forms.ValidationError(_("Введите последние 4 цифры или номер целиком."))
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        values = self.cleaned_data
        first, last = values.get("date_from"), values.get("date_to")
        if first and last and first > last:
            self.add_error("date_to", _("Раньше, чем начало."))
        return values

    def shown_values(self) -> dict[str, str]:
        """Return the values in effect, by field; those of empty fields are left out."""
        return {name: str(self[name].value()) for name in self.fields if self[name].value()}

    def found_ids(self) -> list[int] | None:
        """Return the calls that a valid form searches for, None without a search. One query."""
        text = self.cleaned_data["q"]
        if not text:
            return None
        return call_ids(text, cabinet=self.cabinet, sees_phones=self.sees_phones)


class HistoryFilterForm(SearchForm):
    """State, reason, channel, days and a search; by default the last 30 days."""

    state = forms.ChoiceField(
        label=_("Состояние"), choices=[ALL, *DisplayState.choices], required=False
    )
    reason = forms.ChoiceField(
        label=_("Причина"), choices=[ALL, *REASON_TITLES.items()], required=False
    )
    channel = forms.ChoiceField(label=_("Канал"), choices=[ALL, *Channel.choices], required=False)
    field_order = ("state", "reason", "channel", "date_from", "date_to", "q")

    def __init__(
        self, data: dict[str, Any], *, counter: Counter, cabinet: Cabinet, sees_phones: bool
    ) -> None:
        # Defaults only for a page opened without the form; there an emptied field means all.
        self.has_default_period = not {"q", "date_from", "date_to"} & set(data)
        super().__init__(
            default_values(counter, timezone.now()) | data if "q" not in data else data,
            cabinet=cabinet,
            sees_phones=sees_phones,
        )

    def filters(self) -> Filters:
        """Return the filters of a valid form. A search text is looked up in the database here."""
        values = self.cleaned_data
        return Filters(
            state=values["state"],
            reason=values["reason"],
            channel=int(values["channel"]) if values["channel"] else None,
            first_day=values["date_from"],
            last_day=values["date_to"],
            call_ids=self.found_ids(),
        )


def default_values(counter: Counter, now: datetime) -> dict[str, Any]:
    """Return the default filters: the last `DEFAULT_DAYS`, and the channel if one is in use."""
    today = timezone.localtime(now).date()
    values: dict[str, Any] = {
        "date_from": (today - timedelta(days=DEFAULT_DAYS - 1)).isoformat(),
    }
    if counter.send_calls and counter.goal_id is None:
        values["channel"] = str(Channel.CALLS.value)
    if not counter.send_calls and counter.goal_id is not None:
        values["channel"] = str(Channel.GOAL.value)
    return values
