"""Reads parts of prepared logs: once for the rows under our uploadings, once for their visits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from calls.models import LogHit, Upload
from calls.models.reports import zone_of
from calls.proof.claims import Claim
from calls.proof.fields import FIELDS, Hit, HitReader
from calls.runtime.failpoints import failpoint
from integrations.api_call import call_logs
from integrations.limits.request_budget import Lease
from integrations.yandex.logs import LogsClient

T = TypeVar("T")

#: Hits that are stored at once.
BATCH = 2000
#: How often a worker that reads a long part renews its leases.
RENEW_SECONDS = 10
#: Uploadings that were taken earlier have rows of days before only.
KNOWN_FOR = timedelta(days=60)

_STORE = """
INSERT INTO calls_loghit
    (request_id, part, line, uploading_id, moment, client_id, visit_id, goals, talk, hold)
SELECT %(request)s, %(part)s, w.line, w.uploading_id, w.moment, w.client_id, w.visit_id,
       w.goals::bigint[], w.talk, w.hold
FROM unnest(%(lines)s::bigint[], %(uploading_id)s::bigint[], %(moment)s::text[],
            %(client_id)s::text[], %(visit_id)s::text[], %(goals)s::text[], %(talk)s::bigint[],
            %(hold)s::bigint[])
     AS w(line, uploading_id, moment, client_id, visit_id, goals, talk, hold)
ON CONFLICT DO NOTHING
"""
_VISITS = """
SELECT DISTINCT p.visit_id FROM calls_logsentrow s
JOIN calls_linkproof p ON p.upload_id = s.upload_id AND p.row_number = s.row_number
WHERE s.request_id = %s AND p.visit_id <> ''
"""
_BEGINNINGS = """
UPDATE calls_linkproof p SET visit_at = least(p.visit_at, w.at)
FROM unnest(%(visits)s::text[], %(moments)s::timestamptz[]) AS w(visit, at),
     calls_logsentrow s
WHERE s.request_id = %(request)s AND p.upload_id = s.upload_id AND p.row_number = s.row_number
  AND p.visit_id = w.visit AND (p.visit_at IS NULL OR p.visit_at > w.at)
"""


def known_uploadings(claim: Claim) -> frozenset[int]:
    """Return the numbers of our files in Metrika, with those of files that it has twice.

    Of files that were taken over no bytes are known, so that their hits are compared with nothing.
    """
    request = claim.request
    since = request.requested_at - KNOWN_FOR
    uploads = Upload.objects.with_metrika().filter(
        counter=request.counter, created_at__gte=since, taken_over_at=None
    )
    found: set[int] = set()
    for number, doubled in uploads.values_list("uploading_id", "duplicate_ids").iterator():
        found.update(filter(None, (number, *doubled)))
    return frozenset(found)


def read_hits(claim: Claim, part: int) -> int:
    """Store the hits of a part under our uploadings; return how many lines it has.

    What an earlier reading of the part left is deleted first: a cut one may be incomplete.
    """
    request, known = claim.request, known_uploadings(claim)
    LogHit.objects.filter(request=request, part=part).delete()

    def store(blocks: Iterator[bytes], reader: HitReader) -> int:
        place, lines, waiting = 0, 0, list[tuple[int, Hit]]()
        for block in blocks:
            for start, hit in reader.uploaded(block, known):
                waiting.append((place + start, hit))
                if len(waiting) >= BATCH:
                    _store(request.pk, part, waiting)
                    waiting.clear()
            place += len(block)
            lines += block.count(b"\n")
        _store(request.pk, part, waiting)
        return lines

    return _read(claim, part, store)


def read_visits(claim: Claim, part: int) -> None:
    """Find in a part when the visits began that our rows are linked to."""
    request = claim.request
    wanted = {visit.encode(): b"" for visit in _visits_of(request.pk)}

    def search(blocks: Iterator[bytes], reader: HitReader) -> None:
        for block in blocks:
            for visit, moment in reader.visits(block):
                first = wanted.get(visit)
                if first is not None and (not first or moment < first):
                    wanted[visit] = moment

    if wanted:
        _read(claim, part, search)
    zone = ZoneInfo(zone_of(request.counter))
    found = {visit: at for visit, at in wanted.items() if at}
    _record_beginnings(request.pk, {v.decode(): _utc(at, zone) for v, at in found.items()})


def _read(claim: Claim, part: int, act: Callable[[Iterator[bytes], HitReader], T]) -> T:
    """Download a part and pass its lines on; both leases are renewed meanwhile."""
    counter, number = claim.request.counter, claim.request.request_id or 0

    def call(client: LogsClient, lease: Lease) -> T:
        with client.part(counter.number, number, part, fields=FIELDS) as rows:
            return act(_renewing(claim, lease, rows.blocks()), HitReader(rows.columns))

    return call_logs(counter.account, call, counter=counter.number)


def _renewing(claim: Claim, lease: Lease, blocks: Iterator[bytes]) -> Iterator[bytes]:
    renewed_at = time.monotonic()
    for block in blocks:
        if time.monotonic() - renewed_at > RENEW_SECONDS:
            lease.prolong()
            claim.renew()
            renewed_at = time.monotonic()
        failpoint("during_log_part")
        yield block


def _store(request_id: int, part: int, hits: Sequence[tuple[int, Hit]]) -> None:
    if not hits:
        return
    names = ("uploading_id", "moment", "client_id", "visit_id", "talk", "hold")
    values: dict[str, Any] = {name: [getattr(hit, name) for _line, hit in hits] for name in names}
    goals = [f"{{{','.join(map(str, hit.goals))}}}" for _line, hit in hits]
    key: dict[str, Any] = {
        "request": request_id,
        "part": part,
        "lines": [line for line, _hit in hits],
    }
    with connection.cursor() as cursor:
        cursor.execute(_STORE, {**key, **values, "goals": goals})


def _visits_of(request_id: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, [request_id])
        return [visit for (visit,) in cursor.fetchall()]


def _record_beginnings(request_id: int, beginnings: dict[str, datetime]) -> None:
    if not beginnings:
        return
    values: dict[str, Any] = {
        "request": request_id,
        "visits": list(beginnings),
        "moments": list(beginnings.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNINGS, values)


def _utc(moment: bytes, zone: ZoneInfo) -> datetime:
    local = datetime.fromisoformat(moment.decode().replace("T", " "))
    return local.replace(tzinfo=zone).astimezone(timezone.get_default_timezone())
