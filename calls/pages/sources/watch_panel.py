"""What the page of a source says of its fields: which come, how often empty, and since when."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.models import EmptyField
from calls.queries.empty_fields import empty_text, fields_of


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_watch.html`; None for a source that no call came from."""
    fields = fields_of(source, now=timezone.now())
    emptied = EmptyField.objects.filter(source=source).order_by("field")
    texts = [empty_text(one) for one in emptied]
    if not fields and not texts:
        return None
    return {
        "template": "calls/sources/_panel_watch.html",
        "fields": fields,
        "emptied": [text[:1].upper() + text[1:] for text in texts],
    }
