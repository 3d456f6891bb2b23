"""`calls.ways.saved_mapping`: which mapping reads an item, and how one is saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from cabinets.models import AuditEvent, CallSource
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.mapping import Mapping
from calls.models import SourceMapping
from calls.ways.saved_mapping import (
    StaleMapping,
    mapping_for,
    read_mapped,
    save_mapping,
)
from tests.paths import PAYLOADS

pytestmark = pytest.mark.django_db
FILES = PAYLOADS / "reports" / "files"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
STARTED = datetime(2026, 11, 27, 17, 14, 54, tzinfo=UTC)
OWN = {"when": "27.11.2026 20:14:54", "who": "8 (916) 000-00-01", "sec": "00:01:05"}
FIELDS = {"callTime": "when", "clientNumber": "who", "duration": "sec"}


def payload(name: str) -> Any:
    return json.loads((FILES / name).read_text(encoding="utf-8"))


def call_of(read: CallRecord | BadRecord) -> tuple[str, datetime, int]:
    assert isinstance(read, CallRecord), read
    return read.phone, read.started_at, read.duration_seconds


def save(source: CallSource, actor: User, **changes: Any) -> SourceMapping:
    values: dict[str, Any] = {"fields": FIELDS, "preset": "", "version": 0} | changes
    return save_mapping(source, actor=actor, now=NOW, **values)


def test_items_of_several_shapes_are_read_in_one_batch_with_one_query(
    source: CallSource, django_assert_num_queries: Any
) -> None:
    items = [
        payload("callback-webhook.json"),
        payload("calltracking-webhook.json"),
        payload("old-export.json")["payload"][0],
    ]

    with django_assert_num_queries(1):
        read = read_mapped(items, source, NOW)

    assert [call_of(one) for one in read] == [("+79160000001", STARTED, 65)] * 3
    assert mapping_for(source, items[2]) is None


def test_saved_mapping_reads_its_items_and_leaves_others_to_the_ready_ones(
    source: CallSource, owner: User
) -> None:
    save(source, owner)

    old = payload("old-export.json")["payload"][0]
    read = read_mapped([OWN, payload("callback-webhook.json"), old], source, NOW)

    assert [call_of(one) for one in read] == [("+79160000001", STARTED, 65)] * 3


def test_rejected_item_is_kept_as_it_came(source: CallSource) -> None:
    spoilt = {"callTime": "27.11.2026 20:15", "clientNumber": "7,916E+10"}

    read = read_mapped([OWN, spoilt, "text"], source, NOW)

    assert [one.code for one in read if isinstance(one, BadRecord)] == [
        "missing_field",
        "spoilt_number",
        "not_an_object",
    ]
    assert [one.raw for one in read] == [OWN, spoilt, "text"]


def test_bare_time_is_refused_without_a_zone_unless_the_shape_tells_it(
    source: CallSource,
) -> None:
    source.time_zone = ""
    callback = payload("callback-webhook.json")
    del callback["date_timestamp"]

    read = read_mapped([payload("calltracking-webhook.json"), callback], source, NOW)

    assert isinstance(read[0], BadRecord)
    assert read[0].code == "time_without_zone"
    assert call_of(read[1]) == ("+79160000001", STARTED, 65)


def test_mapping_of_a_file_replaces_that_of_the_source(source: CallSource, owner: User) -> None:
    save(source, owner, fields={"callTime": "who"})

    (read,) = read_mapped([OWN], source, NOW, mapping=Mapping(FIELDS))

    assert call_of(read) == ("+79160000001", STARTED, 65)


def test_mapping_is_saved_once_and_audited(source: CallSource, owner: User) -> None:
    first = save(source, owner, fields=FIELDS | {"unknown": "x"})
    again = save(source, owner)
    second = save(source, owner, fields={"callTime": "when"}, version=1)

    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert (first.fields, second.saved_by) == (FIELDS, owner)
    events = AuditEvent.objects.filter(action="source.mapping_saved").order_by("pk")
    assert [(one.before.get("fields"), one.after["fields"]) for one in events] == [
        (None, FIELDS),
        (FIELDS, {"callTime": "when"}),
    ]


@pytest.mark.parametrize("version", [0, 2])
def test_mapping_that_somebody_else_changed_is_not_overwritten(
    source: CallSource, owner: User, version: int
) -> None:
    save(source, owner)

    with pytest.raises(StaleMapping):
        save(source, owner, fields={"callTime": "other"}, version=version)

    assert SourceMapping.objects.get().fields == FIELDS
    assert AuditEvent.objects.filter(action="source.mapping_saved").count() == 1
