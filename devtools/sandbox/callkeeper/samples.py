"""Records of calls with every documented field."""

from __future__ import annotations

import itertools
import random
from typing import Any

from devtools.sandbox.messages import ApiError, Json

_NUMBERS = itertools.count(1)
#: No value is ever null: «пустая строка, 0 или пустой массив».
TEXTS = (
    *("managerNumber", "callerIdToManager", "callerIdToClient", "localDate", "recordUrl"),
    *("visitSite", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_content"),
    *("utm_term", "yaClid", "gaClid", "roistatClid", "calltouchClid", "comagicClid", "city"),
    *("region", "country", "ipAddress", "entryPoint", "entryPointQuery", "callPage", "userAgent"),
    *("device", "cbWidgetHash", "cbToolName", "cbOfficeNumber", "cbOfficeName", "cbOrderDate"),
    *("cbConnectType", "cbEventSource", "ctCampaignName", "ctIsListened"),
)
NUMBERS = (
    *("pagesCount", "counts", "cbToolId", "cbCallId", "cbUid", "cbAttempt", "cbSmartCallCount"),
    *("cbIvrCount", "ctCallId", "ctCampaignId"),
)


def record(given: Json) -> Json:
    """Complete a record; ``callTime`` is required, everything else has a value of its own."""
    if "callTime" not in given:
        raise ApiError(400, "missing_parameter", "callTime is missing", location="callTime")
    number = next(_NUMBERS)
    return (
        {
            "page": 0,
            "universalId": f"9{random.randrange(10**12):012}{number % 10**6:06}",
            "serviceType": "calltracking",
            "clientNumber": f"7916{number % 10**7:07}",
            "statusFirst": 200,
            "statusSecond": 200,
            "status": "success",
            "timezoneOffset": "+0300",
            "duration": 60 + number % 200,
            "tariffTime": 1 + number % 5,
            "site": "okna-stolica.example",
            "unique": True,
            "target": True,
            "uniqueTarget": True,
        }
        | dict.fromkeys(TEXTS, "")
        | dict.fromkeys(NUMBERS, 0)
        | {"cbAttemptsQueue": [], "tags": [], "hooks": []}
        | {"localDate": given["callTime"], "yaClid": f"17{number % 10**12:014}"}
        | given
    )


def spread(count: int, since: float, until: float) -> list[float]:
    """Return so many moments of a period, evenly."""
    step = (until - since) / max(1, count)
    return [since + step * number for number in range(count)]


def many(body: dict[str, Any], time_of: Any) -> list[Json]:
    """Return ``calls`` of the body, or ``count`` calls between ``since`` and ``until``."""
    if "calls" in body:
        return list(body["calls"])
    moments = spread(int(body["count"]), float(body["since"]), float(body["until"]))
    common = dict(body.get("fields", {}))
    return [common | {"callTime": time_of(moment)} for moment in moments]
