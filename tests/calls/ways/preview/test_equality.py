"""A preview equals what then happens, for random calls and settings; and it changes nothing.

PREVIEW_PAIRS is how many pairs of a call and a counter's settings are compared.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from calls.delivery.csv_writer import write_row
from calls.ingest.parsing.record import read_records
from calls.ingest.store import Result, store_calls
from calls.models import Call, Delivery, Way
from calls.states import Channel, DeliveryState, IdKind
from calls.ways.preview.answer import COLUMNS
from calls.ways.preview.decisions import Outcome
from calls.ways.preview.records import ItemPreview, preview_records
from tests import factories
from tests.calls.ways.preview.random_calls import random_records, random_settings

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]

PAIRS = int(os.environ.get("PREVIEW_PAIRS", "400"))
CALLS, COUNTERS = 50, 4
OUTCOMES = {
    DeliveryState.WAITING: Outcome.SEND,
    DeliveryState.SKIPPED: Outcome.SKIP,
    DeliveryState.EXPIRED: Outcome.EXPIRED,
}


def rows_of_all_tables() -> dict[str, int]:
    models = apps.get_app_config("calls").get_models()
    return {model.__name__: model._default_manager.count() for model in models}


def as_decided(call_id: int) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Return what the ledger has of the call, with its rows as files have them."""
    return {
        (one.counter_id, one.channel): (
            OUTCOMES[DeliveryState(one.state)],
            one.reason,
            one.compared,
            one.not_before if one.state == DeliveryState.WAITING else None,
            row_in_file(one) if one.state == DeliveryState.WAITING else None,
        )
        for one in Delivery.objects.filter(call_id=call_id)
    }


def row_in_file(delivery: Delivery) -> dict[str, str]:
    body = write_row(
        delivery,
        channel=Channel(delivery.channel),
        id_kind=IdKind(delivery.id_kind or IdKind.CLIENT_ID),
        is_static=delivery.is_static,
    )
    (row,) = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return row


def as_shown(preview: ItemPreview) -> dict[tuple[int, int], tuple[Any, ...]]:
    return {
        (one.counter.pk, one.channel): (
            one.outcome,
            one.reason,
            one.compared,
            one.not_before,
            one.row,
        )
        for one in preview.decisions
        if one.outcome is not Outcome.NOT_CONCERNED
    }


def assert_equal(preview: ItemPreview, result: Result, counters: int) -> None:
    shown = (preview.index, preview.external_id, preview.status, preview.error, preview.warning)
    assert shown == (
        result.index,
        result.external_id,
        result.status,
        result.error,
        result.warning,
    )
    if result.call_id is None:
        assert (preview.call, preview.decisions) == (None, ())
        return
    stored = Call.objects.get(pk=result.call_id)
    assert preview.call is not None
    for column in (*COLUMNS, "raw", "content_hash", "revision", "partition_at"):
        assert getattr(preview.call, column) == getattr(stored, column), column
    assert as_shown(preview) == as_decided(result.call_id)
    assert len({(one.counter.pk, one.channel) for one in preview.decisions}) == 2 * counters
    now = timezone.now()
    assert all(one.sentence(now=now, is_whole=True) for one in preview.decisions)


@pytest.mark.parametrize("seed", range(max(1, PAIRS // (CALLS * COUNTERS))))
def test_preview_equals_what_then_happens_and_changes_nothing(seed: int) -> None:
    random = Random(seed)
    source = factories.make_source(cabinet=factories.make_cabinet())
    random_settings(random, source, COUNTERS)
    items = random_records(random, CALLS)
    known = items[: CALLS // 5]
    now = timezone.now()

    def read(some: Sequence[Any]) -> Sequence[Any]:
        return read_records(some, source_id=source.public_id, zone=None, now=now)

    store_calls(source=source, records=read(known), now=now, way=Way.API)
    items = [one if random.random() < 0.5 else one | {"duration": 77} for one in items]
    before = rows_of_all_tables()

    previews = preview_records(source, read(items), now)

    assert rows_of_all_tables() == before
    results = store_calls(source=source, records=read(items), now=now, way=Way.API)
    assert {one.status for one in results} >= {"created", "updated"}
    for preview, result in zip(previews, results, strict=True):
        assert_equal(preview, result, COUNTERS)
