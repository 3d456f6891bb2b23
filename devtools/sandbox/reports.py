"""Reports over what was uploaded: https://yandex.com/dev/metrika/en/stat/openapi/data

Only the metrics of calls and the reaches of goals: the sandbox has no visits.

`ym:s:offlineCalls` counts every processed row, static and unlinked ones too. The documentation says
of a file of static calls only that its data is in the reports (reference 3.3), and nowhere that
this metric leaves any call out (reference 7.1); Metrika itself may do so.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from . import goals
from .api_request import ApiRequest
from .messages import ApiError, Json
from .uploadings import CALLS, CONVERSIONS

PRESETS = {
    "offline_calls_quality": (
        ["ym:s:datePeriodday"],
        "ym:s:offlineCalls ym:s:offlineCallsUniq ym:s:offlineCallsMissed"
        " ym:s:offlineCallsMissedPercentage ym:s:offlineCallDurationAvg"
        " ym:s:offlineCallHoldDurationTillMissAvg ym:s:offlineCallHoldDurationTillAnswerAvg"
        " ym:s:offlineCallTalkDurationAvg",
    ),
    "offline_calls_sources": (
        ["ym:s:lastsignTrafficSource", "ym:s:lastsignSourceEngine"],
        "ym:s:offlineCalls ym:s:offlineCallsUniq ym:s:offlineCallsFirstTimeCallerPercentage",
    ),
}
MAX_METRICS = 20
GOAL_REACHES = re.compile(r"ym:s:goal([0-9]+)reaches")


@dataclass(frozen=True)
class Event:
    """A processed row, as the reports see it."""

    columns: dict[str, str]
    channel: str
    is_linked: bool
    day: date

    def number(self, column: str) -> float:
        return float(self.columns.get(column) or 0)


Metric = Callable[[list[Event]], float | None]


def table(api: ApiRequest) -> Json:
    query = _query(api)
    events = _events(api, query["ids"], query["date1"], query["date2"])
    metrics = [_metric(api, name, query["ids"]) for name in query["metrics"]]
    groups: defaultdict[tuple[str, ...], list[Event]] = defaultdict(list)
    for event in events:
        groups[tuple(_dimension(name, event) for name in query["dimensions"])].append(event)
    data = [
        {
            "dimensions": [{"name": value} for value in key],
            "metrics": [metric(group) for metric in metrics],
        }
        for key, group in sorted(groups.items())
    ]
    return _answer(query, data, [metric(events) for metric in metrics])


def _answer(query: Json, data: list[Json], totals: list[float | None]) -> Json:
    start = query["offset"] - 1
    return {
        "query": query,
        "data": data[start : start + query["limit"]],
        "total_rows": len(data),
        "total_rows_rounded": False,
        "sampled": False,
        "contains_sensitive_data": False,
        "sample_share": 1.0,
        "sample_size": len(data),
        "sample_space": len(data),
        "data_lag": 0,
        "totals": totals,
        "min": totals,
        "max": totals,
    }


def _query(api: ApiRequest) -> Json:
    request = api.request
    if request.param("filters"):
        raise ApiError(400, "query_error", "The sandbox knows no filters", location="filters")
    preset = request.param("preset")
    if preset and preset not in PRESETS:
        raise ApiError(400, "invalid_parameter", "Unknown preset", location="preset")
    dimensions, metrics = PRESETS.get(preset, ([], ""))
    asked_metrics = _list(request.param("metrics")) or metrics.split()
    if not 0 < len(asked_metrics) <= MAX_METRICS:
        raise ApiError(400, "missing_parameter", "1 to 20 metrics", location="metrics")
    numbers = _ids(api)
    today = _today(api, numbers[0])
    return {
        "ids": numbers,
        "preset": preset,
        "dimensions": _list(request.param("dimensions")) or dimensions,
        "metrics": asked_metrics,
        "date1": _day(request.param("date1") or "6daysAgo", today).isoformat(),
        "date2": _day(request.param("date2") or "today", today).isoformat(),
        "attribution": request.param("attribution") or "LastSign",
        "limit": min(request.number("limit", 100), 100_000),
        "offset": max(request.number("offset", 1), 1),
    }


def _today(api: ApiRequest, number: int) -> date:
    """Today in the time zone of the first requested counter."""
    counter = api.world.counters.find(number)
    zone = ZoneInfo(counter["time_zone_name"]) if counter else UTC
    return datetime.fromtimestamp(api.world.clock.now(), zone).date()


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _ids(api: ApiRequest) -> list[int]:
    """The requested counters; raise ``access_denied`` for one without permission."""
    asked = api.request.param("ids") or api.request.param("id")
    if not asked or not re.fullmatch(r"[0-9]+(,[0-9]+)*", asked):
        raise ApiError(400, "missing_parameter", "ids is missing", location="ids")
    numbers = [int(number) for number in asked.split(",")]
    for number in numbers:
        if not api.world.counters.permission(number, api.login):
            raise ApiError(403, "access_denied", "Access is denied")
    return numbers


def _day(text: str, today: date) -> date:
    ago = re.fullmatch(r"([0-9]{1,4})daysAgo", text)
    if ago or text in ("today", "yesterday"):
        return today - timedelta(days=int(ago[1]) if ago else int(text == "yesterday"))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ApiError(400, "invalid_parameter", "Not a date", location="date1") from None


def _events(api: ApiRequest, numbers: list[int], first: str, last: str) -> list[Event]:
    ripe_before = api.world.clock.now() - api.world.uploadings.ripen_seconds
    marks = ", ".join("?" * len(numbers))
    found = api.world.store.all(
        "SELECT rows.columns, rows.channel, rows.linked, rows.moment, counters.time_zone_name"
        " FROM rows JOIN uploadings ON uploadings.id = rows.uploading_id"
        f" JOIN counters ON counters.id = rows.counter_id WHERE rows.counter_id IN ({marks})"
        " AND uploadings.created_at <= ?",
        *(*numbers, ripe_before),
    )
    events = [
        Event(
            json.loads(row["columns"]),
            row["channel"],
            bool(row["linked"]),
            datetime.fromtimestamp(row["moment"], ZoneInfo(row["time_zone_name"])).date(),
        )
        for row in found
    ]
    return [event for event in events if first <= event.day.isoformat() <= last]


def _dimension(name: str, event: Event) -> str:
    if name in ("ym:s:date", "ym:s:datePeriodday"):
        return event.day.isoformat()
    if name.endswith(("TrafficSource", "SourceEngine")):
        return "Переходы по рекламе" if event.is_linked else "Не определено"
    column = re.fullmatch(
        r"ym:s:offlineCall(Tag|HoldDuration|TalkDuration|Missed|FirstTimeCaller)(Name)?", name
    )
    if column is None:
        raise ApiError(400, "invalid_parameter", f"Unknown dimension {name}", location="dimensions")
    names = {"Missed": "CallMissed"}
    return event.columns.get(names.get(column[1], column[1]), "")


def _metric(api: ApiRequest, name: str, numbers: list[int]) -> Metric:
    goal = GOAL_REACHES.fullmatch(name)
    if goal:
        return _reaches(api, int(goal[1]), numbers)
    if name not in METRICS:
        raise ApiError(400, "invalid_parameter", f"Unknown metric {name}", location="metrics")
    metric = METRICS[name]
    return lambda events: metric([event for event in events if event.channel == CALLS])


def _reaches(api: ApiRequest, goal_id: int, numbers: list[int]) -> Metric:
    """The call goal counts linked calls, an event's goal the linked conversions that name it."""
    every = [goal for number in numbers for goal in api.world.goals.of(number)]
    goal = next((goal for goal in every if goal["id"] == goal_id), None)
    if goal is None:
        raise ApiError(400, "invalid_parameter", "Unknown goal", location="metrics")
    if goal["goal_source"] == "auto":
        counted = COUNTED_CALLS[api.world.goals.counted_calls(goal_id)]
        return lambda events: sum(
            e.is_linked for e in counted([event for event in events if event.channel == CALLS])
        )
    targets = {condition["url"] for condition in goal["conditions"]}
    return lambda events: len(_reached_seconds(events, targets))


