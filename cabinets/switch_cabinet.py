"""The door through which a person of several cabinets goes from one to another."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, cabinet_required, choose


@require_POST
@cabinet_required
def choose_cabinet(request: CabinetRequest, pk: int) -> HttpResponse:
    """Open another cabinet of the person at its first page; a foreign one does not exist."""
    if not choose(request, pk):
        raise Http404
    return HttpResponseRedirect(reverse("integrations:dashboard"), status=303)
