from __future__ import annotations

import threading

from tests.devtools.sandbox.actor import Actor, control

LISTS = "/management/v1/counters"


def kind(answer_body: dict[str, list[dict[str, str]]]) -> str:
    return answer_body["errors"][0]["error_type"]


def test_thirty_first_request_of_a_second_is_refused(actor: Actor) -> None:
    statuses = [actor.call("GET", LISTS).status_code for _ in range(5)]
    control(actor.sandbox, "quotas", per_second=5)

    refused = actor.call("GET", LISTS)

    assert statuses == [200] * 5
    assert refused.status_code == 429
    assert kind(refused.json()) == "quota_requests_by_ip"


def test_daily_quota_is_lifted_at_midnight_gmt(actor: Actor) -> None:
    control(actor.sandbox, "quotas", per_day=2)
    first = [actor.call("GET", LISTS).status_code for _ in range(2)]

    refused = actor.call("GET", LISTS)
    control(actor.sandbox, "clock", advance_seconds=86_400)

    assert first == [200, 200]
    assert (refused.status_code, kind(refused.json())) == (429, "quota_requests_by_uid")
    assert actor.call("GET", LISTS).status_code == 200


def test_daily_quota_is_counted_by_login(actor: Actor) -> None:
    control(actor.sandbox, "quotas", per_day=1)
    actor.call("GET", LISTS)

    actor.login = "agency-media"
    actor.link()

    assert actor.call("GET", LISTS).status_code == 200


def test_fourth_parallel_request_of_a_login_is_refused(actor: Actor) -> None:
    control(actor.sandbox, "faults", name="latency", ms=1000, times=3)
    statuses: list[int] = []
    slow = [
        threading.Thread(target=lambda: statuses.append(actor.call("GET", LISTS).status_code))
        for _ in range(3)
    ]
    for thread in slow:
        thread.start()
    while control(actor.sandbox, "faults") != {"faults": []}:
        pass

    fourth = actor.call("GET", LISTS)
    for thread in slow:
        thread.join()

    assert (fourth.status_code, kind(fourth.json())) == (429, "quota_parallel_requests")
    assert statuses == [200, 200, 200]
    assert actor.call("GET", LISTS).status_code == 200
    assert control(actor.sandbox, "requests")["max_parallel"] == {"okna-stolica": 4}
