"""Every error of Metrika has one owner, and the policy does what the table of owners says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from calls.delivery.error_owners import (
    ERROR_TYPES,
    NO_ANSWER,
    STATUSES,
    UNKNOWN_QUOTA,
    UNKNOWN_REFUSAL,
    Action,
    ErrorOwner,
    Owner,
    owner_of,
)
from calls.delivery.policy import after_failure, after_repeated_rejection
from calls.states import Attention, UploadState
from counters.states import Access, StopCause
from integrations.yandex.answer import Answer
from integrations.yandex.errors import error_from

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
#: The vendor's table (https://yandex.com/dev/metrika/en/intro/errors): type, status, owner.
DOCUMENTED = [
    ("backend_error", 503, Owner.SERVICE),
    ("timeout", 504, Owner.SERVICE),
    ("invalid_parameter", 400, Owner.FILE),
    ("missing_parameter", 400, Owner.FILE),
    ("invalid_json", 400, Owner.FILE),
    ("invalid_uploading", 400, Owner.ROW),
    ("limit_exceeded", 400, Owner.COUNTER),
    ("filter_limits", 400, Owner.FILE),
    ("query_error", 400, Owner.FILE),
    ("too_much_rows", 400, Owner.FILE),
    ("unauthorized", 401, Owner.ACCOUNT),
    ("access_denied", 403, Owner.COUNTER),
    ("invalid_token", 403, Owner.ACCOUNT),
    ("counter_in_connect", 403, Owner.COUNTER),
    ("not_found", 404, Owner.COUNTER),
    ("not_acceptable", 406, Owner.FILE),
    ("conflict", 409, Owner.FILE),
    ("quota_requests_by_uid", 429, Owner.ACCOUNT),
    ("quota_requests_by_counter_id", 429, Owner.COUNTER),
    ("quota_requests_by_ip", 429, Owner.ADDRESS),
    ("quota_parallel_requests", 429, Owner.ACCOUNT),
    ("quota_delegate_requests", 429, Owner.ACCOUNT),
    ("quota_grants_requests", 429, Owner.ACCOUNT),
]
#: An HTML page with this status, as gateways send it.
PAGES = [
    (400, Owner.FILE),
    (401, Owner.ACCOUNT),
    (403, Owner.ADDRESS),
    (404, Owner.SERVICE),
    (405, Owner.SERVICE),
    (408, Owner.SERVICE),
    (413, Owner.FILE),
    (415, Owner.SERVICE),
    (418, Owner.FILE),
    (420, Owner.ACCOUNT),
    (429, Owner.ACCOUNT),
    (500, Owner.SERVICE),
    (502, Owner.SERVICE),
    (503, Owner.SERVICE),
    (504, Owner.SERVICE),
]
#: What the policy makes of each action.
STATE_OF_ACTION = {
    Action.RETRY: UploadState.LATER,
    Action.WAIT_QUOTA: UploadState.LATER,
    Action.RENEW_TOKEN: UploadState.LATER,
    Action.STOP_COUNTER: UploadState.LATER,
    Action.LOSE_ACCESS: UploadState.LATER,
    Action.BISECT: UploadState.SPLITTING,
    Action.HALVE: UploadState.SPLITTING,
    Action.REJECT: UploadState.NEEDS_ATTENTION,
}


def refused(error_type: str, status: int) -> Answer:
    body = f'{{"errors": [{{"error_type": "{error_type}", "message": "m"}}], "code": {status}}}'
    return Answer(status, body.encode())


def page(status: int) -> Answer:
    return Answer(status, b"<html><h1>nginx</h1></html>", {"Content-Type": "text/html"})


def step_after(answer: Answer) -> tuple[UploadState, StopCause | None, Access | None]:
    error = error_from(answer, action="POST /upload_calls")
    after = after_failure(error, attempts=1, now=NOW, jitter=lambda: 1.0)
    return after.state, after.stops, after.access


@pytest.mark.contract("B7")
def test_every_documented_type_has_exactly_one_owner() -> None:
    assert {name for name, _status, _owner in DOCUMENTED} == set(ERROR_TYPES)
    assert [owner_of(name, status).owner for name, status, _owner in DOCUMENTED] == [
        owner for _name, _status, owner in DOCUMENTED
    ]


@pytest.mark.contract("B7")
@pytest.mark.parametrize(("status", "owner"), PAGES)
def test_every_page_of_a_gateway_has_an_owner_and_says_nothing_about_the_counter(
    status: int, owner: Owner
) -> None:
    assert owner_of("", status).owner == owner

    state, stops, access = step_after(page(status))
    assert (stops, access) == (None, None)
    if status >= 500 or status == 408:
        assert state == UploadState.UNCLEAR


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 415, 422, 451])
def test_an_unknown_type_has_the_safe_owner(status: int) -> None:
    assert owner_of("type_of_tomorrow", status) == UNKNOWN_REFUSAL
    assert UNKNOWN_REFUSAL.owner == Owner.FILE
    assert step_after(refused("type_of_tomorrow", status))[1:] == (None, None)


@pytest.mark.parametrize("status", [None, 200, 302, 500, 599])
def test_without_a_refusal_the_service_owns_the_error(status: int | None) -> None:
    assert owner_of("type_of_tomorrow", status) == owner_of("", status) == NO_ANSWER


@pytest.mark.parametrize("status", [403, 420, 429])
def test_an_unknown_quota_is_the_account_s(status: int) -> None:
    assert owner_of("quota_of_tomorrow", status) == UNKNOWN_QUOTA


@pytest.mark.contract("B5", "B7")
@pytest.mark.parametrize(("error_type", "status", "_owner"), DOCUMENTED)
def test_the_policy_does_what_the_table_says(error_type: str, status: int, _owner: Owner) -> None:
    row = ERROR_TYPES[error_type]
    expected = UploadState.UNCLEAR if status >= 500 else STATE_OF_ACTION[row.action]

    assert step_after(refused(error_type, status)) == (expected, row.stops, row.access)


@pytest.mark.parametrize(("status", "row"), STATUSES.items())
def test_the_policy_does_what_the_table_says_of_a_status(status: int, row: ErrorOwner) -> None:
    expected = UploadState.UNCLEAR if status == 408 else STATE_OF_ACTION[row.action]

    assert step_after(page(status))[0] == expected


def test_a_cause_of_the_counter_inside_a_success_leaves_the_upload_unclear() -> None:
    answer = Answer(200, refused("limit_exceeded", 400).body)

    assert step_after(answer) == (UploadState.UNCLEAR, StopCause.GOALS_FULL, None)


def test_only_a_rejection_becomes_a_stop_when_it_is_repeated() -> None:
    errors = [error_from(page(status), action="POST") for status in (400, 413, 403)]
    first, *others = (
        after_failure(error, attempts=1, now=NOW, jitter=lambda: 1.0) for error in errors
    )

    stopped = after_repeated_rejection(first, NOW)

    assert (first.state, first.attention) == (UploadState.NEEDS_ATTENTION, Attention.REJECTED)
    assert (stopped.state, stopped.attention) == (UploadState.LATER, None)
    assert stopped.stops == StopCause.REJECTING
    assert [after_repeated_rejection(step, NOW) for step in others] == others
