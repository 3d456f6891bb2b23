"""What a person orders: check the file (again), store its calls with or without sending, cancel.

Each takes the import from the worker that holds it, so that nothing is stored against the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from calls.mapping import Mapping
from calls.models import FileImport, ImportState
from calls.ways.imports.claims import FREE

#: The file may be read again with other settings, until its calls are being stored.
CHECKABLE = (
    *(ImportState.UPLOADED, ImportState.CHECKING, ImportState.CHECKED),
    *(ImportState.FAILED, ImportState.CANCELLED),
)
_NOT_STORED = {"created": 0, "updated": 0, "duplicate": 0, "rejected": 0}
_NOT_CHECKED: dict[str, Any] = {
    "rows_total": None,
    "valid": 0,
    "invalid": 0,
    "too_old": 0,
    "tried": 0,
    "plan": {},
    "error_code": "",
    "error_text": "",
    "finished_at": None,
    "started_at": None,
    "is_sent": None,
    "failures": 0,
    **_NOT_STORED,
}


@transaction.atomic
def check(
    file_import: FileImport,
    *,
    mapping: Mapping | None,
    sheet: str,
    encoding: str,
    delimiter: str,
    actor: User,
) -> bool:
    """Let the file be checked from its beginning with these settings; False if it cannot be.

    ``mapping`` None: the columns are guessed anew.
    """
    locked = _locked(file_import)
    if locked.state not in CHECKABLE or not locked.has_file:
        return False
    settings = {"sheet": sheet, "encoding": encoding, "delimiter": delimiter}
    # A mapping without a column counts as chosen, too.
    chosen = {
        "mapping": None if mapping is None else mapping.fields,
        "preset": "" if mapping is None else mapping.preset,
    }
    wanted = settings | chosen
    if locked.state == ImportState.UPLOADED and _values(locked, wanted) == wanted:
        return True
    locked.errors.all().delete()
    before = {"state": str(locked.state)}
    _save(locked, state=ImportState.UPLOADED, **settings, **chosen, **_NOT_CHECKED)
    _log(locked, actor, "import.checked", before=before, after=wanted)
    return True


@transaction.atomic
def start(file_import: FileImport, *, is_sent: bool, actor: User, now: datetime) -> bool:
    """Store the calls of a checked file; False if it is not checked, or that was done already.

    Calls that were loaded without sending may be stored once more with it.
    """
    locked = _locked(file_import)
    is_second = locked.state == ImportState.DONE and is_sent and not locked.is_sent
    if not locked.has_file or (locked.state != ImportState.CHECKED and not is_second):
        return False
    if not locked.valid:
        return False
    before = {"state": str(locked.state)}
    values = {"is_sent": is_sent, "started_at": now, "finished_at": None}
    _save(locked, state=ImportState.STORING, **values, **_NOT_STORED)
    _log(locked, actor, "import.started", before=before, after={"is_sent": is_sent})
    return True


@transaction.atomic
def cancel(file_import: FileImport, *, actor: User, now: datetime) -> bool:
    """End the import where it is: what is stored stays; False if it is at its end already."""
    locked = _locked(file_import)
    if not locked.is_open:
        return False
    before = {"state": str(locked.state)}
    _save(locked, state=ImportState.CANCELLED, finished_at=now)
    _log(locked, actor, "import.cancelled", before=before, after={"stored": locked.stored})
    return True


def _values(locked: FileImport, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(locked, name) for name in names}


def _locked(file_import: FileImport) -> FileImport:
    rows = FileImport.objects.select_for_update(of=("self",)).defer("preview")
    return rows.select_related("source__cabinet").get(pk=file_import.pk)


def _save(locked: FileImport, **values: Any) -> None:
    for name, value in (values | FREE).items():
        setattr(locked, name, value)
    locked.save(update_fields=[*values, *FREE])


def _log(
    locked: FileImport, actor: User, action: str, *, before: dict[str, Any], after: dict[str, Any]
) -> None:
    audit.log_change(
        cabinet=locked.source.cabinet,
        actor=actor,
        action=action,
        subject=locked,
        before=before,
        after=after,
    )