def _reached_seconds(events: list[Event], targets: set[str]) -> set[tuple[str, ...]]:
    """Return the visitor and second of each reach: a goal counts once a second a visitor.

    https://www.yandex.com/support/metrica/en/general/parameters-goal
    """
    columns = ("ClientId", "Yclid", "UserId", "DateTime")
    return {
        tuple(event.columns.get(name, "") for name in columns)
        for event in events
        if event.is_linked
        and event.channel == CONVERSIONS
        and event.columns.get("Target") in targets
    }


def _missed(events: list[Event]) -> list[Event]:
    return [event for event in events if event.columns.get("CallMissed") == "1"]


def _answered(events: list[Event]) -> list[Event]:
    return [event for event in events if event.columns.get("CallMissed") != "1"]


def _first(events: list[Event]) -> list[Event]:
    return [event for event in events if event.columns.get("FirstTimeCaller") == "1"]


def _average(events: list[Event], *columns: str) -> float | None:
    """Mean of the sum of the columns, None of nothing."""
    if not events:
        return None
    return sum(event.number(column) for event in events for column in columns) / len(events)


def _share(part: list[Event], whole: list[Event]) -> float | None:
    return 100 * len(part) / len(whole) if whole else None


def _revenue(events: list[Event]) -> float:
    return sum(e.number("Price") for e in events if e.columns.get("Currency", "RUB") in ("", "RUB"))


COUNTED_CALLS: dict[str, Callable[[list[Event]], list[Event]]] = {
    goals.ANY_CALL: list,
    goals.FIRST_CALL: _first,
    goals.MISSED_CALL: _missed,
}
METRICS: dict[str, Metric] = {
    "ym:s:offlineCalls": len,
    "ym:s:offlineCallsMissed": lambda events: len(_missed(events)),
    "ym:s:offlineCallsMissedPercentage": lambda events: _share(_missed(events), events),
    "ym:s:offlineCallsFirstTimeCaller": lambda events: len(_first(events)),
    "ym:s:offlineCallsFirstTimeCallerPercentage": lambda events: _share(_first(events), events),
    "ym:s:offlineCallsUniq": lambda events: len({e.columns.get("PhoneNumber") for e in events}),
    "ym:s:offlineCallTalkDurationAvg": lambda events: _average(_answered(events), "TalkDuration"),
    "ym:s:offlineCallHoldDurationTillAnswerAvg": (
        lambda events: _average(_answered(events), "HoldDuration")
    ),
    "ym:s:offlineCallHoldDurationTillMissAvg": (
        lambda events: _average(_missed(events), "HoldDuration")
    ),
    "ym:s:offlineCallDurationAvg": (
        lambda events: _average(events, "TalkDuration", "HoldDuration")
    ),
    "ym:s:offlineCallRUBConvertedRevenue": _revenue,
    "ym:s:offlineCallRUBConvertedRevenueAvg": (
        lambda events: _revenue(events) / len(events) if events else None
    ),
}
