"""Parsing a v3 record into a call: a table per rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.ingest.parsing.json_values import MAX_LEVELS
from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from tests.calls.ingest.any_record import FIELDS, RECORDS
from tests.paths import PAYLOADS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
SAMPLE = PAYLOADS / "callkeeper" / "v3-calls.json"


def read(*, zone: ZoneInfo | None = MOSCOW, **fields: Any) -> CallRecord:
    item = {"universalId": "100", "callTime": 1_795_418_400} | fields
    record = read_record(item, source_id="src_1", zone=zone, now=NOW)
    assert isinstance(record, CallRecord), record
    return record


def refuse(item: Any, *, zone: ZoneInfo | None = MOSCOW) -> BadRecord:
    record = read_record(item, source_id="src_1", zone=zone, now=NOW)
    assert isinstance(record, BadRecord), record
    return record


def test_published_sample_is_parsed_field_by_field() -> None:
    item = json.loads(SAMPLE.read_text(encoding="utf-8"))[0]

    call = read_record(item, source_id="src_1", zone=MOSCOW, now=NOW)

    assert isinstance(call, CallRecord)
    assert call.external_id == "23423423434434234"
    assert (call.service_type, call.kind) == ("calltracking", "dynamic")
    assert call.started_at == datetime(2020, 4, 5, 10, 23, 32, tzinfo=UTC)
    assert (call.duration_seconds, call.hold_seconds) == (152, None)
    assert (call.status, call.status_first, call.status_second) == ("success", 200, 200)
    assert (call.is_finished, call.is_test, call.is_technical) == (True, False, False)
    assert (call.is_unique, call.is_target, call.is_unique_target) == (True, True, False)
    assert (call.site, call.site_host) == ("mysite.ru", "mysite.ru")
    assert (call.campaign_id, call.campaign_name) == ("1000", "sale")
    assert (call.client_id, call.yclid, call.user_id) == ("534543523543", "", "")
    assert (call.phone, call.page_url) == ("+7999999999", "https://callkeeper.ru/call-tracking/")
    assert call.tags == ["some tag", "any tag"]
    assert (call.callback_id, call.attempt, call.order_key) == (None, None, None)
    assert call.raw == item


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("23423423434434234", "23423423434434234"),
        (23423423434434234, "23423423434434234"),
        (77.0, "77"),
        (" 42 ", "42"),
        ("a" * 128, "a" * 128),
        ("4\x002", "42"),
    ],
)
def test_external_id_is_kept_as_text(given_id: Any, kept: str) -> None:
    assert read(universalId=given_id).external_id == kept


@pytest.mark.parametrize("given_id", ["a" * 129, 1.5, 2.0**53, True, False, [1], {"id": 1}])
def test_unusable_external_id_is_refused(given_id: Any) -> None:
    problem = refuse({"universalId": given_id, "callTime": 1_795_418_400})

    assert (problem.code, problem.field) == ("bad_universal_id", "universalId")


@pytest.mark.contract("A4")
@pytest.mark.parametrize("absent", [None, "", "-", 0, "0", 0.0, []])
def test_call_without_id_gets_the_same_id_each_time(absent: Any) -> None:
    facts: dict[str, Any] = {
        "clientNumber": "79161234567",
        "managerNumber": "74950000000",
        "duration": 60,
    }

    first = read(universalId=absent, **facts)
    again = read(universalId=absent, **(facts | {"tags": ["новый"], "duration": "60"}))

    assert first.external_id == "auto-" + first.external_id[5:]
    assert len(first.external_id) == 37
    assert again.external_id == first.external_id


@pytest.mark.parametrize(
    "other",
    [
        {"callTime": 1_795_418_401},
        {"clientNumber": "79161234568"},
        {"managerNumber": "74950000001"},
        {"duration": 61},
    ],
)
def test_derived_id_differs_with_each_fact(other: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "clientNumber": "79161234567",
        "managerNumber": "74950000000",
        "duration": 60,
    }

    first = read(universalId="", **facts)
    second = read(universalId="", **(facts | other))

    assert second.external_id != first.external_id


def test_derived_id_differs_between_sources() -> None:
    item = {"callTime": 1_795_418_400, "clientNumber": "79161234567"}

    one = read_record(item, source_id="src_1", zone=None, now=NOW)
    two = read_record(item, source_id="src_2", zone=None, now=NOW)

    assert isinstance(one, CallRecord)
    assert isinstance(two, CallRecord)
    assert one.external_id != two.external_id


@pytest.mark.parametrize(
    ("number", "phone"),
    [
        ("79161234567", "+79161234567"),
        ("+7 (916) 123-45-67", "+79161234567"),
        ("8 (916) 123-45-67", "+79161234567"),
        (79161234567, "+79161234567"),
        (79161234567.0, "+79161234567"),
        ("79161234567.0", "+79161234567"),
        ("+79161234567.00", "+79161234567"),
        ("8.800.555.35.00", "+78005553500"),
        (79161234567.5, ""),
        (2.0**53 - 1, "+9007199254740991"),
        (2.0**53, ""),
        (1e300, ""),
        ("7.9161234567E+10", ""),
        (True, ""),
        ("7999999999", "+7999999999"),
        ("8123", "+8123"),
        ("810375291234567", "+810375291234567"),
        ("anonymous", ""),
        ("", ""),
        ("9" * 40, ""),
    ],
)
def test_phone_is_normalised_to_e164(number: Any, phone: str) -> None:
    assert read(clientNumber=number).phone == phone


@pytest.mark.parametrize(
    ("codes", "finished", "test", "technical", "status"),
    [
        ((200, 200), True, False, False, "success"),
        ((1, 0), False, False, False, "fail"),
        ((2, 0), False, False, False, "fail"),
        ((707, 0), False, False, False, "fail"),
        ((790, 0), True, True, False, "fail"),
        ((200, 0), True, False, False, "fail"),
        ((480, 0), True, False, False, "fail"),
        ((708, 0), True, False, True, "fail"),
        ((200, 708), True, False, False, "fail"),
        ((815, 0), True, False, True, "fail"),
        ((200, 201), True, False, False, "fail"),
        ((101, 200), True, False, False, "fail"),
        ((9999, 3), True, False, False, "fail"),
        (("200", "200"), True, False, False, "success"),
        ((200.0, "200.0"), True, False, False, "success"),
        ((707.0, 0), False, False, False, "fail"),
        ((707.5, 0), True, False, False, "fail"),
        (("707.5", 0), True, False, False, "fail"),
        ((True, True), True, False, False, ""),
        (("", ""), True, False, False, ""),
    ],
)
def test_codes_decide_the_outcome(
    codes: tuple[Any, Any], finished: bool, test: bool, technical: bool, status: str
) -> None:
    call = read(statusFirst=codes[0], statusSecond=codes[1])

    assert (call.is_finished, call.is_test, call.is_technical) == (finished, test, technical)
    assert call.status == status


@pytest.mark.parametrize("first", [667, 668, 701, 702, 703, 704, 705, 706, 709, 710, 718])
@pytest.mark.parametrize("second", [0, "", "0"])
def test_code_of_a_cancelled_call_is_technical(first: int, second: Any) -> None:
    assert read(statusFirst=first, statusSecond=second).is_technical


@pytest.mark.parametrize(("word", "status"), [("success", "success"), ("Fail", "fail")])
def test_status_word_takes_precedence_over_codes(word: str, status: str) -> None:
    assert read(status=word, statusFirst=9999, statusSecond=9999).status == status


def test_codes_of_the_older_export_are_parsed() -> None:
    call = read(state="720/200")

    assert (call.status_first, call.status_second, call.status) == (720, 200, "fail")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"serviceType": "callback", "yaClid": "12"}, "callback"),
        ({"serviceType": "", "cbCallId": 5}, "callback"),
        ({"serviceType": "calltracking", "yaClid": "12"}, "dynamic"),
        ({"serviceType": "calltracking"}, "static"),
        ({"serviceType": "calltracking", "callType": "Динамический коллтрекинг"}, "dynamic"),
        ({"serviceType": "calltracking", "callType": "dynamic call tracking"}, "dynamic"),
        ({"serviceType": "calltracking", "callType": "Статический", "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "callType": "STATIC", "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "isStatic": True, "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "static": "0"}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": False}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": 0}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": 1.5}, "static"),
        ({"serviceType": "calltracking", "isStatic": {"a": 1}, "yaClid": "12"}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": []}, "static"),
        ({"serviceType": "calltracking", "userId": "u1"}, "dynamic"),
        ({"serviceType": "calltracking", "yclid": "77"}, "dynamic"),
        ({"serviceType": "import", "yaClid": "12", "callType": "Статический"}, "dynamic"),
        ({"serviceType": "import"}, "static"),
        ({"serviceType": "новый сервис", "yaClid": "12"}, "dynamic"),
    ],
)
def test_kind_of_call(fields: dict[str, Any], kind: str) -> None:
    assert read(**fields).kind == kind


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("1718031415926535897", "1718031415926535897"),
        (1718031415926535897, "1718031415926535897"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", ""),
        (1718031415926535.0, "1718031415926535"),
        (2.0**53 - 1, "9007199254740991"),
        (2.0**53, ""),
        (1.718031415926535897e18, ""),
        (17180314.15, ""),
        (True, ""),
        ("17180314.15", ""),
        ("-17", ""),
        ("0", ""),
        ("१२३", ""),
        ("9" * 5000, ""),
    ],
)
def test_client_id_is_an_unsigned_number_or_nothing(given_id: Any, kept: str) -> None:
    call = read(yaClid=given_id)

    assert call.client_id == kept
    assert call.raw["yaClid"] == given_id


@pytest.mark.parametrize(
    ("fields", "yclid"),
    [
        ({"yclid": "77"}, "77"),
        ({"entryPointQuery": "https://a.example/?x=1&yclid=88#top"}, "88"),
        ({"callPage": "https://a.example/?yclid=99"}, "99"),
        ({"yclid": "77", "callPage": "https://a.example/?yclid=99"}, "77"),
        ({"yclid": "abc", "callPage": "https://a.example/?yclid=99"}, "99"),
        ({"callPage": "https://a.example/?yclid=_openstat"}, ""),
        ({"callPage": "https://[::1/?yclid=99"}, ""),
    ],
)
def test_yclid_comes_from_its_field_or_from_an_address(fields: dict[str, Any], yclid: str) -> None:
    assert read(**fields).yclid == yclid


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000, "1000"), (1000.0, "1000"), (1000.5, ""), (-3.0, "-3"), (True, ""), ({"id": 1}, "")],
)
def test_only_a_whole_number_becomes_a_text(value: Any, text: str) -> None:
    call = read(userId=value, campaignId=value, site=value, status=value)

    assert (call.user_id, call.campaign_id, call.site) == (text, text, text)
    assert call.raw["userId"] is value


def test_too_long_user_id_is_dropped_and_not_cut() -> None:
    assert read(user_id="u" * 255).user_id == "u" * 255
    assert read(userId="u" * 256).user_id == ""


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"holdDuration": 12}, 12),
        ({"waitTime": "7"}, 7),
        ({"holdDuration": 0}, None),
        ({"duration_sec": 90, "duration2_sec": 60}, 30),
        ({"duration_sec": 30, "duration2_sec": 0}, 30),
        ({"duration_sec": 60, "duration2_sec": 60}, 0),
        ({"duration_sec": 0, "duration2_sec": 0}, None),
        ({"duration_sec": 10, "duration2_sec": 60}, None),
        ({"duration_sec": 90}, None),
        ({"holdDuration": 999_999_999}, 999_999_999),
        ({"duration_sec": 999_999_999, "duration2_sec": 0}, 999_999_999),
    ],
)
def test_waiting_time(fields: dict[str, Any], seconds: int | None) -> None:
    assert read(**fields).hold_seconds == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (152, 152),
        ("152", 152),
        (152.9, 152),
        ("", 0),
        (None, 0),
        ([], 0),
        (999_999_999, 999_999_999),
        ("999999999", 999_999_999),
    ],
)
def test_duration_is_lenient_in_its_type(value: Any, seconds: int) -> None:
    assert read(duration=value).duration_seconds == seconds


@pytest.mark.parametrize("name", ["duration", "holdDuration", "waitTime", "duration2_sec"])
@pytest.mark.parametrize(
    "value", [-1, "-1", "долго", 1_000_000_000, "1000000000", 2**31, {"sec": 1}, True]
)
def test_invalid_seconds_are_refused(name: str, value: Any) -> None:
    whole = {"duration_sec": 90} if name == "duration2_sec" else {}

    problem = refuse({"universalId": "7", "callTime": 1_795_418_400, name: value} | whole)

    assert problem == BadRecord(
        "bad_number", name, "Нужно целое число от 0 до 999999999.", external_id="7"
    )


@pytest.mark.parametrize("yes", [True, 1, 1.0, "1", "true", "True", "да"])
@pytest.mark.parametrize("no", [False, 0, "0", 1.5, "false", "", None, [], {}])
def test_flags_are_lenient_in_their_type(yes: Any, no: Any) -> None:
    call = read(unique=yes, target=no, uniqueTarget=no)

    assert (call.is_unique, call.is_target, call.is_unique_target) == (True, False, False)


def test_unique_target_is_derived_when_it_is_missing() -> None:
    assert read(unique=True, target=True).is_unique_target
    assert not read(unique=True, target=False).is_unique_target


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ([" Целевой ", "", "Балкон", "Целевой"], ["Целевой", "Балкон"]),
        (["а\x00б", 5, 7.0, 7.5, True, None, {"x": 1}], ["аб", "5", "7"]),
        ("Целевой, Балкон", ["Целевой", "Балкон"]),
        (" ", []),
        (0, []),
        ("0", []),
        ([0], ["0"]),
        (5, ["5"]),
        ("5", ["5"]),
        ({"Целевой": 1}, []),
    ],
)
def test_tags_are_normalised(value: Any, tags: list[str]) -> None:
    assert read(tags=value).tags == tags


@pytest.mark.parametrize(
    ("fields", "order"),
    [
        ({"cbCallId": 30, "cbAttempt": 1, "cbAttemptsQueue": []}, (30, 1, 30)),
        ({"cbCallId": 32, "cbAttempt": 3, "cbAttemptsQueue": [31, 30]}, (32, 3, 30)),
        ({"cbCallId": "32", "cbAttempt": "2", "cbAttemptsQueue": "30,31"}, (32, 2, 30)),
        ({"cbCallId": 0, "cbAttempt": 0, "cbAttemptsQueue": [31, "x", 0]}, (None, None, 31)),
        ({"cbCallId": 2**63}, (None, None, None)),
        ({"cbCallId": 32.0, "cbAttemptsQueue": [31.0, 30.5, "29.5", True]}, (32, None, 31)),
        ({"cbCallId": 2.0**53 - 1, "cbAttemptsQueue": [2.0**60]}, (2**53 - 1, None, 2**53 - 1)),
        ({"cbCallId": 2.0**53, "cbAttemptsQueue": 31}, (None, None, 31)),
        ({}, (None, None, None)),
    ],
)
def test_attempts_of_one_order_share_their_lowest_id(
    fields: dict[str, Any], order: tuple[int | None, ...]
) -> None:
    call = read(serviceType="callback", **fields)

    assert (call.callback_id, call.attempt, call.order_key) == order


def test_site_comes_from_the_first_field_with_a_value() -> None:
    assert read(site="https://www.Mysite.RU/page").site_host == "mysite.ru"
    assert read(site="", visitSite="a.example", siteVisit="b.example").site == "a.example"
    assert read(siteVisit="окна.рф").site_host == "xn--80atjc.xn--p1ai"


def test_long_texts_are_cut_and_stay_whole_in_raw() -> None:
    call = read(site="с" * 300, ctCampaignName="к" * 300, campaignId="9" * 70, serviceType="s" * 40)

    assert [len(text) for text in (call.site, call.campaign_name)] == [255, 255]
    assert [len(text) for text in (call.campaign_id, call.service_type)] == [64, 32]
    assert call.raw["site"] == "с" * 300


def test_click_id_is_found_in_a_long_address_before_it_is_cut() -> None:
    address = "https://okna-stolica.example/?q=" + "a" * 3000 + "&yclid=1718031415926535001"

    call = read(callPage=address)

    assert (call.page_url, call.yclid) == (address[:2048], "1718031415926535001")
    assert call.raw["callPage"] == address


def test_tags_are_cut_in_length_and_number_and_stay_whole_in_raw() -> None:
    tags = ["т" * 300, "т" * 255, *(f"тег {number}" for number in range(60))]

    call = read(tags=tags)

    assert call.tags == ["т" * 255, *(f"тег {number}" for number in range(49))]
    assert call.raw["tags"] == tags


def test_characters_that_postgresql_refuses_are_removed() -> None:
    odd: dict[str, Any] = {"n\x00ame": ["a\x00", {"b": "\ud800c"}]}

    call = read(**odd)

    assert call.raw["name"] == ["a", {"b": "c"}]


@pytest.mark.parametrize("item", [None, 5, "text", [], [{}]])
def test_record_that_is_not_an_object_is_refused(item: Any) -> None:
    assert refuse(item).code == "not_an_object"


def nested(levels: int, *, bottom: Any = 1) -> Any:
    """Return lists and objects, nested alternately to that many levels."""
    value = bottom
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


@pytest.mark.parametrize("levels", [MAX_LEVELS - 1, MAX_LEVELS])
def test_record_nested_to_the_limit_is_kept_whole(levels: int) -> None:
    beside = {"in": "\x00"}  # makes the record be cleaned, too

    call = read(deep=nested(levels - 1), shallow=beside)

    assert call.raw["deep"] == nested(levels - 1)


@pytest.mark.parametrize("levels", [MAX_LEVELS + 1, MAX_LEVELS + 2, 5000])
@pytest.mark.parametrize("bottom", [1, [], {}])
def test_record_nested_deeper_than_the_limit_is_refused(levels: int, bottom: Any) -> None:
    hidden = nested(levels - 1 - isinstance(bottom, dict | list), bottom=bottom)

    problem = refuse({"callTime": 1_795_418_400, "flat": [1, {}], "deep": hidden})

    assert (problem.code, problem.message) == ("too_deep", "Запись звонка глубже 100 уровней.")


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.booleans())
def test_parser_never_raises_for_any_json(item: dict[str, Any], timed: bool) -> None:
    item = item | ({"callTime": 1_795_418_400} if timed else {})

    record = read_record(item, source_id="src_1", zone=MOSCOW, now=NOW)

    assert isinstance(record, CallRecord | BadRecord)


#: Python reads no more than 4,300 digits at once; what looks like a digit need not be a number.
DIGITS = [sign * count for sign in "09²٣" for count in (1, 20, 400, 4300, 4301, 5000)]
NUMBERS = [
    before + digits + after
    for digits in DIGITS
    for before in ("", "-")
    for after in ("", ".5", "e9", "/200")
]
TIMES = [
    f"{day}T{hour}{offset}"
    for day in ("0001-01-01", "2026-11-23", "9999-12-31")
    for hour in ("00:00:00", "23:59:59.999999")
    for offset in ("", "Z", "+23:59", "-23:59", "+24:00", "+00:00:00.000001")
]
ODD = [*NUMBERS, *TIMES, "nan", "-Infinity", "1e999", 10**4000, -(10**4000), 1.7e308, "http://[1"]


@pytest.mark.parametrize("field", FIELDS)
def test_parser_never_raises_for_extreme_values(field: str) -> None:
    for value in [*ODD, *([value] for value in ODD)]:
        item = {"callTime": 1_795_418_400, "serviceType": "callback", field: value}

        record = read_record(item, source_id="src_1", zone=MOSCOW, now=NOW)

        assert isinstance(record, CallRecord | BadRecord), value
