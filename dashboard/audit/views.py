"""The page «Журнал»: who did what in the cabinet, with filters and «Вернуть»."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.models import Membership
from cabinets.people import members_of, name_of
from counters.pages.query_values import number_or_none
from dashboard.audit.trail import OTHERS, SYSTEM, entries_of
from dashboard.audit.words import GROUPS

_OBJECT = re.compile(r"[a-z]{1,30}\.[a-z]{1,30}:[0-9]{1,18}")


class AuditFilterForm(forms.Form):
    """Who, what and how many days back; an empty value is no condition."""

    who = forms.ChoiceField(label=gettext_lazy("Кто"), required=False)
    what = forms.ChoiceField(label=gettext_lazy("Что"), required=False)
    days = forms.ChoiceField(label=gettext_lazy("За какое время"), required=False)

    def __init__(
        self, *args: Any, members: list[Membership], sees_all: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, list[tuple[str, Any]]] = {
            "who": [
                ("", _("Все")),
                *((str(one.user_id), name_of(one.user, sees_all=sees_all)) for one in members),
                (SYSTEM, _("Система")),
                (OTHERS, _("Поддержка и бывшие участники")),
            ],
            "what": [("", _("Всё")), *((key, name) for key, (name, _words) in GROUPS.items())],
            "days": [
                ("", _("За всё время")),
                ("1", _("За сутки")),
                ("7", _("За 7 дней")),
                ("30", _("За 30 дней")),
                ("90", _("За 90 дней")),
            ],
        }
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = values
            field.error_messages["invalid_choice"] = _("Выберите значение из списка.")


@require_safe
@cabinet_required
def audit_trail(request: CabinetRequest) -> HttpResponse:
    """Show a page of events, the latest first."""
    members = members_of(request.cabinet)
    form = AuditFilterForm(request.GET, members=members, sees_all=request.membership.can_manage)
    subject = request.GET.get("object", "")
    context: dict[str, Any] = {
        "filters": form,
        "object_key": subject,
        "is_filtered": any(request.GET.get(name) for name in (*form.fields, "object")),
        "entries": [],
        "next": None,
    }
    if form.is_valid():
        wanted = form.cleaned_data | {
            "object": subject if _OBJECT.fullmatch(subject) else "",
            "before": number_or_none(request.GET.get("before", "")),
        }
        context["entries"], context["next"] = entries_of(
            request.membership, wanted, members=members, now=timezone.now()
        )
    return render(request, "cabinets/audit.html", context)
