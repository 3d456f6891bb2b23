"""The page of one source: what came last by it, and what can be done with it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.time_zones import zone_label
from calls.pages.sources.panels import panels_of


@never_cache
@require_safe
@cabinet_required
def source_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the source; every panel decides by itself what this person may see."""
    source = get_object_or_404(request.cabinet.call_sources, pk=pk)
    context = {
        "source": source,
        "zone": zone_label(source.time_zone),
        "panels": panels_of(request, source),
    }
    return render(request, "calls/sources/source.html", context)
