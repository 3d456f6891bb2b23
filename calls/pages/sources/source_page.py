"""The page of one source: what came last by it, and what can be done with it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.models import CallSource
from cabinets.time_zones import zone_label
from calls.pages.sources import pull_panel, received_panel
from calls.pages.sources.panels import Panel, panels_of

#: Panels that the page asks for again.
PARTS: dict[str, Panel] = {"received": received_panel.panel, "pull": pull_panel.panel}


@never_cache
@require_safe
@cabinet_required
def source_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the source; every panel decides by itself what this person may see.

    With ``part``, one of PARTS, that panel alone.
    """
    source = get_object_or_404(request.cabinet.call_sources, pk=pk)
    if (part := request.GET.get("part")) in PARTS:
        return _panel(request, source, PARTS[part])
    context = {
        "source": source,
        "zone": zone_label(source.time_zone),
        "panels": panels_of(request, source),
    }
    return render(request, "calls/sources/source.html", context)


def _panel(request: CabinetRequest, source: CallSource, panel_of: Panel) -> HttpResponse:
    panel = panel_of(request, source)
    if panel is None:
        raise Http404
    newest = panel.get("newest")
    if newest is not None and request.GET.get("last") == str(newest):
        return HttpResponse(status=204)  # the page stays as it is, with what is unfolded in it
    return render(request, panel["template"], {"source": source, "panel": panel})
