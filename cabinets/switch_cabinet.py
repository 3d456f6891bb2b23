"""The view that switches a user of several cabinets to another of them."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, cabinet_required, switch_cabinet


@require_POST
@cabinet_required
def choose_cabinet(request: CabinetRequest, pk: int) -> HttpResponse:
    """Switch and redirect to the first page; 404 for a cabinet the user is not a member of."""
    if not switch_cabinet(request, pk):
        raise Http404
    return HttpResponseRedirect(reverse("integrations:dashboard"), status=303)
