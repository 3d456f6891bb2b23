"""What the page of an import and the list of imports show."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.mapping import flatten
from calls.masking import masked_text
from calls.models import FileError, FileImport, ImportState
from calls.pages.sources.import_form import field_rows, option_rows
from calls.states import Channel
from calls.ways.imports.orders import CHECKABLE

State = ImportState
TONES = {
    State.DONE: "success",
    State.CHECKED: "info",
    State.FAILED: "danger",
    State.CANCELLED: "neutral",
}
#: Imports in the panel, errors and columns on the page.
SHOWN_IMPORTS, SHOWN_ERRORS, SHOWN_COLUMNS = 10, 10, 12


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_imports.html`: the last files of the source.

    Sources whose calls come by themselves have the panel too: a file may hold their past calls.
    """
    found = FileImport.objects.filter(source=source).defer("preview").order_by("-created_at", "-pk")
    rows = [_listed(one) for one in found[:SHOWN_IMPORTS]]
    return {
        "template": "calls/sources/_panel_imports.html",
        "imports": rows,
        "can_upload": request.membership.can_manage and source.is_active,
    }


def _listed(one: FileImport) -> dict[str, Any]:
    return {"import": one, "tone": tone_of(one), "state": State(one.state).label}


def tone_of(one: FileImport) -> str:
    """Return the tone of the state."""
    return TONES.get(State(one.state), "progress")


def context_of(request: CabinetRequest, one: FileImport) -> dict[str, Any]:
    """Return the context of the page, as this person may see it."""
    can_manage = request.membership.can_manage
    can_check = can_manage and one.has_file and one.state in CHECKABLE
    return {
        "source": one.source,
        "import": one,
        "state_text": State(one.state).label,
        "tone": tone_of(one),
        "can_manage": can_manage,
        "progress": _progress(one),
        "can_start": can_manage and one.state == State.CHECKED and one.valid > 0,
        "can_send": can_manage and one.state == State.DONE and not one.is_sent and one.has_file,
        "can_cancel": can_manage and one.is_open,
        "can_check": can_check and not one.is_worked,
        "rows": field_rows(one),
        "options": option_rows(one),
        "table": _table(one, is_whole=can_manage),
        "plan": _plan(request, one),
        "errors": _errors(one, is_whole=can_manage),
        "error_rows": one.errors.count() if one.state == State.DONE else one.invalid,
    }


def _progress(one: FileImport) -> dict[str, Any] | None:
    """Return how far the worker is; None when none works on it."""
    if not one.is_worked:
        return None
    done = one.stored if one.state == State.STORING else one.checked
    return {"done": done, "total": one.rows_total}


def _table(one: FileImport, *, is_whole: bool) -> dict[str, Any] | None:
    """Return the first rows as they came; with phones masked unless the person may see them.

    In a file without a header the names of the columns are the values of its first call.
    """
    items = json.loads(one.preview) if one.preview else []
    if not items:
        return None
    columns = list(islice(one.header, SHOWN_COLUMNS))
    shown = str if is_whole else masked_text
    flat = [flatten(item) for item in items]
    return {
        "columns": [shown(name) for name in columns],
        "rows": [
            [(shown(name), shown(str(item.get(name, "")))) for name in columns] for item in flat
        ],
        "more": max(0, len(one.header) - len(columns)),
    }


def _plan(request: CabinetRequest, one: FileImport) -> dict[str, Any] | None:
    """Return per counter how many calls would go; None before the check has ended."""
    if one.state != State.CHECKED:
        return None
    numbers = {
        tuple(map(int, key.split(":"))): values
        for key, values in one.plan.get("counters", {}).items()
    }
    names = dict(
        request.cabinet.counters.filter(pk__in={counter for counter, _ch in numbers}).values_list(
            "pk", "name"
        )
    )
    return {
        "is_partial": one.tried < one.checked,
        "lines": [
            _line(f"{names.get(counter, counter)} · {Channel(channel).label}", values)
            for (counter, channel), values in sorted(numbers.items())
        ],
        "known": one.plan.get("duplicate", 0),
    }


def _line(name: str, values: list[int]) -> dict[str, Any]:
    # The plan of a check by an earlier version has three numbers.
    total, goes, too_old, earlier = [*values, 0][:4]
    return {"name": name, "total": total, "goes": goes, "too_old": too_old, "earlier": earlier}


def _errors(one: FileImport, *, is_whole: bool) -> list[FileError]:
    """Return the first errors."""
    found = list(one.errors.order_by("row")[:SHOWN_ERRORS])
    if not is_whole:
        for error in found:
            error.message = masked_text(error.message)
    return found


def too_large_sentence(limit: int) -> str:
    """Return why a file is not taken."""
    sentence = _(
        "Файл больше %(limit)d МБ и не загружен. Разделите его на несколько или сохраните только "
        "нужные столбцы."
    )
    return sentence % {"limit": limit // (1024 * 1024)}
