"""The form that picks days and a counter: last days, or own dates, in the cabinet's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.summary.read import Period
from counters.models import Counter

PRESETS = (7, 14, 28, 90)
DEFAULT = 28
MOST_DAYS = 366
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _preset_choices() -> list[tuple[str, Any]]:
    own = ("", _("Свои даты"))
    titles = (_("7 дней"), _("14 дней"), _("28 дней"), _("90 дней"))
    return [own, *((str(days), title) for days, title in zip(PRESETS, titles, strict=True))]


def _shown(data: Mapping[str, Any]) -> str:
    """Return both dates as one value; '' without a date."""
    dates = data.get("from", ""), data.get("to", "")
    return "..".join(dates) if any(dates) else ""


def _chosen(data: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the form: filled-in dates win, else the number of days.

    The form sends the dates that it had as `shown`. A number of days that is chosen while these
    dates stand unchanged is what the person meant, and the dates are dropped.
    """
    if not {"days", "from", "to"} & set(data):
        return {"days": str(DEFAULT)} | data
    dates = _shown(data)
    if not dates:
        return data
    if data.get("days") and dates == data.get("shown"):
        return {name: value for name, value in data.items() if name not in ("from", "to")}
    return data | {"days": ""}


class PeriodForm(forms.Form):
    """`days` or `from` and `to`, and `counter` (its number in the address of its pages)."""

    days = forms.ChoiceField(label=_("Период"), choices=_preset_choices, required=False)
    date_from = forms.DateField(label=_("С"), widget=_DATE, required=False)
    date_to = forms.DateField(label=_("По"), widget=_DATE, required=False)
    counter = forms.ChoiceField(label=_("Счетчик"), required=False)

    def __init__(self, data: dict[str, Any], *, cabinet: Cabinet) -> None:
        super().__init__(_chosen(data))
        self.found = {str(one.pk): one for one in cabinet.counters.order_by("removed_at", "name")}
        field: Any = self.fields["counter"]
        titles = [(pk, one.name) for pk, one in self.found.items()]
        field.choices = [("", _("Все вместе")), *titles]

    def add_prefix(self, field_name: str) -> str:
        """Return the parameter of a field; the dates have those of the ledger."""
        return {"date_from": "from", "date_to": "to"}.get(field_name, field_name)

    def clean(self) -> dict[str, Any]:
        """Ask for both dates unless a number of days is chosen, in order and not too far apart."""
        values = self.cleaned_data
        if values.get("days") or self.errors:
            return values
        first, last = values.get("date_from"), values.get("date_to")
        if first is None or last is None:
            name = "date_from" if first is None else "date_to"
            self.add_error(name, _("Укажите обе даты или выберите период."))
        elif first > last:
            self.add_error("date_to", _("Раньше, чем начало."))
        elif (last - first).days >= MOST_DAYS or first.year < 2000 or last.year > 2100:
            self.add_error("date_to", _("Выберите не больше 366 дней."))
        return values

    @property
    def shown(self) -> str:
        """The dates that the fields show, for the next answer of the form."""
        return _shown(self.data)

    def period(self) -> Period:
        """Return the chosen days of a valid form."""
        values, zone = self.cleaned_data, timezone.get_current_timezone()
        if not values["days"]:
            return Period(values["date_from"], values["date_to"], zone)
        today = timezone.localdate()
        return Period(today - timedelta(days=int(values["days"]) - 1), today, zone)

    def chosen_counter(self) -> Counter | None:
        """Return the counter of a valid form, None for all together."""
        return self.found.get(self.cleaned_data["counter"])
