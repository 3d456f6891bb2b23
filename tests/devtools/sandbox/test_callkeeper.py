from __future__ import annotations

from typing import Any

import pytest
import requests

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import control

KEY = "x9xx99xx99xxxx99"
CALLS = f"callkeeper/accounts/{KEY}/calls"
DAY = "2026-11-23"


def call(universal_id: str, time: str = f"{DAY} 12:00:00", **fields: Any) -> dict[str, Any]:
    return {"universalId": universal_id, "callTime": time, **fields}


@pytest.fixture
def url(sandbox: RunningSandbox) -> str:
    control(sandbox, "callkeeper/accounts", key=KEY, name="test", page_length=2)
    days = [call(str(number), f"2026-11-2{number} 12:00:00") for number in (1, 2, 3, 4)]
    control(sandbox, CALLS, calls=days)
    return f"{sandbox.url}/api/"


def get(url: str, words: str) -> Any:
    return requests.get(f"{url}?{words}", timeout=5).json()


def ids(url: str, period: str, page: int = 0) -> list[str]:
    return [one["universalId"] for one in get(url, f"json/v3/{KEY}/call/get/{page}/{period}")]


def test_calls_of_a_period_come_page_by_page_with_every_documented_field(url: str) -> None:
    assert ids(url, "2026-11-21/2026-11-23") == ["3", "2"]
    assert ids(url, "2026-11-21/2026-11-23", page=1) == ["1"]
    # 12:00 in Moscow, both ends included
    assert ids(url, "1795424400/1795510800") == ["4", "3"]
    assert get(url, f"json/v3/{KEY}/call/get/0/1795424401/1795510799")["payload"] == []
    (first,) = get(url, f"json/v3/{KEY}/call/get/1/2026-11-21/2026-11-23")
    assert first["status"] == "success"
    assert first["hooks"] == first["tags"] == []
    assert None not in first.values()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (f"json/v3/{KEY}/call/get/0/2020-01-01/2020-01-02", "No rows found"),
        (f"xml/v3/{KEY}/call/get/0/{DAY}/{DAY}", "Type to return is not available"),
        (f"json/v1/{KEY}/call/get/0/{DAY}/{DAY}", "It is wrong API version"),
        (f"json/v3/another/call/get/0/{DAY}/{DAY}", "User is not recognized"),
        (f"json/v3/{KEY}/phone/get/0/{DAY}/{DAY}", "Entity does not exist"),
        (f"json/v3/{KEY}/call/put/0/{DAY}/{DAY}", "Method does not exist"),
        (f"json/v3/{KEY}/call/get/x/{DAY}/{DAY}", "Incorrect page is set"),
        (f"json/v3/{KEY}/call/get/9/{DAY}/{DAY}", "Incorrect page is set"),
        (
            f"json/v3/{KEY}/call/get/0/today/{DAY}",
            "Start date has wrong type. Possible format is 'Y-m-d' or timestamp",
        ),
    ],
)
def test_every_failure_has_its_documented_text(url: str, words: str, error: str) -> None:
    answer = get(url, words)

    assert answer["inbound"] == {"error": error}
    assert answer["payload"] == []


def test_a_list_may_have_gaps_and_calls_change_late(url: str, sandbox: RunningSandbox) -> None:
    control(sandbox, "callkeeper/accounts", key=KEY, shape="gaps", ordering="oldest")
    control(sandbox, "callkeeper/calls/2", tags=["late"])

    answer = get(url, f"json/v3/{KEY}/call/get/0/2026-11-21/2026-11-22")

    assert list(answer) == ["1", "3"]
    assert answer["3"]["tags"] == ["late"]


def test_faults_hit_the_api_alone_and_its_log_has_no_key(url: str, sandbox: RunningSandbox) -> None:
    control(sandbox, "faults", name="callkeeper_429", retry_after=7)

    refused = requests.get(f"{url}?json/v3/{KEY}/call/get/0/{DAY}/{DAY}", timeout=5)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert ids(url, f"{DAY}/{DAY}") == ["3"]
    journal = requests.get(f"{sandbox.url}/_sandbox/requests", timeout=5)
    assert journal.json()["max_parallel"] == {"callkeeper/test": 1}
    assert KEY not in journal.text
