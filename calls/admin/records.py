"""Admin of the audit trail and of sources as staff without the right to personal data see them.

Both pages belong to `cabinets`, which knows neither that right nor how calls are masked, so they
are registered anew here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.db.models import Model
from django.http import HttpRequest

from cabinets.admin import AuditEventAdmin, CallSourceAdmin
from cabinets.models import AuditEvent, CallSource
from calls.admin.personal_data import AS_IT_CAME, MASKS, sees_phones
from calls.masking import HIDDEN, masked_text
from calls.phones import masked_phone


def masked_values(value: Any, name: str = "") -> Any:
    """Return a JSON value with the texts in it masked, those of a call's columns by their names."""
    if value and name in AS_IT_CAME:
        return HIDDEN
    if isinstance(value, dict):
        return {masked_text(key): masked_values(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked_values(one, name) for one in value]
    if isinstance(value, str):
        return (masked_phone if name == "phone" else MASKS.get(name, masked_text))(value)
    return value


# The same function for one column every time: Django compares the fields with the read-only ones.
@functools.cache
def _masked(name: str, model: type[Model]) -> Callable[[Any], str]:
    @admin.display(description=str(label_for_field(name, model)))
    def masked(row: Any) -> str:
        value = getattr(row, name)
        if isinstance(value, str):
            return masked_text(value)
        return json.dumps(masked_values(value), ensure_ascii=False)

    return masked


def _with_masks(
    request: HttpRequest, names: Iterable[Any], hidden: Iterable[str], model: type[Model]
) -> list[Any]:
    """Return the names with the hidden columns masked, unless the user may see them whole."""
    if sees_phones(request):
        return list(names)
    return [_masked(name, model) if name in hidden else name for name in names]


class MaskedAuditEventAdmin(AuditEventAdmin):
    """What changed, before and after."""

    masked = ("object_id", "before", "after")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Mask the values of the change."""
        return _with_masks(request, super().get_fields(request, obj), self.masked, AuditEvent)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Name the masked columns, which are no fields of the model."""
        return self.get_fields(request, obj)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Mask what the event is about."""
        return _with_masks(request, super().get_list_display(request), self.masked, AuditEvent)


class MaskedCallSourceAdmin(CallSourceAdmin):
    """Sources; what their last requests were told may quote a record."""

    masked = ("last_refusal", "last_rejection", "last_warning")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Mask the texts about the last requests."""
        return _with_masks(request, super().get_fields(request, obj), self.masked, CallSource)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Name the masked columns, which are no fields of the model."""
        editable = ("name", "time_zone", "region", "is_active")
        return [name for name in self.get_fields(request, obj) if name not in editable]


for _model, _page in ((AuditEvent, MaskedAuditEventAdmin), (CallSource, MaskedCallSourceAdmin)):
    admin.site.unregister(_model)
    admin.site.register(_model, _page)
