from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.devtools.sandbox.actor import COUNTER, TIMEOUT, Actor, control

LIST = "/management/v1/counters"
ONE = f"/management/v1/counter/{COUNTER}"


def numbers(answer: Any) -> list[int]:
    return [counter["id"] for counter in answer["counters"]]


def test_counter_is_shown_with_the_fields_of_the_documentation(actor: Actor) -> None:
    counter = actor.get(LIST, counter_ids=COUNTER, field="mirrors,goals")["counters"][0]

    assert counter["id"] == COUNTER
    assert counter["name"] == "Окна Столица"
    assert counter["site2"] == {"site": "okna-stolica.example", "domain": "okna-stolica.example"}
    assert counter["mirrors2"][1]["site"] == "m.okna-stolica.example"
    assert counter["permission"] == "own"
    assert counter["create_time"] == "2021-04-12T10:31:07+03:00"
    assert counter["time_zone_offset"] == 180
    assert counter["goals"][0]["name"] == "Звонок коллтрекинга"


def test_offset_is_one_based_and_rows_counts_everything(actor: Actor) -> None:
    everything = numbers(actor.get(LIST))

    first = actor.get(LIST, per_page=4, offset=1)
    second = actor.get(LIST, per_page=4, offset=5)
    third = actor.get(LIST, per_page=4, offset=9)

    assert [page["rows"] for page in (first, second, third)] == [9, 9, 9]
    assert numbers(first) + numbers(second) + numbers(third) == everything


def test_page_has_at_most_a_thousand_counters(actor: Actor) -> None:
    control(actor.sandbox, "people/okna-stolica/counters", count=1500)

    page = actor.get(LIST, per_page=5000)
    rest = actor.get(LIST, offset=1001)

    assert (page["rows"], len(page["counters"]), len(rest["counters"])) == (1509, 1000, 509)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"permission": "edit"}, [91400011]),
        ({"permission": "view,edit"}, [91300042, 91400011]),
        ({"search_string": "БАЛКОН"}, [91234568]),
        ({"search_string": "m.okna"}, [91234567]),
        ({"search_string": "91234601"}, [91234601]),
        ({"search_string": "9123460"}, []),
        ({"status": "Deleted"}, [91234705]),
        ({"type": "partner"}, [91234704]),
        ({"favorite": "1"}, [91234567, 91300042]),
        ({"sort": "Name", "reverse": "false", "per_page": 2}, [91400010, 91234601]),
    ],
)
def test_list_is_narrowed_and_ordered(
    actor: Actor, params: dict[str, str], found: list[int]
) -> None:
    assert numbers(actor.get(LIST, **params)) == found


@pytest.mark.parametrize(
    "params", [{"permission": "owner"}, {"sort": "Age"}, {"per_page": "many"}, {"per_page": "0"}]
)
def test_unknown_parameter_value_is_refused(actor: Actor, params: dict[str, str]) -> None:
    answer = actor.call("GET", LIST, params=params)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["error_type"] == "invalid_parameter"


def test_person_without_counters_gets_an_empty_list(actor: Actor) -> None:
    actor.login = "novichok"
    actor.link()

    assert actor.get(LIST) == {"rows": 0, "counters": []}


def test_two_people_have_their_own_permissions_on_a_counter(actor: Actor) -> None:
    own = actor.get(ONE)["counter"]["permission"]
    actor.login = "agency-media"
    actor.link()

    assert own == "own"
    assert actor.get(ONE)["counter"]["permission"] == "edit"
    assert actor.get(ONE + "/my_grant")["grant"]["perm"] == "edit"
    assert actor.get(LIST)["rows"] == 12


def test_json_suffix_pretty_and_callback_change_only_the_form(actor: Actor) -> None:
    plain = actor.get(ONE)

    assert actor.get(ONE + ".json") == plain
    assert "\n    " in actor.call("GET", ONE, params={"pretty": "1"}).text
    assert actor.call("GET", ONE, params={"callback": "show"}).text.startswith("show({")


@pytest.mark.parametrize(
    ("header", "status", "error_type"),
    [
        (None, 401, "unauthorized"),
        ("Bearer y0_x", 401, "unauthorized"),
        ("OAuth", 401, "unauthorized"),
        ("OAuth y0_" + "x" * 58, 403, "invalid_token"),
    ],
)
def test_bad_credentials_are_refused_in_the_vendors_form(
    actor: Actor, header: str | None, status: int, error_type: str
) -> None:
    headers = {"Authorization": header} if header else {}

    answer = requests.get(actor.sandbox.url + LIST, headers=headers, timeout=TIMEOUT)

    body = answer.json()
    assert answer.status_code == body["code"] == status
    assert body["errors"][0]["error_type"] == error_type
    assert set(body["errors"][0]) == {"error_type", "message", "location"}


def test_required_scope_depends_on_the_operation(actor: Actor) -> None:
    actor.link(scope="metrika:offline_data")
    read = actor.call("GET", LIST)
    create = actor.call("POST", ONE + "/goals", json={"goal": {}})
    actor.link(scope="metrika:read")
    upload = actor.upload("ClientId,DateTime\n1,1\n")

    assert [answer.status_code for answer in (read, create, upload)] == [403, 403, 403]
    assert upload.json()["errors"][0]["error_type"] == "access_denied"
    assert control(actor.sandbox, "ledger") == {"ledger": []}


@pytest.mark.parametrize("path", ["/management/v1/counter/1", "/management/v1/nothing"])
def test_unknown_path_is_not_found(actor: Actor, path: str) -> None:
    answer = actor.call("GET", path)

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["error_type"] == "not_found"


def test_goal_is_made_changed_and_deleted(actor: Actor) -> None:
    conditions = [{"type": "exact", "url": "callback_order"}]
    goal = {"name": "Заказ звонка", "type": "action", "conditions": conditions}

    made = actor.call("POST", ONE + "/goals", json={"goal": goal}).json()["goal"]
    one = f"{ONE}/goal/{made['id']}"
    renamed = actor.call("PUT", one, json={"goal": {"name": "Заказ"}}).json()["goal"]
    deleted = actor.call("DELETE", one)

    assert made["goal_source"] == "user"
    assert made["conditions"] == conditions
    assert (renamed["name"], renamed["id"]) == ("Заказ", made["id"])
    assert (deleted.status_code, deleted.json()) == (200, {"success": True})
    assert actor.call("GET", one).status_code == 404
    assert made["id"] in [goal["id"] for goal in actor.get(ONE + "/goals", useDeleted=1)["goals"]]


@pytest.mark.parametrize(
    "goal",
    [
        {"name": "", "type": "action", "conditions": [{"type": "exact", "url": "x"}]},
        {"name": "x", "type": "unheard-of"},
        {"name": "x", "type": "action", "conditions": []},
        {"name": "x", "type": "action", "conditions": [{"type": "exact", "url": "a?b"}]},
    ],
)
def test_malformed_goal_is_refused_and_not_kept(actor: Actor, goal: dict[str, Any]) -> None:
    answer = actor.call("POST", ONE + "/goals", json={"goal": goal})

    assert answer.status_code == 400
    assert len(actor.get(ONE + "/goals")["goals"]) == 4


def test_two_hundred_goals_are_the_limit(actor: Actor) -> None:
    for number in range(196):
        control(actor.sandbox, "goals", counter=COUNTER, name=f"g{number}")

    goal = {"name": "x", "type": "url", "conditions": []}
    answer = actor.call("POST", ONE + "/goals", json={"goal": goal})

    assert answer.json()["errors"][0]["error_type"] == "limit_exceeded"
