"""Parsing a v3 record into a call: a table per rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from tests.calls.ingest.parsing.parsed import MOSCOW, NOW, read, refuse
from tests.paths import PAYLOADS

SAMPLE = PAYLOADS / "callkeeper" / "v3-calls.json"


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
    # The number of the sample has ten digits, of which none is an area code.
    assert (call.phone, call.phone_text) == ("", "7999999999")
    assert call.page_url == "https://callkeeper.ru/call-tracking/"
    assert call.tags == ["some tag", "any tag"]
    assert (call.callback_id, call.attempt, call.order_key) == (None, None, None)
    assert call.raw == item


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


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *[(word, "success") for word in ("Успешный", "Отвечен", "Принят", "answered", "ANSWERED")],
        *[(word, "fail") for word in ("Неуспешный", "Пропущен", "missed", "no answer", "busy")],
        *[(word, "fail") for word in ("NO_ANSWER", "no-answer", "Не отвечен", "Не принят")],
        *[(word, "") for word in ("в обработке", "voicemail", "")],
    ],
)
def test_word_of_another_sender_is_the_status_without_codes(word: str, status: str) -> None:
    assert read(status=word).status == status
    assert read(status=word, statusFirst=200, statusSecond=200).status == "success"
    assert read(status=word, statusFirst=486, statusSecond=0).status == "fail"


def test_codes_of_the_older_export_are_parsed() -> None:
    call = read(state="720/200")

    assert (call.status_first, call.status_second, call.status) == (720, 200, "fail")


#: Texts of `callType` by the kind that they say.
DYNAMIC_TEXTS = (
    *("нестатический", "Не статический", "не\u00a0статический", "не-статический"),
    *("не является статическим", "non-static", "NonStatic", "non static", "not static"),
    *(
        "non\u2011static",
        "isn't static",
        "ct_dynamic",
        "static, dynamic",
        "Статический, не статический",
    ),
)
STATIC_TEXTS = (
    *(
        "Статический номер",
        "static_number",
        "ct-static",
        "ct_static",
        "(static)",
        "статика: Статич.",
    ),
    *(
        "нединамический",
        "non-dynamic",
        "Статический (не динамический)",
        "Звонок не наш, статический",
    ),
)
OTHER_TEXTS = (
    "электростатический",
    "ecstatic",
    "aerodynamic",
    "статистика",
    "Statistics",
    "3static",
)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"serviceType": "callback", "yaClid": "12"}, "callback"),
        ({"serviceType": "", "cbCallId": 5}, "callback"),
        ({"serviceType": "calltracking", "yaClid": "12"}, "dynamic"),
        ({"serviceType": "calltracking"}, "unknown"),
        ({"serviceType": "calltracking", "callType": "Динамический коллтрекинг"}, "dynamic"),
        ({"serviceType": "calltracking", "callType": "dynamic call tracking"}, "dynamic"),
        ({"serviceType": "calltracking", "callType": "Статический", "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "callType": "STATIC", "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "isStatic": True, "yaClid": "12"}, "static"),
        ({"serviceType": "calltracking", "static": "0"}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": False}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": 0}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": 1.5}, "unknown"),
        ({"serviceType": "calltracking", "isStatic": {"a": 1}, "yaClid": "12"}, "dynamic"),
        ({"serviceType": "calltracking", "isStatic": []}, "unknown"),
        ({"serviceType": "calltracking", "userId": "u1"}, "dynamic"),
        ({"serviceType": "calltracking", "yclid": "77"}, "dynamic"),
        ({"serviceType": "import", "yaClid": "12", "callType": "Статический"}, "dynamic"),
        ({"serviceType": "import"}, "unknown"),
        ({"serviceType": "calltracking", "call_type": "static"}, "static"),
        ({"serviceType": "calltracking", "call_type": "dynamic"}, "dynamic"),
        ({"serviceType": "calltracking", "ctCampaignType": "Статическая"}, "static"),
        ({"serviceType": "calltracking", "yaClid": "1,71803E+18"}, "dynamic"),
        ({"serviceType": "calltracking", "yaClid": "{yaClid}"}, "unknown"),
        *(({"callType": text}, "dynamic") for text in DYNAMIC_TEXTS),
        *(({"callType": text}, "static") for text in STATIC_TEXTS),
        *(({"callType": text}, "unknown") for text in OTHER_TEXTS),
        ({"callType": "Статический", "ctCampaignType": "нестатическая"}, "dynamic"),
        ({"callType": "не", "ctCampaignType": "статическая"}, "static"),
        ({"serviceType": "forms", "yaClid": "12"}, "unknown"),
        ({"serviceType": "forms"}, "unknown"),
        ({"serviceType": "forms", "callType": "Динамический"}, "dynamic"),
        ({"callType": "Статический", "isStatic": False}, "unknown"),
        ({"callType": "Статический", "isStatic": False, "yaClid": "12"}, "unknown"),
        ({"callType": "Динамический", "isStatic": True, "yaClid": "12"}, "unknown"),
        ({"isStatic": True, "static": "0"}, "unknown"),
        ({"callType": "Статический", "isStatic": "1"}, "static"),
        ({"isStatic": "junk", "static": "1"}, "static"),
    ],
)
def test_kind_of_call(fields: dict[str, Any], kind: str) -> None:
    assert read(**fields).kind == kind


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
        ({"holdDuration": 16_800}, 16_800),
        ({"duration_sec": 16_800, "duration2_sec": 0}, 16_800),
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
        (7200, 7200),
        ("7200", 7200),
        ("152.9", 152),
        ("12,7", 12),
        ("45,0", 45),
        ("45.0", 45),
        ("0:45", 45),
        ("00:01:05", 65),
        ("1:02:03", 3723),
        ("90:00", 5400),
        (" 00:00:07.5 ", 7),
    ],
)
def test_duration_is_lenient_in_its_type(value: Any, seconds: int) -> None:
    assert read(duration=value).duration_seconds == seconds


@pytest.mark.parametrize("name", ["duration", "holdDuration", "waitTime", "duration2_sec"])
@pytest.mark.parametrize(
    ("value", "came"),
    [
        (-1, "-1"),
        ("-1", "-1"),
        ("долго", "долго"),
        (1_000_000_000, "1000000000"),
        ("1000000000", "1000000000"),
        (2**31, "2147483648"),
        ({"sec": 1}, '{"sec": "1"}'),
        (True, "true"),
        ("0:75", "0:75"),
        ("1:75:00", "1:75:00"),
        ("1:", "1:"),
        ("1_000", "1_000"),
        ("inf", "inf"),
    ],
)
def test_invalid_seconds_are_refused(name: str, value: Any, came: str) -> None:
    whole = {"duration_sec": 90} if name == "duration2_sec" else {}

    problem = refuse({"universalId": "7", "callTime": 1_795_418_400, name: value} | whole)

    sentence = (
        f"Пришло «{came}»: нужны секунды, целое число от 0 до 86400, или время вида 00:01:05."
    )
    assert problem == BadRecord("bad_number", name, sentence, external_id="7")


@pytest.mark.parametrize("came", ["1e2", "1E+2", "1,5e3"])
def test_exponent_is_named_as_the_fault_of_seconds(came: str) -> None:
    problem = refuse({"universalId": "7", "callTime": 1_795_418_400, "duration": came})

    assert (problem.code, problem.field) == ("bad_number", "duration")
    assert problem.message == (
        f"Пришло «{came}» — число с порядком (экспонентой): оно теряет цифры. Нужны секунды, "
        "целое число от 0 до 86400."
    )


def test_number_of_an_attempt_is_quoted_when_it_is_none() -> None:
    item = {"universalId": "7", "callTime": 1_795_418_400, "serviceType": "callback"}

    problem = refuse(item | {"cbAttempt": "вторая"})

    assert problem.message == "Пришло «вторая»: нужно целое число от 0 до 999999999."


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
        ({"Целевой": 1}, ["Целевой"]),
        ([{"tag": {"name": "A"}}, {"tag": {"title": "Б"}}, {"tag": "В"}], ["A", "Б", "В"]),
    ],
)
def test_tags_are_normalised(value: Any, tags: list[str]) -> None:
    assert read(tags=value).tags == tags


def test_site_comes_from_the_first_field_with_a_value() -> None:
    assert read(site="https://www.Mysite.RU/page").site_host == "mysite.ru"
    assert read(site="", visitSite="a.example", siteVisit="b.example").site == "a.example"
    assert read(siteVisit="окна.рф").site_host == "xn--80atjc.xn--p1ai"


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ({"callPage": "https://a.example/1", "cpg": "https://a.example/2"}, "https://a.example/1"),
        ({"callPage": "-", "cpg": "https://a.example/2"}, "https://a.example/2"),
        (
            {"entryPointQuery": "https://a.example/?a=1", "entryPoint": "x"},
            "https://a.example/?a=1",
        ),
        ({"callPage": "utm_source=yandex"}, ""),
        ({"callPage": "?yclid=5", "entryPoint": "https://a.example/"}, "https://a.example/"),
        ({"entryPointQuery": "utm_source=b.example", "entryPoint": "a.example"}, "a.example"),
        ({"callPage": "/catalog"}, ""),
        ({"callPage": "//a.example/x"}, "//a.example/x"),
        ({"callPage": "a.example/?mail=b@c.example"}, "a.example/?mail=b@c.example"),
        ({"callPage": "http://localhost/x"}, "http://localhost/x"),
        ({"entryPoint": "https://a.example/"}, "https://a.example/"),
        ({}, ""),
    ],
)
def test_page_of_a_call(fields: dict[str, Any], page: str) -> None:
    assert read(**fields).page_url == page
