from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import COUNTER, Actor, control, offline

CSV = "ClientId,DateTime,Tag\n17,1767607384,первый\n18,1767607384,marker-x\n"
LISTS = "/management/v1/counters"


def switch_on(sandbox: RunningSandbox, name: str, **params: Any) -> None:
    control(sandbox, "faults", name=name, **params)


def comments(actor: Actor) -> list[str]:
    return [one["comment"] for one in actor.get(offline("calls_uploadings"))["uploadings"]]


def held_rows(sandbox: RunningSandbox) -> int:
    total: int = control(sandbox, "rows")["total"]
    return total


def wait_for_rows(sandbox: RunningSandbox, count: int) -> None:
    """Wait until the late file is accepted, five seconds at most."""
    deadline = time.monotonic() + 5
    while held_rows(sandbox) != count:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("fault", "taken"),
    [("reset_before", []), ("reset_middle", []), ("reset_after_taken", ["ck1"])],
)
def test_cut_upload_is_accepted_only_by_the_faults_that_accept_it(
    actor: Actor, fault: str, taken: list[str]
) -> None:
    switch_on(actor.sandbox, fault)

    with pytest.raises(requests.ConnectionError):
        actor.upload(CSV, comment="ck1")

    assert comments(actor) == taken
    assert actor.upload(CSV, comment="ck2").status_code == 200


def test_big_upload_is_cut_in_the_middle(actor: Actor) -> None:
    switch_on(actor.sandbox, "reset_middle")
    content = CSV + "17,1767607384,х\n" * 200_000

    with pytest.raises(requests.ConnectionError):
        actor.upload(content)

    assert held_rows(actor.sandbox) == 0


def test_file_is_accepted_after_the_connection_was_cut(actor: Actor) -> None:
    switch_on(actor.sandbox, "late_accept", seconds=0.3)

    with pytest.raises(requests.ConnectionError):
        actor.upload(CSV, comment="late")

    assert comments(actor) == []
    wait_for_rows(actor.sandbox, 2)
    assert comments(actor) == ["late"]


@pytest.mark.parametrize(("status", "taken"), [(502, []), (503, []), (504, [])])
def test_gateway_page_without_an_accepted_file(actor: Actor, status: int, taken: list[str]) -> None:
    switch_on(actor.sandbox, "html_5xx", status=status)

    answer = actor.upload(CSV, comment="ck1")

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert comments(actor) == taken


def test_gateway_page_with_an_accepted_file(actor: Actor) -> None:
    switch_on(actor.sandbox, "html_5xx_taken")

    answer = actor.upload(CSV, comment="ck1")

    assert (answer.status_code, comments(actor)) == (504, ["ck1"])


def test_garbage_comes_with_200(actor: Actor) -> None:
    switch_on(actor.sandbox, "garbage_200", body="<html>captcha</html>")

    answer = actor.upload(CSV)

    assert (answer.status_code, answer.text) == (200, "<html>captcha</html>")
    assert held_rows(actor.sandbox) == 0


@pytest.mark.parametrize(
    ("wish", "status", "error_type"),
    [
        ({"name": "status_420"}, 420, "quota_requests_by_ip"),
        (
            {"name": "status_429", "error_type": "quota_parallel_requests"},
            429,
            "quota_parallel_requests",
        ),
        (
            {"name": "status_403_quota", "error_type": "quota_requests_by_uid"},
            403,
            "quota_requests_by_uid",
        ),
        ({"name": "invalid_token"}, 403, "invalid_token"),
        ({"name": "access_denied"}, 403, "access_denied"),
        ({"name": "whole_file_400"}, 400, "invalid_uploading"),
    ],
)
def test_refusal_is_given_once_in_the_vendors_form(
    actor: Actor, wish: dict[str, Any], status: int, error_type: str
) -> None:
    control(actor.sandbox, "faults", **wish)

    refused = actor.upload(CSV)
    taken = actor.upload(CSV)

    assert refused.status_code == refused.json()["code"] == status
    assert refused.json()["errors"][0]["error_type"] == error_type
    assert taken.status_code == 200


def test_quota_refusal_can_have_retry_after(actor: Actor) -> None:
    switch_on(actor.sandbox, "status_429", retry_after=7)

    assert actor.call("GET", LISTS).headers["Retry-After"] == "7"


