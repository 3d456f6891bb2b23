"""«Последний запрос» of a source: accepted, refused with the reason, imported from a file."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import QuerySet
from django.test import Client
from django.utils import translation

from cabinets.models import CallSource
from cabinets.refusals import REFUSALS, REJECTIONS, warning_text
from calls.decision.attempts import JUDGED_ATTEMPTS
from calls.ingest.error_codes import doc_url
from calls.ingest.source_use import record_accepted
from tests import factories
from tests.calls.posting import post_calls
from tests.paths import ROOT
from tests.responses import text_of

SOURCES = "/lk/integrations/sources"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#: Raised for paths and hosts, not for requests of a source; and while the database is away.
OF_NO_SOURCE = {
    "database_unavailable",
    "forbidden",
    "bad_request",
    "internal_error",
    "https_required",
    "not_found",
    "trailing_slash",
    "unknown_host",
}


def post(source: CallSource, **options: str) -> int:
    record = factories.v3_record(callTime=(NOW - timedelta(hours=1)).isoformat())
    return int(post_calls(record, source=source, **options).status_code)


def last(source: CallSource) -> tuple[datetime | None, datetime | None, str]:
    source.refresh_from_db()
    return source.last_used_at, source.last_refused_at, source.last_refusal


@pytest.mark.django_db
def test_accepted_and_refused_requests_are_kept_apart(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        assert post(source) == 202
        clock.shift(timedelta(minutes=5))
        assert post(source, secret=OTHER_SECRET) == 401

    assert last(source) == (NOW, NOW + timedelta(minutes=5), "bad_signature")


@pytest.mark.django_db
def test_signed_request_that_is_refused_is_no_accepted_one(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False):
        answer = post_calls({"universalId": ""}, source=source)

    assert answer.status_code == 422
    assert last(source) == (None, NOW, "no_usable_call")


@pytest.mark.django_db
def test_same_refusal_is_written_once_a_minute_and_a_new_one_at_once(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        post(source, secret=OTHER_SECRET)
        clock.shift(timedelta(seconds=59))
        post(source, secret=OTHER_SECRET)
        assert last(source) == (None, NOW, "bad_signature")
        post_calls({"universalId": ""}, source=source)

    assert last(source) == (None, NOW + timedelta(seconds=59), "no_usable_call")


@pytest.mark.django_db
def test_unsigned_request_is_told_only_of_the_source_it_names(source: CallSource) -> None:
    other = factories.make_source(cabinet=source.cabinet, name="CRM", secret=OTHER_SECRET)
    with time_machine.travel(NOW, tick=False):
        named = Client().post(
            "/api/v1/calls",
            b"{}",
            content_type="application/json",
            headers={"X-CallKeeper-Source": source.public_id},
        )
        unnamed = Client().post("/api/v1/calls", b"{}", content_type="application/json")

    assert (named.status_code, unnamed.status_code) == (401, 401)
    assert last(source) == (None, NOW, "missing_headers")
    assert last(other) == (None, None, "")


@pytest.mark.django_db
def test_import_is_told_as_an_import(source: CallSource, tmp_path: Path) -> None:
    file = tmp_path / "calls.json"
    started = (NOW - timedelta(hours=1)).isoformat()
    file.write_text(json.dumps([factories.v3_record(callTime=started)]))

    with time_machine.travel(NOW, tick=False):
        call_command("import_calls", file, source=source.public_id)

    assert last(source) == (None, None, "")
    assert source.last_import_at == NOW


def test_page_shows_the_refusal_with_its_reason(owner_client: Client, source: CallSource) -> None:
    CallSource.objects.filter(pk=source.pk).update(
        last_used_at=NOW, last_refused_at=NOW + timedelta(hours=1), last_refusal="bad_signature"
    )

    page = re.sub(r"<[^>]+>|\s+", " ", text_of(owner_client.get(SOURCES)))
    page = re.sub(r" +", " ", page)

    assert "принят 20 ноя" in page
    assert re.search(r"отклонён 20 ноя[^:]*\d+:\d\d — подпись не подходит", page)
    assert "чьи они, неизвестно" in page


@pytest.mark.django_db
def test_database_that_is_away_does_not_change_the_answer(
    source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_values: object) -> int:
        raise OperationalError

    monkeypatch.setattr(QuerySet, "update", away)

    record_accepted(source, now=NOW)

    assert last(source) == (None, None, "")


def test_every_refusal_of_the_api_has_words_for_the_page() -> None:
    raised = re.compile(r'(?:ApiError\(\s*\d+,\s*|SignatureRefused\()"([a-z_]+)"')
    found: set[str] = set()
    for path in (ROOT / "calls" / "ingest").rglob("*.py"):
        found |= set(raised.findall(path.read_text()))

    assert found - OF_NO_SOURCE == set(REFUSALS)


def rejected(source: CallSource) -> tuple[datetime | None, int, str]:
    source.refresh_from_db()
    return source.last_rejected_at, source.last_rejected_records, source.last_rejection


def three_records() -> dict[str, Any]:
    """Return a request of one good record, one of milliseconds and one of the future."""
    milliseconds = str(int(NOW.timestamp() * 1000))
    future = (NOW + timedelta(days=1)).isoformat()
    started = ((NOW - timedelta(hours=1)).isoformat(), milliseconds, future)
    return {"calls": [factories.v3_record(callTime=one) for one in started]}


@pytest.mark.django_db
def test_rejected_records_of_an_accepted_request_are_told(
    owner_client: Client, source: CallSource
) -> None:
    with time_machine.travel(NOW, tick=False):
        post_calls(three_records(), source=source)
        page = " ".join(re.sub(r"<[^>]+>", " ", text_of(owner_client.get(SOURCES))).split())

    assert last(source) == (NOW, None, "")
    assert rejected(source) == (NOW, 2, "starts_in_future")
    assert re.search(
        r"принят не целиком 20 ноя[^—]* — отклонено записей: 2, последняя — звонок начинается в "
        "будущем",
        page,
    )


@pytest.mark.django_db
def test_request_without_rejected_records_leaves_the_last_ones(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        assert post(source) == 202
        assert rejected(source) == (None, 0, "")
        post_calls(three_records(), source=source)
        clock.shift(timedelta(minutes=5))
        assert post(source) == 202

    assert rejected(source) == (NOW, 2, "starts_in_future")
    assert last(source)[0] == NOW + timedelta(minutes=5)


@pytest.mark.django_db
def test_repeated_request_is_no_new_rejection(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        request = three_records()
        first = post_calls(request, source=source, webhook_id="msg_1")
        clock.shift(timedelta(minutes=2))
        repeated = post_calls(request, source=source, webhook_id="msg_1")

    assert (first.status_code, repeated.status_code) == (202, 202)
    assert rejected(source) == (NOW, 2, "starts_in_future")


def test_every_rejection_of_a_record_has_words_for_the_page() -> None:
    errors = "Unusable|BadRecord|SpoiltValue|OutgoingCall"
    raised = re.compile(rf'(?:{errors})\(\s*"([a-z_]+)"|^CODE = "([a-z_]+)"', re.MULTILINE)
    found: set[str] = set()
    modules = [*(ROOT / "calls" / "ingest").rglob("*.py"), *(ROOT / "calls/mapping").rglob("*.py")]
    for path in modules:
        found |= {one or other for one, other in raised.findall(path.read_text())}

    assert found == set(REJECTIONS)


def crowded(count: int) -> dict[str, Any]:
    """Return a request of so many attempts that all name the same first one."""
    started = (NOW - timedelta(hours=1)).isoformat()
    order = {"serviceType": "callback", "cbAttemptsQueue": [500], "callTime": started}
    return {
        "calls": [
            factories.v3_record(**order, cbCallId=501 + number, cbAttempt=number + 2)
            for number in range(count)
        ]
    }


@pytest.mark.django_db
def test_order_with_too_many_attempts_is_told(owner_client: Client, source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        full = post_calls(crowded(JUDGED_ATTEMPTS), source=source).json()["results"]
        source.refresh_from_db()
        assert (source.last_warned_at, source.last_warning) == (None, "")
        clock.shift(timedelta(minutes=5))
        answer = post_calls(crowded(1), source=source)
        clock.shift(timedelta(days=6))
        page = text_of(owner_client.get(SOURCES))
        clock.shift(timedelta(days=1))
        page_of_next_week = text_of(owner_client.get(SOURCES))

    assert [one for one in full if "warning" in one] == []
    (warned,) = answer.json()["results"]
    sentence = (
        "У заказа обратного звонка 500 больше 50 попыток: последняя выбирается только из 50 самых "
        "новых. Проверьте cbAttemptsQueue: в нём должны быть номера попыток одного заказа."
    )
    warning: dict[str, Any] = {
        "code": "too_many_attempts",
        "message": sentence,
        "field": "cbAttemptsQueue",
    }
    warning |= {"doc_url": doc_url("too_many_attempts"), "values": {"order": 500, "count": 50}}
    assert answer.status_code == 202
    assert (warned["status"], warned["warning"]) == ("created", warning)
    source.refresh_from_db()
    assert source.last_warned_at == NOW + timedelta(minutes=5)
    assert source.last_warning == "too_many_attempts order=500 count=50"
    assert sentence in page
    assert sentence not in page_of_next_week


def test_stored_warning_is_told_in_the_language_of_the_reader() -> None:
    with translation.override("en"):
        told = warning_text("too_many_attempts order=500 count=50")

    assert told.startswith("The callback order 500 has more than 50 attempts")
    # Sentences that were stored before, and what is no warning of ours.
    for other in ("У заказа 5 больше 50 попыток.", "too_many_attempts", "unknown a=1", ""):
        assert warning_text(other) == other


@pytest.mark.django_db
def test_repeated_request_is_no_new_warning(source: CallSource) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        request = crowded(JUDGED_ATTEMPTS + 1)
        first = post_calls(request, source=source, webhook_id="msg_1").json()
        clock.shift(timedelta(minutes=2))
        repeated = post_calls(request, source=source, webhook_id="msg_1").json()

    assert repeated["results"] == first["results"]
    assert [one["warning"]["code"] for one in first["results"]] == ["too_many_attempts"] * 51
    source.refresh_from_db()
    assert source.last_warned_at == NOW
