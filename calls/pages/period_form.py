"""The form that picks days and a counter: a period by its name, or own dates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.pages.periods import DATE_PARAMETERS, PERIODS, chosen_period, days_of, shown_dates
from calls.summary.read import Period
from counters.models import Counter

DEFAULT = "28d"
MOST_DAYS = 366
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _chosen(data: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the form. Addresses that people kept have `days`, a number."""
    if data.get("days") and "period" not in data:
        data = data | {"period": f"{data['days']}d"}
    if not {"period", "from", "to"} & set(data):
        return data | {"period": DEFAULT}
    return chosen_period(data)


class PeriodForm(forms.Form):
    """`period` or `from` and `to`, and `counter` (its number in the address of its pages)."""

    period = forms.ChoiceField(
        label=_("Период"), choices=[("", _("Свои даты")), *PERIODS.items()], required=False
    )
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
        return DATE_PARAMETERS.get(field_name, field_name)

    def clean(self) -> dict[str, Any]:
        """Ask for both dates unless a period is chosen, in order and not too far apart."""
        values = self.cleaned_data
        if values.get("period") or self.errors:
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
        return shown_dates(self.data)

    def period_days(self) -> Period:
        """Return the chosen days of a valid form, in the cabinet's time zone."""
        values, zone = self.cleaned_data, timezone.get_current_timezone()
        if values["period"]:
            return Period(*days_of(values["period"], timezone.localdate()), zone)
        return Period(values["date_from"], values["date_to"], zone)

    def chosen_counter(self) -> Counter | None:
        """Return the counter of a valid form, None for all together."""
        return self.found.get(self.cleaned_data["counter"])