def test_latency_delays_a_correct_answer(actor: Actor) -> None:
    switch_on(actor.sandbox, "latency", ms=200)
    started = time.monotonic()

    answer = actor.call("GET", LISTS)

    assert answer.json()["rows"] == 9
    assert time.monotonic() - started >= 0.2


def test_list_lags_behind_the_upload(actor: Actor) -> None:
    switch_on(actor.sandbox, "list_lag", seconds=120)
    actor.upload(CSV, comment="ck1")
    before = comments(actor)

    control(actor.sandbox, "clock", advance_seconds=120)

    assert (before, comments(actor)) == ([], ["ck1"])


def test_permission_is_withdrawn_until_it_is_granted_again(actor: Actor) -> None:
    switch_on(actor.sandbox, "withdraw_right", permission="view")

    refused = [actor.upload(CSV).status_code for _ in range(2)]
    control(actor.sandbox, f"people/okna-stolica/counters/{COUNTER}", permission="own")

    assert refused == [403, 403]
    assert actor.upload(CSV).status_code == 200


@pytest.mark.parametrize(
    ("params", "tags"), [({"n": 1}, ["marker-x"]), ({"marker": "marker-x"}, ["первый"])]
)
def test_refused_rows_are_missing_from_the_count(
    actor: Actor, params: dict[str, Any], tags: list[str]
) -> None:
    switch_on(actor.sandbox, "rows_refused", **params)

    uploading = actor.upload(CSV).json()["uploading"]

    rows = control(actor.sandbox, "rows")["rows"]
    assert (uploading["source_quantity"], uploading["line_quantity"]) == (2, 1)
    assert [row["Tag"] for row in rows] == tags


def test_only_the_file_with_the_marker_is_refused(actor: Actor) -> None:
    switch_on(actor.sandbox, "whole_file_400", marker="marker-x", times=None)

    clean = actor.upload("ClientId,DateTime,Tag\n17,1767607384,чисто\n")
    marked = [actor.upload(CSV).status_code for _ in range(2)]

    assert (clean.status_code, marked) == (200, [400, 400])


def test_unknown_status_is_returned_once(actor: Actor) -> None:
    actor.upload(CSV)
    switch_on(actor.sandbox, "unknown_status", status="ARCHIVED")

    seen = [actor.get(offline("calls_uploadings"))["uploadings"][0]["status"] for _ in range(2)]

    assert seen == ["ARCHIVED", "UPLOADED"]


def test_linkage_fails_for_the_files_that_match(actor: Actor) -> None:
    recent = int(time.time()) - 5
    content = f"ClientId,DateTime\n17,{recent}\n"
    switch_on(actor.sandbox, "linkage_failure", match={"comment": "bad"}, times=None)
    actor.upload(content, comment="good1")
    actor.upload(content, comment="bad2")

    control(actor.sandbox, "clock", advance_seconds=3600)

    listed = actor.get(offline("calls_uploadings"))["uploadings"]
    assert {one["comment"]: one["status"] for one in listed} == {
        "bad2": "LINKAGE_FAILURE",
        "good1": "PROCESSED",
    }


@pytest.mark.parametrize(
    "match",
    [
        {"login": "agency-media"},
        {"counter": 1},
        {"path_contains": "calls_uploadings"},
        {"comment": "other"},
    ],
)
def test_fault_does_not_apply_to_other_requests(actor: Actor, match: dict[str, Any]) -> None:
    switch_on(actor.sandbox, "access_denied", match=match)

    assert actor.upload(CSV, comment="ck1").status_code == 200
    assert len(control(actor.sandbox, "faults")["faults"]) == 1


def test_fault_applies_the_given_number_of_times(actor: Actor) -> None:
    switch_on(actor.sandbox, "access_denied", times=2)

    statuses = [actor.call("GET", LISTS).status_code for _ in range(3)]

    assert statuses == [403, 403, 200]
    assert control(actor.sandbox, "faults") == {"faults": []}


def test_unknown_fault_is_refused_with_the_list_of_names(sandbox: RunningSandbox) -> None:
    url = sandbox.url + "/_sandbox/faults"

    answer = requests.post(url, json={"name": "meteor"}, timeout=10)

    assert answer.status_code == 400
    assert "reset_after_taken" in answer.json()["message"]
