"""Conditions of sources: a field that has become empty, calls that cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from calls.masking import masked_text
from calls.models import EmptyField, PullSource
from calls.ways.pull.troubles import FAILING, WRONG_KEY
from notices.conditions.found import Found
from notices.kinds import Kind


def emptied_fields(now: datetime) -> Iterator[Found]:
    """Yield the fields that sources in use have stopped to fill (schema watch)."""
    rows = EmptyField.objects.filter(source__is_active=True).select_related("source")
    for one in rows:
        facts = {"source": one.source_id, "name": one.source.name, "field": one.field}
        facts |= {"empty": one.empty, "calls": one.calls, "since": one.since.isoformat()}
        about = f"source:{one.source_id}:{one.field}"
        yield Found(one.source.cabinet_id, Kind.EMPTY_FIELD, about, facts)


def failed_pulls(now: datetime) -> Iterator[Found]:
    """Yield the sources whose calls are not pulled, for a reason a person should know."""
    pulls = PullSource.objects.filter(WRONG_KEY | FAILING, source__is_active=True)
    for one in pulls.select_related("source").defer("api_key"):
        facts = {"source": one.pk, "name": one.source.name, "code": one.error_code}
        facts |= {"text": masked_text(one.error_text)}
        yield Found(one.source.cabinet_id, Kind.PULL_FAILED, f"source:{one.pk}", facts)
