"""`validate_only` and `explain` of `POST /api/v1/calls`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from cabinets.models import CallSource
from calls.models import Call, Delivery
from counters.models import Counter
from tests import factories
from tests.calls.ingest.openapi.test_views import violations
from tests.calls.ingest.refusals import assert_nothing_stored, assert_refused
from tests.calls.posting import new_webhook_id, post_body, post_calls, signed_headers
from tests.calls.ways.preview.test_equality import row_in_file, rows_of_all_tables
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db


def post(body: Any, source: CallSource, query: str = "", webhook_id: str = "") -> Any:
    sent = json.dumps(body).encode()
    headers = signed_headers(sent, webhook_id=webhook_id or new_webhook_id())
    headers["X-CallKeeper-Source"] = source.public_id
    return post_body(sent, headers=headers, path=f"/api/v1/calls{query}")


def hints(source: CallSource) -> dict[str, Any]:
    return {
        name: value
        for name, value in CallSource.objects.values().get(pk=source.pk).items()
        if name.startswith("last_")
    }


def test_checked_call_is_shown_and_not_stored(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record(clientNumber="8 (916) 765-43-21")
    before = rows_of_all_tables()

    answer = post({"calls": [item, {"universalId": "7"}]}, source, "?validate_only=1", "msg_1")

    good, bad = answer.json()["results"]
    assert (answer.status_code, answer.json()["validate_only"]) == (200, True)
    assert violations(answer) == []
    assert (good["universalId"], good["status"]) == (item["universalId"], "created")
    assert good["call_id"] is None
    assert good["call"] | {"phone": "+79167654321", "kind": "dynamic"} == good["call"]
    assert "decisions" not in good
    assert (bad["status"], bad["error"]["code"]) == ("rejected", "missing_field")
    assert rows_of_all_tables() == before
    assert set(hints(source).values()) <= {None, "", 0}

    # The same delivery is then stored: a check leaves no receipt.
    stored = post({"calls": [item, {"universalId": "7"}]}, source, webhook_id="msg_1")
    assert (stored.status_code, stored.json()["duplicate"]) == (202, False)
    assert Call.objects.get().phone == "+79167654321"


def test_explained_call_has_its_decisions_and_rows(source: CallSource, counter: Counter) -> None:
    other = factories.make_counter(account=counter.account, min_duration_seconds=500)
    item = factories.v3_record()

    answer = post(item, source, "?explain=1")

    assert_nothing_stored()
    assert (answer.status_code, violations(answer)) == (200, [])
    found = {
        (one["counter"], one["channel"]): one for one in answer.json()["results"][0]["decisions"]
    }
    assert {key: (one["decision"], one["reason"]) for key, one in found.items()} == {
        (counter.number, "calls"): ("send", None),
        (counter.number, "goal"): ("not_concerned", "goal_not_set"),
        (other.number, "calls"): ("skip", "too_short"),
        (other.number, "goal"): ("not_concerned", "goal_not_set"),
    }
    assert found[other.number, "calls"]["message"] == (
        "Разговор длился 152 с, а в настройке «Длительность» — от 500 с."
    )
    assert found[other.number, "calls"]["row"] is None
    post_calls(item, source=source)
    delivery = Delivery.objects.get(counter=counter)
    assert found[counter.number, "calls"]["row"] == row_in_file(delivery)
    assert found[counter.number, "calls"]["row"]["PhoneNumber"] == "+79161234567"


def test_secret_that_posts_calls_does_not_read_them(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record(userId="client-of-crm-1234", yaClid="")
    post_calls(item, source=source)
    asked = {"universalId": item["universalId"], "callTime": item["callTime"]}

    answer = post(asked, source, "?explain=1")

    (result,) = answer.json()["results"]
    assert result["status"] == "updated"
    assert result["call_id"] == Call.objects.get().pk
    assert result["call"]["phone"] == "+7 *** ***-45-67"
    assert result["call"]["user_id"] == "***1234"
    assert "9161234567" not in answer.content.decode()
    assert "client-of-crm" not in answer.content.decode()
    assert Call.objects.get().duration_seconds == 152


def test_rejected_records_are_an_answer(source: CallSource) -> None:
    answer = post([{}, 5], source, "?explain=1")

    assert answer.status_code == 200
    assert [one["error"]["code"] for one in answer.json()["results"]] == [
        "missing_field",
        "not_an_object",
    ]
    assert_nothing_stored()


@pytest.mark.parametrize(
    ("query", "members", "status"),
    [
        ("", {"validate_only": True}, 200),
        ("", {"explain": True}, 200),
        ("?validate_only=0", {"validate_only": True}, 200),
        ("?validate_only=true", {}, 200),
        ("?validate_only=1&explain=1", {"validate_only": False}, 202),
        ("?validate_only=0&explain=0", {}, 202),
        ("?validate_only=", {"explain": False}, 202),
        ("?validate_only=yes", {}, 400),
        ("", {"validate_only": "1"}, 400),
        ("", {"validate_only": False, "explain": True}, 400),
    ],
)
def test_member_of_the_signed_body_wins(
    source: CallSource, query: str, members: dict[str, Any], status: int
) -> None:
    answer = post({"calls": [factories.v3_record()]} | members, source, query)

    assert answer.status_code == status
    assert Call.objects.count() == (status == 202)
    if status == 400:
        assert_refused(answer, 400, "bad_parameter")


def test_single_record_is_only_checked_when_it_says_so(source: CallSource) -> None:
    checked = post(factories.v3_record(validate_only=True), source)
    assert_nothing_stored()
    stored = post(factories.v3_record(validate_only="Да"), source)

    assert (checked.status_code, stored.status_code) == (200, 202)
    assert Call.objects.get().raw["validate_only"] == "Да"


def test_checks_are_limited_and_take_nothing_from_calls(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    settings.PREVIEWS_PER_MINUTE, settings.INGEST_CALLS_PER_MINUTE = 2, 1
    many: dict[str, Any] = {"calls": [{}] * 101}

    answers = [post(factories.v3_record(), source, "?validate_only=1") for _n in range(3)]
    stored = post(factories.v3_record(), source)
    too_many = post(many, source, "?validate_only=1")

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "too_many_previews"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert stored.status_code == 202
    assert (too_many.status_code, too_many.json()["code"]) == (413, "too_many_calls")
    assert hints(source)["last_refused_at"] is None


def test_unsigned_check_is_refused(source: CallSource) -> None:
    answer = post_calls(
        {"calls": [factories.v3_record()], "explain": True}, source=source, secret="whsec_b3RoZXI="
    )

    assert_refused(answer, 401, "bad_signature")


def test_statements_do_not_grow_with_the_calls(
    source: CallSource, counter: Counter, django_assert_max_num_queries: Any
) -> None:
    calls = [factories.v3_record() for _number in range(60)]

    with django_assert_max_num_queries(30):
        answer = post({"calls": calls}, source, "?explain=1")

    assert len(answer.json()["results"]) == 60
