"""Rows that were sent, and a Logs API that answers with the hits a test names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import responses
import time_machine
from django.conf import settings
from django.utils import timezone

from calls.models import Call, Delivery, LogRequest, Upload
from calls.proof import days, run
from calls.proof.fields import FIELDS
from calls.states import Channel, IdKind, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

HEAD = "ClientId,DateTime,StaticCall,TalkDuration,HoldDuration\n"
GOAL_HEAD = "ClientId,Target,DateTime\n"
Row = dict[str, Any]
NOON = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)  # noon in Moscow
#: The night after, and the one in which rows accepted at NOON are final.
NIGHT = datetime(2026, 11, 13, 0, 30, tzinfo=UTC)
FINAL_NIGHT = datetime(2026, 11, 16, 0, 30, tzinfo=UTC)


def send(
    counter: Counter, calls: list[Call], *, accepted_at: datetime | None = None, **fields: Any
) -> Upload:
    """Put the calls in a file that Metrika has, with their values as they are now."""
    is_static = fields.get("is_static", False)
    rows = [
        f"{'' if is_static else one.client_id},{int(one.started_at.timestamp())},{int(is_static)},"
        f"{one.duration_seconds},{'' if one.hold_seconds is None else one.hold_seconds}\n"
        for one in calls
    ]
    if fields.get("channel") == Channel.GOAL:
        seconds = [int(one.started_at.timestamp()) for one in calls]
        rows = [
            f"{one.client_id},{fields['target']},{at}\n"
            for one, at in zip(calls, seconds, strict=True)
        ]
    head = GOAL_HEAD if fields.get("channel") == Channel.GOAL else HEAD
    moments = [one.started_at for one in calls]
    upload = make_upload(
        counter=counter,
        body=(head + "".join(rows)).encode(),
        rows=len(calls),
        oldest_call_at=min(moments),
        newest_call_at=max(moments),
        accepted_at=accepted_at or timezone.now(),
        state=UploadState.PROCESSED,
        **fields,
    )
    for number, call in enumerate(calls, 1):
        channel = fields.get("channel", Channel.CALLS)
        make_delivery(call=call, counter=counter, upload=upload, row_number=number, channel=channel)
    return upload


def call_at(counter: Counter, moment: datetime, **fields: Any) -> Call:
    """Create a call of the counter's cabinet that began then."""
    return make_call(cabinet=counter.cabinet, started_at=moment, **fields)


def hit_of(upload: Upload, number: int, *, visit: int = 0, **changes: Any) -> Row:
    """Return the hit by which Metrika shows a row of an upload."""
    delivery = Delivery.objects.select_related("call").get(upload=upload, row_number=number)
    call, zone = delivery.call, ZoneInfo(upload.counter.time_zone)
    of_calls = upload.channel == Channel.CALLS
    return {
        "offlineUploadingID": upload.uploading_id,
        "visitID": visit,
        "dateTime": f"{call.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "clientID": call.client_id if upload.id_kind == IdKind.CLIENT_ID else 7_000_000_000,
        "goalsID": "[]",
        "offlineCallTalkDuration": call.duration_seconds if of_calls else "",
        "offlineCallHoldDuration": (call.hold_seconds or 0) if of_calls else "",
    } | changes


def pageview(visit: int, moment: str) -> Row:
    """Return an ordinary hit of the site."""
    return {"visitID": visit, "dateTime": moment, "clientID": 99, "URL": "https://okna.example/"}


@dataclass
class LogsApi:
    """Answers as documented; prepares at once, in parts of ``rows_per_part`` rows."""

    number: int
    rows: list[Row] = field(default_factory=list)
    rows_per_part: int = 1000
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_possible: bool = True

    def serve(self) -> None:
        """Register the answers with `responses`."""
        root = f"{settings.METRIKA_API_URL}/management/v1/counter/{self.number}/logrequest"
        for method in ("GET", "POST"):
            responses.add_callback(method, re.compile(re.escape(root) + ".*"), self._answer)

    @property
    def left(self) -> list[int]:
        """Numbers of orders that were not removed."""
        return [pk for pk, one in self.orders.items() if one["status"] == "processed"]

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        path, _, _query = request.path_url.partition("?")
        name = path.rpartition("/counter/")[2].partition("/")[2]
        self.asked.append(f"{request.method} {name.partition('/')[0]}:{name.rpartition('/')[2]}")
        if name.endswith("evaluate"):
            found = {"possible": self.is_possible, "max_possible_day_quantity": 30}
            return _json({"log_request_evaluation": found})
        if name == "logrequests":
            return self._orders(request)
        number = int(name.split("/")[1])
        if number not in self.orders:
            return _json({"errors": [{"error_type": "not_found"}], "code": 404}, 404)
        if name.endswith("download"):
            return self._part(number, int(name.split("/")[3]))
        if name.endswith(("clean", "cancel")):
            self.orders[number]["status"] = "cleaned_by_user"
        return _json({"log_request": self.orders[number]})

    def _orders(self, request: Any) -> tuple[int, dict[str, str], str]:
        if request.method == "GET":
            return _json({"requests": list(self.orders.values())})
        params, number = request.params, 4000 + len(self.orders)
        parts = -(-len(self._of(params["date1"], params["date2"])) // self.rows_per_part) or 1
        self.orders[number] = {
            "request_id": number,
            "source": params["source"],
            "date1": params["date1"],
            "date2": params["date2"],
            "fields": params["fields"].split(","),
            "status": "processed",
            "size": 1,
            "parts": [{"part_number": part, "size": 1} for part in range(parts)],
        }
        return _json({"log_request": self.orders[number]})

    def _part(self, number: int, part: int) -> tuple[int, dict[str, str], str]:
        order = self.orders[number]
        rows = self._of(order["date1"], order["date2"])
        shown = rows[part * self.rows_per_part : (part + 1) * self.rows_per_part]
        names = [name.removeprefix("ym:pv:") for name in FIELDS]
        lines = ["\t".join(FIELDS), *("\t".join(str(r.get(n, "")) for n in names) for r in shown)]
        body = "".join(line + "\n" for line in lines)
        return 200, {"Content-Length": str(len(body.encode()))}, body

    def _of(self, first: str, last: str) -> list[Row]:
        return [row for row in self.rows if first <= str(row["dateTime"])[:10] <= last]


def _json(body: dict[str, Any], status: int = 200) -> tuple[int, dict[str, str], str]:
    return status, {}, json.dumps(body)


def read_logs(clock: time_machine.Traveller, at: datetime = NIGHT) -> None:
    """Plan the night's requests and take them to their end."""
    clock.move_to(at)
    days.plan(timezone.now())
    for _ in range(40):
        clock.shift(60)
        run.run_due(seconds=60)
        if not LogRequest.objects.open().exists():
            return
