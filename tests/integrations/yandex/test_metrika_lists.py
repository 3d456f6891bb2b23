from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from integrations.yandex import errors, metrika
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.records import CounterInfo, GoalInfo, Uploading
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    CONFIG,
    CONVERSIONS_URL,
    COUNTER,
    COUNTER_URL,
    make_client,
    payload,
)

COUNTERS_URL = f"{CONFIG.metrika_url}/management/v1/counters"
LIST_URL = f"{CONVERSIONS_URL}/calls_uploadings"

Query = dict[str, list[str]]


def queries() -> list[Query]:
    return [parse_qs(urlsplit(call.request.url or "").query) for call in responses.calls]


def serve_slices(url: str, key: str, rows: list[dict[str, Any]], *, first: int, cap: int) -> None:
    """Serve rows as pages of at most ``cap``, whatever page was asked for."""

    def page(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        start = int(parse_qs(urlsplit(request.url or "").query)["offset"][0]) - first
        return 200, {}, json.dumps({"rows": len(rows), key: rows[start : start + cap]})

    responses.add_callback(responses.GET, url, page)


@responses.activate
def test_counters_are_read_with_missing_fields() -> None:
    responses.get(COUNTERS_URL, body=payload("counters.json"))

    counters = make_client().counters()

    assert counters == [
        CounterInfo(
            number=91234567,
            name="Окна Столица",
            site="okna-stolica.example",
            mirrors=("окна-столица.example", "balkon.example"),
            owner_login="okna-stolica",
            permission="own",
            status="Active",
            type="simple",
            create_time=datetime(2021, 4, 12, 7, 31, 7, tzinfo=UTC),
            time_zone_name="Europe/Moscow",
        ),
        CounterInfo(
            number=91300042,
            name="Клиника Урал",
            site="klinika-ural.example",
            owner_login="agency-client-7",
            permission="edit",
            status="Active",
            type="simple",
            create_time=datetime(2019, 11, 2, 5, 0, 0, tzinfo=UTC),
            time_zone_name="Asia/Yekaterinburg",
        ),
        CounterInfo(
            number=91300777,
            name="Чужой",
            site="chuzhoy.example",
            permission="analyst_access_filter",
            status="Active",
            type="partner",
        ),
    ]
    assert [counter.can_upload for counter in counters] == [True, True, False]
    assert queries() == [{"field": ["mirrors"], "per_page": ["1000"], "offset": ["1"]}]


@responses.activate
@pytest.mark.parametrize(("cap", "offsets"), [(1000, [1, 1001, 2001]), (700, [1, 701, 1401, 2101])])
def test_counters_are_read_to_the_last_page_however_short_the_pages(
    cap: int, offsets: list[int]
) -> None:
    serve_slices(COUNTERS_URL, "counters", [{"id": n} for n in range(2500)], first=1, cap=cap)

    counters = make_client().counters()

    assert [counter.number for counter in counters] == list(range(2500))
    assert [int(query["offset"][0]) for query in queries()] == offsets


@responses.activate
@pytest.mark.parametrize("body", ["{}", '{"rows": 0}', '{"rows": 0, "counters": []}'])
def test_no_counters_are_an_empty_list(body: str) -> None:
    responses.get(COUNTERS_URL, body=body)

    assert make_client().counters() == []


@responses.activate
def test_listing_of_counters_ends_when_pages_repeat() -> None:
    responses.get(COUNTERS_URL, json={"counters": [{"id": 1}, {"id": 2}]})

    counters = make_client().counters()

    assert [counter.number for counter in counters] == [1, 2]
    assert len(responses.calls) == 2


@responses.activate
@pytest.mark.parametrize(
    "body",
    [
        '{"rows": 37, "counters": []}',
        '{"message": "welcome"}',
        '{"counters": {"id": 1}}',
        '{"counters": [1]}',
        '{"counters": [{"name": "no id"}]}',
        "<html>",
        "[]",
        "",
    ],
)
def test_a_list_that_cannot_be_read_is_not_an_empty_list(body: str) -> None:
    responses.get(COUNTERS_URL, body=body)

    with pytest.raises(errors.UnexpectedAnswer):
        make_client().counters()


@responses.activate
def test_goals_name_the_event_of_a_javascript_goal() -> None:
    responses.get(f"{COUNTER_URL}/goals", body=payload("goals.json"))

    assert make_client().goals(COUNTER) == [
        GoalInfo(
            318204417, "Звонок коллтрекинга", "action", "user", identifier="calltracking_call_order"
        ),
        GoalInfo(318204418, "Обратный звонок", "action", "user", identifier="call"),
        GoalInfo(318204419, "Похожие события", "action", "user", identifier=None),
        GoalInfo(318204420, "Спасибо", "url", "user", identifier=None),
        GoalInfo(318204421, "Звонок", "call", "auto", identifier=None),
    ]


@responses.activate
def test_uploadings_of_calls_are_listed_with_unknown_words_kept() -> None:
    responses.get(LIST_URL, body=payload("call_uploadings.json"))

    first, second, third = make_client().call_uploadings(COUNTER)

    assert (first.status, first.linked_quantity, first.user_not_found_quantity) == (
        "PROCESSED",
        1,
        1,
    )
    assert (second.status, second.static_quantity, second.linked_quantity) == (
        "LINKAGE_FAILURE",
        1,
        None,
    )
    assert third == Uploading(730090552, status="POSTPONED", comment="ck4713")
    assert queries() == [{"limit": ["10000"], "offset": ["0"]}]


@responses.activate
def test_uploadings_of_conversions_are_requested_by_type() -> None:
    responses.get(f"{CONVERSIONS_URL}/uploadings", body=payload("conversion_uploadings.json"))

    (uploading,) = make_client().conversion_uploadings(COUNTER)

    assert (uploading.comment, uploading.source_quantity, uploading.line_quantity) == (
        "ck4714",
        2,
        1,
    )
    assert queries() == [{"type": ["BASIC"], "limit": ["10000"], "offset": ["0"]}]


@responses.activate
@pytest.mark.parametrize(
    ("rows", "cap", "offsets"),
    [
        (9_999, 10_000, [0]),
        (10_000, 10_000, [0, 10_000]),
        (10_001, 10_000, [0, 10_000]),
        (250, 100, [0, 100, 200]),
        (200, 100, [0, 100, 200]),
    ],
)
def test_uploadings_are_listed_to_the_last_page(rows: int, cap: int, offsets: list[int]) -> None:
    serve_slices(LIST_URL, "uploadings", [{"id": n} for n in range(rows)], first=0, cap=cap)

    uploadings = list(make_client().call_uploadings(COUNTER))

    assert [uploading.uploading_id for uploading in uploadings] == list(range(rows))
    assert [int(query["offset"][0]) for query in queries()] == offsets


@responses.activate
def test_endless_list_of_uploadings_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrika, "MAX_PAGES", 3)
    endless = [{"id": n} for n in range(1000)]
    serve_slices(LIST_URL, "uploadings", endless, first=0, cap=100)

    with pytest.raises(errors.UnexpectedAnswer, match="the list has no end"):
        list(make_client().call_uploadings(COUNTER))

    assert len(responses.calls) == 3


@responses.activate
def test_a_failure_on_a_later_page_is_not_the_end_of_the_list() -> None:
    responses.get(LIST_URL, json={"uploadings": [{"id": n} for n in range(100)]})
    responses.get(LIST_URL, status=502, body=payload("gateway_502.html"))

    listing = make_client().call_uploadings(COUNTER)

    with pytest.raises(errors.Unreachable):
        list(listing)


@responses.activate
def test_host_is_configurable() -> None:
    host = "https://api-metrica.yandex.test"
    responses.get(f"{host}/management/v1/counters", body=payload("counters.json"))

    client = MetrikaClient(replace(CONFIG, metrika_url=host), ACCESS_TOKEN)

    assert len(client.counters()) == 3
