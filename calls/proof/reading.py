"""Reads parts of prepared logs: once for the rows under our uploadings, once for their visits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from calls.models import LogHit, Upload
from calls.models.reports import zone_of
from calls.proof import beginnings
from calls.proof.claims import Claim
from calls.proof.fields import FIELDS, Hit, HitReader
from calls.proof.matching import ZONE_SHIFT
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
    with transaction.atomic():
        claim.hold()
        LogHit.objects.filter(request=request, part=part).delete()

    def store(blocks: Iterator[bytes], reader: HitReader) -> int:
        place, lines, waiting = 0, 0, list[tuple[int, Hit]]()
        for block in blocks:
            for start, hit in reader.uploaded(block, known):
                waiting.append((place + start, hit))
                if len(waiting) >= BATCH:
                    _store(claim, part, waiting)
                    waiting.clear()
            place += len(block)
            lines += block.count(b"\n")
        _store(claim, part, waiting)
        return lines

    return _read(claim, part, store)


def read_visits(claim: Claim, part: int) -> None:
    """Find in a part when the visits began that our rows are linked to. Raises claims.Lost."""
    zone = ZoneInfo(zone_of(claim.request.counter))
    shift = timedelta(seconds=claim.request.result.get(ZONE_SHIFT, 0))

    def utc(moment: datetime) -> datetime:
        return (moment - shift).replace(tzinfo=zone).astimezone(timezone.get_default_timezone())

    wanted = beginnings.wanted_after(claim.request.pk, -1)
    while wanted:
        _read(claim, part, wanted.see_all)
        beginnings.record(claim, wanted, utc)
        wanted = beginnings.wanted_after(claim.request.pk, wanted.last)


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


def _store(claim: Claim, part: int, hits: Sequence[tuple[int, Hit]]) -> None:
    """Store the hits, unless another worker has the request by now. Raises Lost."""
    if not hits:
        return
    names = ("uploading_id", "moment", "client_id", "visit_id", "talk", "hold")
    values: dict[str, Any] = {name: [getattr(hit, name) for _line, hit in hits] for name in names}
    goals = [f"{{{','.join(map(str, hit.goals))}}}" for _line, hit in hits]
    key: dict[str, Any] = {
        "request": claim.request.pk,
        "part": part,
        "lines": [line for line, _hit in hits],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        claim.hold()
        cursor.execute(_STORE, {**key, **values, "goals": goals})
