"""Reports over uploaded calls and conversions."""

from __future__ import annotations

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import COUNTER, Actor, control
from tests.devtools.sandbox.upload_files import HEADER, errors, line, moment


def test_report_counts_what_was_uploaded(actor: Actor, sandbox: RunningSandbox) -> None:
    missed = f"17,{moment()},0,+79161234567,0,1,,https://ct.example/2\n"
    actor.upload(HEADER + line("17") + missed + line("", static=1))
    actor.upload(f"ClientId,Target,DateTime\n17,call,{moment()}\n", path="upload")
    control(sandbox, "clock", advance_seconds=3600)
    goals = {
        goal["name"]: goal["id"]
        for goal in actor.get(f"/management/v1/counter/{COUNTER}/goals")["goals"]
    }

    names = ("Звонок", "Обратный звонок", "Заявка с сайта")
    metrics = ["ym:s:offlineCalls", "ym:s:offlineCallsMissed"]
    metrics += [f"ym:s:goal{goals[name]}reaches" for name in names]
    table = actor.get("/stat/v1/data", ids=COUNTER, metrics=",".join(metrics))
    quality = actor.get("/stat/v1/data", ids=COUNTER, preset="offline_calls_quality", group="day")

    assert table["totals"] == [3, 1, 2, 1, 0]
    assert quality["totals"][:3] == [3, 1, 1]
    assert len(quality["data"]) == 1


def test_report_of_a_counter_without_permission_is_denied(actor: Actor) -> None:
    answer = actor.call("GET", "/stat/v1/data", params={"ids": 91400012, "metrics": "x"})

    assert (answer.status_code, errors(answer)) == (403, "access_denied")


def test_goal_counts_once_a_second_a_visitor_whatever_the_file(
    actor: Actor, sandbox: RunningSandbox
) -> None:
    at = int(moment())
    header = "ClientId,Target,DateTime\n"
    actor.upload(f"{header}17,call,{at}\n17,call,{at - 1}\n18,call,{at}\n", path="upload")
    actor.upload(f"{header}17,call,{at}\n", path="upload")
    control(sandbox, "clock", advance_seconds=3600)
    goals = actor.get(f"/management/v1/counter/{COUNTER}/goals")["goals"]
    goal = next(one["id"] for one in goals if one["name"] == "Обратный звонок")

    answer = actor.get(f"/stat/v1/data?ids={COUNTER}&metrics=ym:s:goal{goal}reaches")

    assert answer["totals"] == [3]
