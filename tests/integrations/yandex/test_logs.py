from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from integrations.yandex import errors, logs
from integrations.yandex.logs import LogsClient
from integrations.yandex.records import LogEvaluation, LogOrder
from tests.integrations.yandex.line import answers, line
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    CONFIG,
    COUNTER,
    COUNTER_URL,
    vendor_error,
)

FIELDS = ("ym:pv:offlineUploadingID", "ym:pv:visitID", "ym:pv:URL")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)
ORDERS_URL = f"{COUNTER_URL}/logrequests"
ORDER_URL = f"{COUNTER_URL}/logrequest/4102"
PART_URL = f"{ORDER_URL}/part/0/download"
HEAD = b"ym:pv:offlineUploadingID\tym:pv:visitID\tym:pv:URL\n"
ORDER = {
    "request_id": 4102,
    "counter_id": COUNTER,
    "source": "hits",
    "date1": "2026-11-01",
    "date2": "2026-11-03",
    "fields": list(FIELDS),
    "status": "processed",
    "size": 2048,
    "parts": [{"part_number": 0, "size": 1024}, {"part_number": 1, "size": 1024}],
    "attribution": "LASTSIGN",
}


@pytest.fixture
def client() -> Iterator[LogsClient]:
    with closing(LogsClient(CONFIG, ACCESS_TOKEN)) as made:
        yield made


def rows_of(client: LogsClient) -> bytes:
    with client.part(COUNTER, 4102, 0, fields=FIELDS) as part:
        return b"".join(part.blocks())


@responses.activate
def test_order_is_evaluated_placed_asked_for_and_removed(client: LogsClient) -> None:
    evaluation = {"possible": True, "max_possible_day_quantity": 213}
    responses.get(f"{ORDERS_URL}/evaluate", json={"log_request_evaluation": evaluation})
    responses.post(ORDERS_URL, json={"log_request": ORDER | {"status": "created", "parts": []}})
    responses.get(ORDERS_URL, json={"requests": [ORDER]})
    responses.get(ORDER_URL, json={"log_request": ORDER})
    for name, status in (("clean", "cleaned_by_user"), ("cancel", "canceled")):
        responses.post(f"{ORDER_URL}/{name}", json={"log_request": ORDER | {"status": status}})

    evaluated = client.evaluate(COUNTER, first=FIRST, last=LAST, fields=FIELDS)
    created = client.create(COUNTER, first=FIRST, last=LAST, fields=FIELDS)
    listed, asked = client.orders(COUNTER), client.order(COUNTER, 4102)
    ends = [client.clean(COUNTER, 4102).status, client.cancel(COUNTER, 4102).status]

    processed = LogOrder(
        request_id=4102,
        source="hits",
        date1="2026-11-01",
        date2="2026-11-03",
        fields=FIELDS,
        status="processed",
        size=2048,
        parts=(0, 1),
    )
    assert evaluated == LogEvaluation(is_possible=True, max_days=213)
    assert created == replace(processed, status="created", parts=())
    assert [listed, asked] == [[processed], processed]
    assert ends == ["cleaned_by_user", "canceled"]
    query = {
        "date1": ["2026-11-01"],
        "date2": ["2026-11-03"],
        "fields": [",".join(FIELDS)],
        "source": ["hits"],
    }
    sent = [parse_qs(urlsplit(call.request.url or "").query) for call in responses.calls]
    assert sent == [query, query, {}, {}, {}, {}]


@responses.activate
def test_part_is_read_in_blocks_of_whole_lines(
    client: LogsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.yandex.transport.READ_BYTES", 16)
    rows = b"".join(b"%d\t%d\thttps://x.example/%d\n" % (n, n * 7, n) for n in range(40))
    responses.get(PART_URL, body=HEAD + rows, auto_calculate_content_length=True)

    with client.part(COUNTER, 4102, 0, fields=FIELDS) as part:
        blocks = list(part.blocks())

    assert part.columns == FIELDS
    assert b"".join(blocks) == rows
    assert len(blocks) > 10
    assert all(block.endswith(b"\n") for block in blocks)


@responses.activate
@pytest.mark.parametrize(
    "body",
    [b"", b"ym:pv:visitID\tym:pv:URL\n7\tx\n", b'{"errors": [{"error_type": "backend_error"}]}'],
)
def test_rows_under_other_columns_are_refused(client: LogsClient, body: bytes) -> None:
    responses.get(PART_URL, body=body, auto_calculate_content_length=True)

    with pytest.raises(errors.UnexpectedAnswer):
        rows_of(client)


@responses.activate
def test_error_of_a_download_is_read_as_any_other(client: LogsClient) -> None:
    responses.get(PART_URL, status=403, json=vendor_error("access_denied", code=403))

    with pytest.raises(errors.AccessDenied):
        rows_of(client)


def test_body_that_is_cut_is_no_end_of_the_rows() -> None:
    body = HEAD + b"1\t2\tx\n" * 3
    with (
        line(answers(body, length=len(body) + 100)) as server,
        closing(LogsClient(replace(CONFIG, metrika_url=server.url), ACCESS_TOKEN)) as client,
        pytest.raises(errors.Unreachable),
    ):
        rows_of(client)


@responses.activate
def test_line_without_end_does_not_fill_the_memory(
    client: LogsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LINE_BYTES", 200_000)
    body = HEAD + b"1" * 500_000
    responses.get(PART_URL, body=body, auto_calculate_content_length=True)

    with pytest.raises(errors.UnexpectedAnswer, match="a line is over"):
        rows_of(client)


@responses.activate
@pytest.mark.parametrize(
    "answer",
    [{}, {"log_request": {"status": "created"}}, {"log_request": ORDER | {"parts": [{}]}}],
)
def test_order_that_cannot_be_read_is_no_order(
    client: LogsClient, answer: dict[str, object]
) -> None:
    responses.get(ORDER_URL, json=answer)

    with pytest.raises(errors.UnexpectedAnswer):
        client.order(COUNTER, 4102)
