"""The world by which the link forecast is calibrated: visits, calls after them, faults last."""

from __future__ import annotations

from collections import Counter as Counts

from bench.forecast import tables
from bench.forecast.rounds import Group, Judged
from bench.forecast.shares import FAULTS, SCENARIOS, table
from bench.forecast.visitors import DAY, Told, World

NOW = 1_796_000_000
BEGIN = NOW - 2 * DAY


def calls_of(name: str, count: int = 3000) -> list[Told]:
    return list(World(f"1/{name}", SCENARIOS[name], 20, NOW).calls(BEGIN, count))


def kind_of(one: Told) -> str:
    if one.record["callType"] == "Статический коллтрекинг":
        return "static"
    return next((name for name in ("yaClid", "yclid", "userId") if name in one.record), "none")


def test_faults_come_as_often_as_the_document_says() -> None:
    ordinary = calls_of("ordinary")

    records = [one.record for one in ordinary]
    assert records == [one.record for one in calls_of("ordinary")]
    assert Counts(map(kind_of, ordinary)) == {
        "yaClid": 2248,
        "none": 258,
        "static": 201,
        "yclid": 191,
        "userId": 102,
    }
    old = [one for one in ordinary if one.record["callTime"] < NOW - 12 * DAY]
    assert len(old) == 103
    # A visit is before the call that it leads to, but for the fault of a later one.
    later = [
        one
        for one in ordinary
        for visit in one.visits
        if visit["started_at"] > one.record["callTime"]
    ]
    assert len(later) == 23
    world = World("1", SCENARIOS["bad"], 20, NOW)
    assert sum(bool(site.foreign_sources) for site in world.sites) == 7
    assert sum(bool(site.constant) for site in world.sites) == 2
    assert sum(not site.sets_user_id for site in world.sites) == 16
    assert len(table().splitlines()) == 2 + len(FAULTS)


def test_tables_are_of_the_rows_that_were_sent() -> None:
    """Every second counter is held out; rows that were not sent count among all calls alone."""
    groups = [
        Group(1, 0, True, "likely", "client_id", "client_id", 10, 9, 9.0, 0.9),
        Group(2, 0, True, "unlikely", "rarely_linked", "client_id", 10, 1, 1.0, 0.9),
        Group(2, 1, False, "never", "no_identifier", "no_identifier", 20, 0, 0.0, 0.0),
    ]
    judged = {"ordinary": Judged(40, groups, 20, 0, 0)}

    assert tables.scores(judged).splitlines()[2] == (
        "| ordinary | 40 | 20 | 0 | 0.0900 | 0.0900 | 0.0900 | 0.0450 |"
    )
    assert tables.confusion(judged["ordinary"]).splitlines()[2:] == [
        "| likely | `client_id` | 10 | 9 | 1 | 0.900 | 0.900 | – | 0.0900 |",
        "| unlikely | `rarely_linked` | 10 | 1 | 9 | 0.100 | 0.100 | 0.100 | 0.0900 |",
    ]
    assert tables.priors(judged).splitlines()[2:] == ["| `client_id` | 0.89 | 0.900 of 10 |"]
    assert tables.rounds(judged).splitlines()[2:] == ["| ordinary | 0.0900 | 0.0000 |"]
    assert tables.values(judged["ordinary"]).splitlines()[2:] == [
        "| likely | 9 | 1 |",
        "| never | 0 | 20 |",
        "| unlikely | 1 | 9 |",
    ]
