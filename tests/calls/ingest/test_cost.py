"""Bodies that cost too much are refused before they are parsed; a source has a budget of bytes."""

from __future__ import annotations

import json

import pytest
from pytest_django import Settings

from cabinets.models import CallSource
from calls.ingest import content
from calls.models import Call
from tests import factories
from tests.calls.ingest.parsing.test_json_cost import lists
from tests.calls.ingest.refusals import OTHER_SECRET, assert_refused
from tests.calls.posting import post_calls
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db


def test_body_of_a_million_lists_is_refused_without_being_parsed(
    source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(content, "read_json", parsed.append)

    answer = post_calls(b'{"x":' + lists(1_600_000) + b"}", source=source)

    assert_refused(answer, 413, "body_too_complex")
    assert "разделите звонки на несколько запросов" in answer.json()["error"]["message"]
    assert parsed == []
    source.refresh_from_db()
    assert source.last_refusal == "body_too_complex"


def test_source_beyond_its_bytes_waits_and_another_does_not(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    other = factories.make_source(cabinet=factories.make_cabinet(name="Б"), secret=OTHER_SECRET)
    first, second = (json.dumps(factories.v3_record()).encode() for _number in range(2))
    settings.INGEST_BYTES_PER_MINUTE = len(first) // 2

    taken = post_calls(first, source=source)
    refused = post_calls(second, source=source)
    of_other = post_calls(factories.v3_record(), source=other, secret=OTHER_SECRET)

    assert (taken.status_code, of_other.status_code) == (202, 202)
    assert refused.status_code == 429
    assert refused.json()["error"] == {
        "code": "too_many_bytes",
        "message": "Слишком много данных за минуту.",
    }
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert Call.objects.filter(source=source).count() == 1


def test_unsigned_bodies_do_not_spend_the_bytes_of_a_source(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    settings.INGEST_BYTES_PER_MINUTE = 10

    forged = [
        post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET) for _n in range(5)
    ]
    signed = post_calls(factories.v3_record(), source=source)

    assert {answer.status_code for answer in forged} == {401}
    assert signed.status_code == 202
