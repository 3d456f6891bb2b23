"""The form of a source of calls."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from cabinets.regions import DEFAULT_REGION, REGIONS
from cabinets.time_zones import zone_choices


class SourceForm(forms.Form):
    """Name, time zone and country of a source; the initial time zone is the cabinet's."""

    name = forms.CharField(
        label=gettext_lazy("Название"),
        max_length=200,
        error_messages={"required": gettext_lazy("Назовите источник.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Пояс времени без смещения"),
        required=False,
        help_text=gettext_lazy(
            "Секунды Unix и время со смещением (2026-11-23T10:20:30+03:00) принимаются всегда."
            " Пояс нужен, чтобы прочитать время без смещения: 2026-11-23 10:20:30."
        ),
    )
    region = forms.ChoiceField(
        label=gettext_lazy("Страна номеров без кода"),
        choices=REGIONS,
        required=False,
        initial=DEFAULT_REGION,
        help_text=gettext_lazy(
            "Номер без кода страны, например 916 123-45-67, читается как номер этой страны. Номера"
            " с плюсом или с кодом читаются всегда."
        ),
    )

    def __init__(self, *args: Any, cabinet: Cabinet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields["time_zone"]
        zone.initial = cabinet.time_zone
        assert isinstance(zone, forms.ChoiceField)
        zones = zone_choices(now=timezone.now())
        current = self.initial.get("time_zone", "")
        if current and current not in dict(zones):  # a zone that support has set
            zones = [(current, current), *zones]
        zone.choices = [("", _("Не принимать время без смещения")), *zones]

    def clean_region(self) -> str:
        """Return the chosen region, the default when none was posted."""
        return str(self.cleaned_data["region"] or DEFAULT_REGION)
