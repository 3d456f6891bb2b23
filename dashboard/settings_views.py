"""Views of settings as things: copied to other counters, their history, templates."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets.access import CabinetRequest, manage_required
from counters.settings.copying import origin_of
from dashboard.settings_copy_page import CopyPage, respond


@require_http_methods(["GET", "POST"])
@manage_required
def copy_settings(request: CabinetRequest, pk: int) -> HttpResponse:
    """Copy the counter's settings to others of the cabinet, the differences first."""
    counter = get_object_or_404(request.cabinet.counters.present().with_details(), pk=pk)
    others = request.cabinet.counters.present().with_details().exclude(pk=pk)
    page = CopyPage(
        origin=origin_of(counter),
        title=_("Копировать настройки «%(name)s»") % {"name": counter.name},
        back_url=reverse("counters:settings", args=[pk]),
        back_name=counter.name,
        targets=list(others.order_by("name", "number")),
    )
    return respond(request, page)
