"""Ready mappings: each shape of the field ends as the call that it is."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calls.ingest.parsing.record import CallRecord, read_records
from calls.mapping import (
    PRESETS,
    Mapping,
    OutgoingCall,
    SpoiltValue,
    apply,
    as_v3,
    flatten,
    matching_preset,
)
from tests.paths import PAYLOADS

FILES = PAYLOADS / "reports" / "files"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
STARTED = datetime(2026, 11, 27, 17, 14, 54, tzinfo=UTC)


def parsed(record: dict[str, Any], *, zone: ZoneInfo | None = MOSCOW) -> CallRecord:
    (call,) = read_records([record], source_id="src_1", zone=zone, now=NOW)
    assert isinstance(call, CallRecord), call
    return call


def mapping_of(item: dict[str, Any], preset: str) -> Mapping:
    paths = flatten(item)
    found = matching_preset(paths)
    assert found is not None
    assert found.key == preset
    return found.mapping(paths)


def read(item: dict[str, Any], preset: str, *, zone: ZoneInfo | None = MOSCOW) -> CallRecord:
    return parsed(apply(mapping_of(item, preset), item), zone=zone)


def file_of(name: str) -> Any:
    return json.loads((FILES / name).read_text(encoding="utf-8"))


def rows_of(name: str, encoding: str) -> list[dict[str, Any]]:
    with (FILES / name).open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.mark.parametrize("zone", [None, MOSCOW])
@pytest.mark.parametrize("times", [("date_timestamp", "date"), ("date",)])
def test_callback_webhook_is_one_call_in_utc(zone: ZoneInfo | None, times: tuple[str, ...]) -> None:
    body = file_of("callback-webhook.json")
    body = {name: body[name] for name in body if not name.startswith("date") or name in times}

    call = read(body, "callkeeper_callback", zone=zone)

    assert (call.external_id, call.kind) == ("callback-990077", "callback")
    assert (call.phone, call.started_at) == ("+79160000001", STARTED)
    assert (call.status, call.status_first, call.status_second) == ("success", 200, 200)
    assert (call.client_id, call.duration_seconds) == ("1718031415926535897", 65)
    assert (call.site_host, call.page_url) == (
        "okna-stolica.example",
        "https://okna-stolica.example/",
    )
    assert (call.tags, call.attempt, call.is_finished) == ([], 1, True)
    assert call.raw["managerNumber"] == "74950000000"
    assert call.raw["widget_name"] == "Виджет"


def test_first_callback_webhook_is_the_unfinished_call_of_the_second() -> None:
    body = file_of("callback-webhook.json")
    first = body | {"hook_event": "Call is processing", "status_code": 0, "duration_sec": 0}

    begun, ended = read(first, "callkeeper_callback"), read(body, "callkeeper_callback")

    assert (begun.is_finished, ended.is_finished) == (False, True)
    assert begun.external_id == ended.external_id


def test_time_of_a_callback_that_is_mapped_anew_has_the_zone_of_the_source() -> None:
    body = file_of("callback-webhook.json")
    fields = {"callTime": "order_date", "clientNumber": "phone2"}

    call = parsed(apply(Mapping(fields, "callkeeper_callback"), body))

    assert call.started_at == datetime(2026, 11, 27, 14, 14, tzinfo=UTC)


def test_calltracking_webhook_is_one_call() -> None:
    call = read(file_of("calltracking-webhook.json"), "callkeeper_calltracking")

    assert (call.phone, call.started_at) == ("+79160000001", STARTED)
    assert (call.duration_seconds, call.status, call.kind) == (65, "success", "dynamic")
    assert (call.site_host, call.campaign_name) == ("okna-stolica.example", "sale")
    assert (call.service_type, call.user_id) == ("calltracking", "")


def test_native_records_are_left_as_they_are() -> None:
    item = file_of("old-export.json")["payload"][0]
    mapping = mapping_of(item, "callkeeper_old")

    assert parsed(apply(mapping, item)).external_id == parsed(item).external_id == "call-1337486"
    assert PRESETS["callkeeper_old"].is_native
    assert as_v3(item) == item


def test_row_of_a_russian_spreadsheet_is_one_call() -> None:
    (row,) = rows_of("export-semicolon-cp1251.csv", "cp1251")

    call = parsed(as_v3(row))

    assert (call.external_id, call.phone) == ("f-5", "+79160000001")
    assert call.started_at == datetime(2026, 11, 27, 17, 15, tzinfo=UTC)
    assert (call.duration_seconds, call.status) == (65, "success")
    assert (call.client_id, call.tags) == ("1718031415926535897", ["Целевой", "новый"])


def test_row_with_numbers_that_excel_has_spoilt_is_refused_by_name() -> None:
    (row,) = rows_of("export-semicolon-utf8-excel.csv", "utf-8-sig")

    with pytest.raises(SpoiltValue) as refusal:
        as_v3(row)

    assert (refusal.value.code, refusal.value.field) == ("spoilt_number", "clientNumber")
    assert refusal.value.message == (
        "Таблица испортила число, его цифры потеряны: Номер клиента «7,916E+10», ClientID "
        "Метрики «1,71803E+18». Задайте столбцу текстовый формат и выгрузите данные заново."
    )


VENDORS: dict[str, dict[str, Any]] = {
    "calltouch": {
        "id": "77",
        "callerphone": "79160000001",
        "calledphone": "74950000001",
        "timestamp": "1795799694",
        "duration": "65",
        "status": "successful",
    },
    "uis": {
        "args": {
            "start_time": "2026-11-27 20:14:54.000",
            "contact_phone_number": "79160000001",
            "virtual_phone_number": "74950000001",
            "call_session_id": 77,
            "talk_time_duration": 65,
            "is_lost": False,
            "direction": "in",
            "tag_names": None,
        }
    },
    "ringostat": {
        "calldate": "2026-11-27 20:14:54",
        "caller": "79160000001",
        "dst": "74950000001",
        "billsec": "65",
        "disposition": "ANSWERED",
        "uniqueid": "77",
    },
    "callrail": {
        "resource_id": "77",
        "start_time": "2026-11-27T12:14:54.000-05:00",
        "customer_phone_number": "+79160000001",
        "tracking_phone_number": "+74950000001",
        "duration": "65",
        "answered": True,
        "direction": "inbound",
    },
    "zadarma": {
        "event": "NOTIFY_END",
        "call_start": "2026-11-27 20:14:54",
        "pbx_call_id": "77",
        "caller_id": "+79160000001",
        "called_did": "74950000001",
        "duration": "65",
        "disposition": "answered",
        "status_code": "16",
    },
    "mango": {
        "json": json.dumps(
            {
                "entry_id": "77",
                "call_direction": 1,
                "from": {"number": "79160000001"},
                "to": {"number": "74950000000"},
                "line_number": "74950000001",
                "create_time": 1795799694,
                "talk_time": 1795799704,
                "end_time": 1795799769,
                "entry_result": 1,
            }
        )
    },
}


@pytest.mark.parametrize("preset", VENDORS)
def test_shape_of_a_vendor_is_one_call(preset: str) -> None:
    call = read(VENDORS[preset], preset)

    assert (call.external_id, call.phone, call.started_at) == ("77", "+79160000001", STARTED)
    assert (call.duration_seconds, call.status) == (65, "success")
    assert call.raw["routePhone"].lstrip("+") == "74950000001"


@pytest.mark.parametrize(
    ("preset", "changes"),
    [("zadarma", {"disposition": "cancel"}), ("callrail", {"answered": False})],
)
def test_missed_call_of_a_vendor_is_no_success(preset: str, changes: dict[str, Any]) -> None:
    assert read(VENDORS[preset] | changes, preset).status == "fail"


@pytest.mark.parametrize("event", ["NOTIFY_START", "NOTIFY_ANSWER"])
def test_begun_call_of_zadarma_is_unfinished(event: str) -> None:
    assert not read(VENDORS["zadarma"] | {"event": event}, "zadarma").is_finished


def test_outgoing_call_is_refused() -> None:
    item = {"args": VENDORS["uis"]["args"] | {"direction": "out"}}

    with pytest.raises(OutgoingCall) as refusal:
        read(item, "uis")

    assert (refusal.value.code, refusal.value.field) == ("outgoing_call", "args.direction")


def test_every_preset_has_a_public_page_and_a_time_and_a_phone() -> None:
    for key, preset in PRESETS.items():
        assert preset.key == key
        assert preset.doc_url.startswith("https://")
        assert {"callTime", "clientNumber"} <= preset.candidates.keys()


def test_value_that_is_not_mapped_is_not_read_as_our_field() -> None:
    item = {"when": 1795799694, "who": "79160000001", "id": "company-5", "host": "crm.example"}
    mapping = Mapping({"callTime": "when", "clientNumber": "who"})

    call = parsed(apply(mapping, item))

    assert (call.external_id[:5], call.site) == ("auto-", "")
    assert (call.raw["source.id"], call.raw["source.host"]) == ("company-5", "crm.example")


def test_length_of_a_missed_call_of_mango_is_its_waiting() -> None:
    content = json.loads(VENDORS["mango"]["json"]) | {"talk_time": 0, "entry_result": 0}
    item = {"json": json.dumps(content)}

    call = read(item, "mango")

    assert (call.duration_seconds, call.status) == (0, "fail")
    assert call.hold_seconds == 75
