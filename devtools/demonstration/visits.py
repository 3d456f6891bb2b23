"""Tells the sandbox of the visits before the calls, and orders the proof of their links.

Without visits the sandbox links calls to visits that have no time. Other visitors of the same
counters, such as those of calls that a person sends to try the product, are linked as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import requests
from django.conf import settings
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import LogRequest
from calls.models.reports import zone_of
from counters.models import Counter

TIMEOUT_SECONDS = 10
#: Counters whose links are proved, and the sites of their calls; without sites: of any.
PROVED: dict[int, tuple[str, ...]] = {
    91234567: ("okna-stolica.example",),
    91234568: ("balkon.okna-stolica.example",),
    91400012: (),
}
#: Visitors whose identifier ends so are not linked: no visit, or only one after the call.
WITHOUT_VISIT, VISIT_AFTER = "9", "4"
#: A visit begins so long before its call.
SHORTEST, LONGEST = 60, 2400
#: By then the sandbox has processed what was sent last.
PROCESSED_WITHIN = timedelta(seconds=15)
#: Metrika links no older calls.
DAYS_PROVED = timedelta(days=21)


def tell_of_visits(records: Sequence[Mapping[str, Any]]) -> None:
    """Tell the sandbox of the visits of the callers. Before their calls are uploaded."""
    for number, sites in PROVED.items():
        visits = list(_visits(one for one in records if not sites or one["site"] in sites))
        answer = requests.post(
            f"{settings.METRIKA_API_URL}/_sandbox/visits",
            json={"counter": number, "visits": visits, "are_all": False},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()


def _visits(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one visit of each caller with an identifier: before the first of their calls."""
    visits: dict[str, dict[str, Any]] = {}
    for record in records:
        click = str(record["entryPointQuery"]).partition("?yclid=")[2]
        visitor = str(record["yaClid"] or click)
        if not visitor or visitor in visits or visitor.endswith(WITHOUT_VISIT):
            continue
        call = int(datetime.fromisoformat(str(record["callTime"])).timestamp())
        before = SHORTEST + crc32(visitor.encode()) % (LONGEST - SHORTEST)
        started_at = call + SHORTEST if visitor.endswith(VISIT_AFTER) else call - before
        name = "client_id" if record["yaClid"] else "yclid"
        visits[visitor] = {name: visitor, "started_at": started_at}
    return list(visits.values())


def order_proofs(cabinet: Cabinet) -> int:
    """Order the logs of the days so far, to be read after the start; return how many orders."""
    now = timezone.now()
    orders = [
        LogRequest(
            counter=counter,
            date1=_day(counter, now - DAYS_PROVED),
            date2=_day(counter, now - timedelta(days=1)),
            requested_at=now,
            next_at=now + PROCESSED_WITHIN,
        )
        for counter in cabinet.counters.filter(link_proof=True)
    ]
    return len(LogRequest.objects.bulk_create(orders))


def _day(counter: Counter, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(zone_of(counter))).date()
