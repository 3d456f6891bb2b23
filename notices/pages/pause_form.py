"""The form of a pause: which counter, from which day to which, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from notices.models import AlertPause
from notices.pauses import MOST_DAYS

#: A pause begins within so many days.
AHEAD_DAYS = 366
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
_NO_DATE = {"required": _("Укажите день."), "invalid": _("Укажите день, например 2026-12-31.")}


class PauseForm(forms.Form):
    """Whole days in the cabinet's zone, the last one included."""

    counter = forms.ChoiceField(
        label=_("Где не следить"),
        required=False,
        error_messages={"invalid_choice": _("Такого счетчика больше нет. Выберите другой.")},
    )
    first_day = forms.DateField(label=_("С какого дня"), widget=_DATE, error_messages=_NO_DATE)
    last_day = forms.DateField(
        label=_("По какой день включительно"), widget=_DATE, error_messages=_NO_DATE
    )
    note = forms.CharField(
        label=_("Почему"),
        max_length=120,
        error_messages={
            "required": _("Напишите, почему: это увидят коллеги. Например: праздники."),
            "max_length": _("Сократите до 120 знаков."),
        },
    )

    def __init__(self, *args: Any, cabinet: Cabinet) -> None:
        super().__init__(*args)
        self.cabinet = cabinet
        self.found = {str(one.pk): one for one in cabinet.counters.present().order_by("name")}
        field: Any = self.fields["counter"]
        titles = [(pk, one.name) for pk, one in self.found.items()]
        field.choices = [("", _("Во всём кабинете")), *titles]
        self.fields["first_day"].initial = self._today()

    def _today(self) -> Any:
        return timezone.localdate(timezone=self.cabinet.zone)

    def clean(self) -> dict[str, Any]:
        """Ask for days in order, not all past, not too many and not too far ahead."""
        values = self.cleaned_data
        first, last = values.get("first_day"), values.get("last_day")
        if first is None or last is None:
            return values
        today = self._today()
        if last < first:
            self.add_error("last_day", _("Раньше, чем начало."))
        elif last < today:
            self.add_error("last_day", _("Эти дни уже прошли: выберите сегодня или позже."))
        elif (last - first).days >= MOST_DAYS:
            self.add_error("last_day", _("Выберите не больше 60 дней подряд."))
        elif first > today + timedelta(days=AHEAD_DAYS):
            self.add_error("first_day", _("Выберите день в пределах года."))
        return values

    def pause(self) -> AlertPause:
        """Return the pause of a valid form, not stored."""
        values = self.cleaned_data
        return AlertPause(
            cabinet=self.cabinet,
            counter=self.found.get(values["counter"]),
            first_day=values["first_day"],
            last_day=values["last_day"],
            note=values["note"],
        )
