"""The automatic goals of uploaded calls: several, late, and within the counter's limit of goals."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from devtools.sandbox import start_sandbox
from devtools.sandbox.storage import Store
from tests.devtools.sandbox.actor import COUNTER, Actor, control, offline
from tests.devtools.sandbox.upload_files import HEADER, errors, held, line, moment

GOALS = f"/management/v1/counter/{COUNTER}/goals"
HOUR = 3600
CALL_GOALS = ["Звонок", "Звонок: первичный", "Звонок: пропущенный"]


def call_goals(actor: Actor) -> list[str]:
    return [goal["name"] for goal in actor.get(GOALS)["goals"] if goal["goal_source"] == "auto"]


def test_first_upload_creates_several_call_goals_one_after_the_other(actor: Actor) -> None:
    actor.upload(HEADER + line(), new_goal_name="Звонок")
    seen = [call_goals(actor)]
    for _ in CALL_GOALS:
        control(actor.sandbox, "clock", advance_seconds=HOUR)
        seen.append(call_goals(actor))

    assert seen == [CALL_GOALS[:count] for count in range(4)]


def test_later_names_are_ignored_also_before_the_goals_appear(actor: Actor) -> None:
    actor.upload(HEADER + line(), new_goal_name="Звонок")
    actor.upload(HEADER + line(), new_goal_name="Другой")
    control(actor.sandbox, "clock", advance_seconds=24 * HOUR)
    actor.upload(HEADER + line(), new_goal_name="Третий")

    assert call_goals(actor) == CALL_GOALS


def test_each_call_goal_counts_its_calls(actor: Actor) -> None:
    content = "ClientId,DateTime,CallMissed,FirstTimeCaller\n"
    rows = [(60, 0, 1), (61, 1, 1), (62, 0, 0)]
    content += "".join(f"17,{moment(ago)},{missed},{first}\n" for ago, missed, first in rows)
    actor.upload(content, new_goal_name="Звонок")
    control(actor.sandbox, "clock", advance_seconds=24 * HOUR)

    auto = [goal["id"] for goal in actor.get(GOALS)["goals"] if goal["goal_source"] == "auto"]
    metrics = ",".join(f"ym:s:goal{number}reaches" for number in auto)
    report = actor.get("/stat/v1/data", ids=COUNTER, metrics=metrics, date1="2daysAgo")

    assert report["totals"] == [3, 2, 1]


def test_full_goals_refuse_the_first_upload_as_a_whole(actor: Actor) -> None:
    assert control(actor.sandbox, "goal-limit", goals=4) == {"goals": 4}

    refused = actor.upload(HEADER + line(), new_goal_name="Звонок")

    assert (refused.status_code, errors(refused)) == (400, "limit_exceeded")
    assert held(actor) == []
    assert actor.get(offline("calls_uploadings"))["uploadings"] == []

    goal = actor.get(GOALS)["goals"][0]["id"]
    assert actor.call("DELETE", f"/management/v1/counter/{COUNTER}/goal/{goal}").status_code == 200
    assert actor.upload(HEADER + line(), new_goal_name="Звонок").status_code == 200

    # There was room for one goal; a counter that has it takes calls although its goals are full.
    control(actor.sandbox, "clock", advance_seconds=24 * HOUR)
    assert call_goals(actor) == ["Звонок"]
    assert actor.upload(HEADER + line()).status_code == 200


def test_a_counter_has_two_hundred_goals_at_most(actor: Actor) -> None:
    for number in range(196):
        control(actor.sandbox, "goals", counter=COUNTER, name=f"Цель {number}")

    body = {"goal": {"name": "Ещё", "type": "url", "conditions": []}}
    refused = actor.call("POST", GOALS, json=body)

    assert (refused.status_code, errors(refused)) == (400, "limit_exceeded")
    assert len(actor.get(GOALS)["goals"]) == 200


def test_the_scenario_goals_full_leaves_no_room_until_the_reset(actor: Actor) -> None:
    assert control(actor.sandbox, "scenario", name="goals_full")["scenario"] == "goals_full"
    assert actor.sandbox.world.goals.limit == 4

    control(actor.sandbox, "reset", now=True)

    assert actor.sandbox.world.goals.limit == 200


@pytest.mark.parametrize("variable", ["SANDBOX_GOAL_LIMIT", "SANDBOX_GOAL_SECONDS"])
def test_limit_and_delay_are_options(variable: str) -> None:
    from devtools.sandbox.options import parse_options

    options = parse_options([], {variable: "7"})

    assert 7 in (options.goal_limit, options.goal_seconds)


def test_a_state_file_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    state = str(tmp_path / "state.sqlite")
    with sqlite3.connect(state) as earlier:
        earlier.execute(
            "CREATE TABLE goals (id INTEGER PRIMARY KEY AUTOINCREMENT, counter_id INTEGER NOT NULL,"
            " source TEXT NOT NULL, body TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0)"
        )
        earlier.execute(
            "INSERT INTO goals (counter_id, source, body) VALUES"
            ' (7, \'auto\', \'{"name": "Звонок", "type": "call"}\')'
        )
    earlier.close()
    Store(state).close()

    running = start_sandbox(state=state, scenario="empty")
    try:
        columns = {row["name"] for row in running.world.store.all("PRAGMA table_info(goals)")}
    finally:
        running.close()

    assert "visible_at" in columns
