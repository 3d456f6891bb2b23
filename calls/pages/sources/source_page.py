"""The page of one source: what came last by it, and what can be done with it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.models import CallSource
from cabinets.time_zones import zone_label
from calls.pages.sources import received_panel
from calls.pages.sources.panels import panels_of


@never_cache
@require_safe
@cabinet_required
def source_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the source; every panel decides by itself what this person may see.

    With ``part=received`` the panel of the last requests alone, which the page asks for again.
    """
    source = get_object_or_404(request.cabinet.call_sources, pk=pk)
    if request.GET.get("part") == "received":
        return _received(request, source)
    context = {
        "source": source,
        "zone": zone_label(source.time_zone),
        "panels": panels_of(request, source),
    }
    return render(request, "calls/sources/source.html", context)


def _received(request: CabinetRequest, source: CallSource) -> HttpResponse:
    panel = received_panel.panel(request, source)
    if panel is None:
        raise Http404
    if request.GET.get("last") == str(panel["newest"]):
        return HttpResponse(status=204)  # the page stays as it is, with what is unfolded in it
    return render(request, panel["template"], {"source": source, "panel": panel})
