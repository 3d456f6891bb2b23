"""The Logs API, and the visits that decide what its rows say."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.devtools.sandbox.actor import COUNTER, TIMEOUT, Actor, control

DAY = 86_400
LOGS = f"/management/v1/counter/{COUNTER}/logrequests"
LOG = f"/management/v1/counter/{COUNTER}/logrequest"
FIELDS = (
    "ym:pv:offlineUploadingID,ym:pv:visitID,ym:pv:clientID,ym:pv:dateTime,ym:pv:goalsID,"
    "ym:pv:offlineCallTalkDuration,ym:pv:offlineCallTag"
)
TODAY = "today"
FIRST_VISIT = 10**19 + 1
VISITOR, STRANGER = "1764000000123456789", "1764000000999999999"


def noon(days_ago: int = 1) -> int:
    """Unix time of a recent day at noon in Moscow."""
    today = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    return int((today - timedelta(days=days_ago)).timestamp())


def day_of(moment: int) -> str:
    return (datetime.fromtimestamp(moment, UTC) + timedelta(hours=3)).date().isoformat()


def days(first: int, last: int | None = None) -> dict[str, str]:
    return {
        "date1": day_of(first),
        "date2": day_of(first if last is None else last),
        "fields": FIELDS,
        "source": "hits",
    }


def add_visits(actor: Actor, *visits: dict[str, Any]) -> None:
    assert control(actor.sandbox, "visits", counter=COUNTER, visits=list(visits)) == {
        "added": len(visits)
    }


def upload(actor: Actor, *rows: str) -> int:
    content = "ClientId,DateTime,TalkDuration,Tag,StaticCall\n" + "\n".join(rows) + "\n"
    number: int = actor.upload(content).json()["uploading"]["id"]
    return number


def order(actor: Actor, **query: str) -> dict[str, Any]:
    answer: dict[str, Any] = actor.call("POST", LOGS, params=query).json()
    return answer


def lines(actor: Actor, request_id: int, part: int = 0) -> list[list[str]]:
    answer = actor.call("GET", f"{LOG}/{request_id}/part/{part}/download")
    assert answer.status_code == 200
    return [line.split("\t") for line in answer.text.splitlines()]


def ripen(actor: Actor, seconds: int = 3600) -> None:
    control(actor.sandbox, "clock", advance_seconds=seconds)


def test_some_visits_decide_for_their_visitors_only(actor: Actor) -> None:
    call = noon()
    visit = {"client_id": VISITOR, "started_at": call + 600}
    control(actor.sandbox, "visits", counter=COUNTER, visits=[visit], are_all=False)
    upload(actor, f"{VISITOR},{call},61,,0", f"17640000005,{call},62,,0", f"9,{call},63,,0")
    truth = requests.get(
        f"{actor.sandbox.url}/_sandbox/truth?counter={COUNTER}", timeout=TIMEOUT
    ).json()["truth"]
    assert [row[5] is not None for row in truth] == [False, True, False]


def test_known_visits_decide_what_is_linked(actor: Actor) -> None:
    call = noon()
    add_visits(
        actor,
        {"client_id": VISITOR, "started_at": call - 5 * DAY},
        {"client_id": VISITOR, "started_at": call - 600},
        {"client_id": VISITOR, "started_at": call + 600},
        {"client_id": STRANGER, "started_at": call - 30 * DAY},
    )
    uploading = upload(
        actor,
        f"{VISITOR},{call},61,a\tb,0",
        f"{STRANGER},{call},62,,0",
        f"17640000005,{call},63,,0",
        f"{VISITOR},{call},64,,1",
    )
    ripen(actor)
    request_id = order(actor, **days(call))["log_request"]["request_id"]
    ripen(actor)

    found = lines(actor, request_id)
    state = actor.get(f"/management/v1/counter/{COUNTER}/offline_conversions/calls_uploadings")
    truth = requests.get(
        f"{actor.sandbox.url}/_sandbox/truth?counter={COUNTER}", timeout=TIMEOUT
    ).json()["truth"]

    goals = actor.get(f"/management/v1/counter/{COUNTER}/goals")["goals"]
    any_call = next(str([goal["id"]]) for goal in goals if goal["goal_source"] == "auto")
    at = f"{day_of(call)} 12:00:00"
    number, other = str(FIRST_VISIT + 1), f"{day_of(call)} 11:50:00"
    assert found == [
        FIELDS.split(","),
        ["", number, VISITOR, other, "[]", "0", ""],
        ["", str(FIRST_VISIT + 2), VISITOR, f"{day_of(call)} 12:10:00", "[]", "0", ""],
        [str(uploading), number, VISITOR, at, any_call, "61", "a\\tb"],
        [str(uploading), "0", STRANGER, at, any_call, "62", ""],
        [str(uploading), "0", "17640000005", at, any_call, "63", ""],
        [str(uploading), "0", VISITOR, at, any_call, "64", ""],
    ]
    assert [row[2:] for row in truth] == [
        ["calls", VISITOR, call, number, call - 600],
        ["calls", STRANGER, call, None, None],
        ["calls", "17640000005", call, None, None],
        ["calls", VISITOR, call, None, None],
    ]
    uploadings = state["uploadings"][0]
    assert (uploadings["linked_quantity"], uploadings["user_not_found_quantity"]) == (1, 2)


def test_logs_wait_for_one_another_and_are_removed(actor: Actor) -> None:
    control(actor.sandbox, "hits/fill", counter=COUNTER, day=day_of(noon()), count=5)
    control(actor.sandbox, "logs", seconds=600, part_lines=2, bytes=900)
    control(actor.sandbox, "quotas", logs_per_second=100)

    first = order(actor, **days(noon()))["log_request"]
    full = order(actor, **days(noon()))
    waits = actor.get(f"{LOGS}/evaluate", **days(noon()))
    early = actor.call("GET", f"{LOG}/{first['request_id']}/part/0/download")
    control(actor.sandbox, "logs", bytes=10_000)
    second = order(actor, **days(noon()))["log_request"]["request_id"]
    ripen(actor, 600)
    states = [one["status"] for one in actor.get(LOGS)["requests"]]
    ready = actor.get(f"{LOG}/{first['request_id']}")["log_request"]

    assert (first["status"], full["code"]) == ("created", 400)
    assert waits == {"log_request_evaluation": {"possible": False, "max_possible_day_quantity": 0}}
    assert early.json()["message"] == "Only log of requests in status 'processed' can be downloaded"
    assert states == ["processed", "created"]
    assert ready["parts"] == [
        {"part_number": 0, "size": 200},
        {"part_number": 1, "size": 200},
        {"part_number": 2, "size": 100},
    ]
    sizes = [len(lines(actor, first["request_id"], part)) for part in range(3)]
    beyond = actor.call("GET", f"{LOG}/{first['request_id']}/part/3/download")
    assert (sizes, beyond.json()["message"]) == ([3, 3, 2], "Incorrect part number")
    cleaned = actor.call("POST", f"{LOG}/{first['request_id']}/clean").json()["log_request"]
    again = actor.call("POST", f"{LOG}/{first['request_id']}/clean").status_code
    canceled = actor.call("POST", f"{LOG}/{second}/cancel").json()["log_request"]
    assert (cleaned["status"], again) == ("cleaned_by_user", 400)
    assert canceled["status"] == "canceled"


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"date2": TODAY}, "date2"),
        ({"date1": "2024-01-01"}, "date2"),
        ({"date1": "2026-02-30"}, "date1"),
        ({"fields": "ym:pv:phone"}, "fields"),
        ({"source": "calls"}, "source"),
    ],
)
def test_refused_requests_for_logs(actor: Actor, changes: dict[str, str], location: str) -> None:
    asked = days(noon()) | changes
    if asked["date2"] == TODAY:
        asked["date2"] = day_of(int(time.time()))
    answer = order(actor, **asked)

    assert answer["errors"][0]["location"] == location
    assert actor.get(LOGS) == {"requests": []}


def test_planted_hits_and_faults_of_logs(actor: Actor) -> None:
    call = noon()
    uploading = upload(actor, f"{VISITOR}1,{call},61,,0")
    foreign = {"columns": {"ClientId": STRANGER, "TalkDuration": "5"}, "moment": call}
    for kind, details in (("doubled", {}), ("foreign", foreign)):
        body = {"counter": COUNTER, "uploading_id": uploading, "kind": kind, **details}
        control(actor.sandbox, "hits/plant", **body)
    ripen(actor)
    control(actor.sandbox, "faults", name="logs_not_possible")
    evaluated = actor.get(f"{LOGS}/evaluate", **days(call))["log_request_evaluation"]
    numbers = []
    for fault in ("logs_processing_failed", "logs_awaiting_retry", ""):
        if fault:
            control(actor.sandbox, "faults", name=fault)
        numbers.append(order(actor, **days(call))["log_request"]["request_id"])
    ripen(actor, 3 * 3600)
    states = [one["status"] for one in actor.get(LOGS)["requests"]]

    assert evaluated["possible"] is False
    assert states == ["processing_failed", "awaiting_retry", "processed"]
    durations = [(line[0], line[5]) for line in lines(actor, numbers[2])[1:]]
    assert durations == [(str(uploading), "61"), (str(uploading), "61"), (str(uploading), "5")]
    control(actor.sandbox, "faults", name="logs_cut", bytes=100)
    with pytest.raises(requests.RequestException):
        actor.call("GET", f"{LOG}/{numbers[2]}/part/0/download")
    control(actor.sandbox, "faults", name="logs_too_old")
    old = actor.get(f"{LOG}/{numbers[2]}")["log_request"]
    assert old["status"] == "cleaned_automatically_as_too_old"


def test_logs_have_a_quota_of_their_own(actor: Actor) -> None:
    control(actor.sandbox, "quotas", logs_per_second=1)
    statuses = [actor.call("GET", LOGS).status_code for _ in range(2)]

    assert statuses == [200, 429]
    assert actor.call("GET", "/management/v1/counters").status_code == 200
