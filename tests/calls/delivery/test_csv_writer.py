"""The CSV of an upload: its cells, by the settings, and what shares a file."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, csv_writer
from calls.models import Upload, UploadFile
from calls.states import Channel, IdKind, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.call_links import link_of
from tests.calls.ledger import body_of
from tests.calls.sandbox_world import build_and_send, rows_in_metrika
from tests.calls.stored import store_call


def file_rows() -> list[dict[str, str]]:
    body = body_of(UploadFile.objects.get().pk)
    assert not body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(body.decode())))


def plan_of_piece(counter: Counter, month: datetime) -> str:
    key = {"upload": 1, "counter": counter.pk, "first": 1, "last": 4000, "from": month, "to": month}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL debug_parallel_query = on; SET LOCAL parallel_setup_cost = 0")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(csv_writer.JOIN_BY_KEY)
        cursor.execute(csv_writer._JOIN_FOUND)
        query = csv_writer._select(
            csv_writer.columns_of(Channel.CALLS, IdKind.CLIENT_ID, is_static=False),
            csv_writer._PIECE,
            key | csv_writer._settings_of(counter.pk),
            is_static=False,
        )
        cursor.execute("EXPLAIN (FORMAT JSON) " + query)
        return json.dumps(cursor.fetchone()[0])


def test_piece_reads_the_month_of_its_rows_only_and_starts_no_workers(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    month = store_call(cabinet=cabinet).partition_at

    plan = plan_of_piece(linked_counter, month)

    assert set(re.findall(r"calls_(?:call|delivery)_(?:default|past|\d+_\d+)(?=\")", plan)) == {
        f"calls_call_{month:%Y_%m}",
        f"calls_delivery_{month:%Y_%m}",
    }
    assert "Gather" not in plan


def test_piece_finds_its_calls_by_one_array_and_reads_no_settings_for_a_row(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    plan = plan_of_piece(linked_counter, store_call(cabinet=cabinet).partition_at)

    # By the key of calls with or without its month: the planner chooses by the statistics.
    assert re.search(r'"Index Cond": "\(+id = ANY \(\(InitPlan \d+\)', plan)
    assert plan.count('"Hash Join"') == 1
    assert '"Nested Loop"' not in plan
    assert "counters_" not in plan


def test_joins_are_by_key_again_after_the_last_piece(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()

    with transaction.atomic(), connection.cursor() as cursor:
        pieces = list(
            csv_writer.write_pieces(
                upload.pk,
                1,
                counter_id=linked_counter.pk,
                partitions=(call.partition_at, call.partition_at),
                channel=Channel.CALLS,
                id_kind=IdKind.CLIENT_ID,
                is_static=False,
            )
        )
        cursor.execute(
            "SELECT current_setting('enable_nestloop'), current_setting('enable_hashjoin')"
        )
        assert cursor.fetchone() == ("on", "off")

    assert b"".join(body for _row, body in pieces) == body_of(upload.pk)


def test_pieces_are_together_the_file_of_one_piece(
    cabinet: Cabinet, linked_counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for days in (20, 1, 9, 3, 15, 5, 18):
        store_call(cabinet=cabinet, started_at=now - timedelta(days=days))
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    ages = upload.deliveries.aggregate(first=Min("partition_at"), last=Max("partition_at"))
    whole = body_of(upload.pk)
    monkeypatch.setattr(csv_writer, "ROWS_PER_PIECE", 3)

    with transaction.atomic():
        pieces = list(
            csv_writer.write_pieces(
                upload.pk,
                7,
                counter_id=linked_counter.pk,
                partitions=(ages["first"], ages["last"]),
                channel=Channel.CALLS,
                id_kind=IdKind.CLIENT_ID,
                is_static=False,
            )
        )

    assert [row for row, _body in pieces] == [1, 4, 7]
    assert b"".join(body for _row, body in pieces) == whole
    assert whole.count(b"\n") == 8


def test_file_has_the_oldest_and_the_newest_of_its_calls(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    now = timezone.now().replace(microsecond=0)
    ages = [timedelta(days=20), timedelta(days=9), timedelta(minutes=5)]
    for age in ages:
        store_call(cabinet=cabinet, started_at=now - age)

    batching.build_uploads(now=timezone.now())

    starts = [int(row["DateTime"]) for row in file_rows()]
    assert starts == [int((now - age).timestamp()) for age in ages]


@pytest.mark.contract("C4")
def test_call_reaches_metrika_with_exactly_the_right_values(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(price=Decimal("1500.00"))
    started = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    tag = '=1+1, "кавычки"\nвторая строка 😀'
    call = store_call(
        cabinet=cabinet,
        started_at=started,
        client_id="1718031415926535897",
        tags=[tag, "б"],
        hold_seconds=11,
        status="success",
        is_unique=True,
    )

    upload = build_and_send()

    (row,) = rows_in_metrika(sandbox)
    assert {name: row[name] for name in row if name[0].isupper()} == {
        "ClientId": "1718031415926535897",
        "DateTime": str(int(started.timestamp())),
        "StaticCall": "0",
        "Price": "1500.00",
        "Currency": "RUB",
        "PhoneNumber": "+79161234567",
        "TalkDuration": "152",
        "HoldDuration": "11",
        "CallMissed": "0",
        "Tag": f"{tag}, б",
        "FirstTimeCaller": "1",
        "URL": "https://okna-stolica.example/balkon",
        "CallTrackerURL": link_of(call),
    }
    assert (upload.state, upload.rows, upload.line_quantity) == (UploadState.SENT, 1, 1)
    assert row["comment"] == upload.marker
    assert upload.marker.isalnum()


@pytest.mark.parametrize(
    ("chosen", "fields", "expected"),
    [
        ({"phone_mode": "masked"}, {}, {"PhoneNumber": "+7******4567"}),
        ({}, {"status": ""}, {"CallMissed": ""}),
        ({"phone_mode": "none"}, {}, {"PhoneNumber": ""}),
        ({"tag_mode": "none"}, {}, {"Tag": ""}),
        (
            {"tag_mode": "manual", "manual_tag_incoming": "Коллтрек"},
            {},
            {"Tag": "Коллтрек"},
        ),
        (
            {"tag_mode": "manual", "manual_tag_callback": "Обратный"},
            {"kind": "callback"},
            {"Tag": "Обратный"},
        ),
        ({}, {"status": "fail"}, {"CallMissed": "1"}),
        ({}, {"is_unique": False}, {"FirstTimeCaller": "0"}),
        ({}, {"hold_seconds": None}, {"HoldDuration": ""}),
        ({}, {}, {"Price": "", "Currency": ""}),
        ({"price": Decimal("0.10"), "currency": "EUR"}, {}, {"Price": "0.10", "Currency": "EUR"}),
        ({"price": Decimal("7"), "currency": "eur"}, {}, {"Price": "7.00", "Currency": ""}),
        (
            {"tag_mode": "manual", "manual_tag_incoming": r"50%% %(upload)s 'a' \101 \\"},
            {},
            {"Tag": r"50%% %(upload)s 'a' \101 \\"},
        ),
        ({}, {"page_url": ""}, {"URL": ""}),
        ({}, {"kind": "static"}, {"StaticCall": "1", "ClientId": ""}),
    ],
)
def test_each_setting_changes_its_cells(
    cabinet: Cabinet,
    linked_counter: Counter,
    chosen: dict[str, Any],
    fields: dict[str, Any],
    expected: dict[str, str],
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(**chosen)
    store_call(cabinet=cabinet, **fields)

    batching.build_uploads(now=timezone.now())

    (row,) = file_rows()
    assert {name: row[name] for name in expected} == expected


MASKED = {
    "+123": "",
    "+1234": "",
    "+12345": "",
    "+123456": "",
    "+1234567": "",
    "+12345678": "",
    "+123456789": "+1****6789",
    "+1234567890": "+1*****7890",
    "+12345678901": "+1******8901",
    "+123456789012": "+1*******9012",
}


def test_masked_phone_hides_as_many_digits_as_it_keeps_at_the_end(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(phone_mode="masked")
    for phone in MASKED:
        store_call(cabinet=cabinet, phone=phone)

    batching.build_uploads(now=timezone.now())

    assert [row["PhoneNumber"] for row in file_rows()] == list(MASKED.values())


def test_conversions_are_uploaded_in_the_goal_channel(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.filter(pk=linked_counter.pk).update(goal=goal, send_calls=False)
    call = store_call(cabinet=cabinet, client_id="1718031415926535897")

    upload = build_and_send()

    (row,) = rows_in_metrika(sandbox, "goal")
    assert (row["ClientId"], row["Target"]) == ("1718031415926535897", "calltracking_call_order")
    assert (upload.state, upload.channel) == (UploadState.SENT, Channel.GOAL)
    assert rows_in_metrika(sandbox) == []
    assert not call.deliveries.filter(channel=Channel.CALLS).exists()


def test_each_kind_of_identifier_and_static_calls_have_files_of_their_own(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    store_call(cabinet=cabinet, client_id="", yclid="5")
    store_call(cabinet=cabinet, kind="static")

    batching.build_uploads(now=timezone.now())

    files = sorted(Upload.objects.values_list("id_kind", "is_static", "rows"))
    assert files == [(1, False, 1), (1, True, 1), (2, False, 1)]
