"""The form of a source of calls."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.invitations import DAYS, INITIAL_DAYS
from cabinets.models import Cabinet, Membership
from cabinets.plurals import plural
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


class InviteForm(forms.Form):
    """Who is invited, with which role and for how long; roles are those the person may give."""

    role = forms.ChoiceField(
        label=gettext_lazy("Роль"),
        initial=Membership.Role.VIEWER,
        error_messages={
            "required": gettext_lazy("Выберите роль."),
            "invalid_choice": gettext_lazy("Эту роль вы дать не можете: выберите из списка."),
        },
    )
    email = forms.EmailField(
        label=gettext_lazy("Почта"),
        max_length=150,
        required=False,
        error_messages={
            "invalid": gettext_lazy("Это не похоже на адрес почты: проверьте его или сотрите."),
            "max_length": gettext_lazy("Адрес длиннее 150 знаков: сотрите его и передайте ссылку."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Ссылка действует"),
        coerce=int,
        initial=INITIAL_DAYS,
        error_messages={
            "required": gettext_lazy("Выберите срок."),
            "invalid_choice": gettext_lazy("Выберите срок из списка."),
        },
    )

    def __init__(self, *args: Any, own: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role, days = self.fields["role"], self.fields["days"]
        assert isinstance(role, forms.ChoiceField)
        assert isinstance(days, forms.ChoiceField)
        role.choices = [one for one in Membership.Role.choices if one[0] in own.given_roles]
        days.choices = [(number, _days(number)) for number in DAYS]


def _days(count: int) -> str:
    words = plural(count, _("%(count)d день"), _("%(count)d дня"), _("%(count)d дней"))
    return words % {"count": count}
