"""Compares the rows of the sandbox with the ledger, call by call.

Sums over files would miss a call that is in two of them, so every row is matched to its call: by
the address of the call's page in the channel of calls, by visitor and second in the channel of the
goal. The rows go through a temporary table, so that neither side has to fit into memory.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from cabinets.models import Cabinet
from calls.call_key import call_key_sql
from calls.states import TAKEN_UPLOADS, Channel, DeliveryState, IdKind
from devtools.soak.sandbox_api import HeldRow

CHANNELS = {"calls": Channel.CALLS, "goal": Channel.GOAL}
#: The address ends in the key of the call; other tools may write other addresses.
CALL_PAGE = re.compile(r".*/lk/integrations/calls/([0-9a-f]{32})")


@dataclass(frozen=True)
class Verification:
    """The result for one cabinet."""

    #: Calls, per counter and channel, whose upload was accepted; resends count separately.
    attached: int
    #: Rows in the sandbox of these calls or in files of the cabinet.
    held: int
    #: Rows of a call beyond its one and its resends; rows recorded as accepted that are absent.
    doubles: int
    losses: int
    #: Calls with the same visitor and second as another: a double among these would hide a loss.
    alike: int


_TABLE = """
CREATE TEMPORARY TABLE soak_held (
    counter bigint NOT NULL, channel smallint NOT NULL, identity text, marker text NOT NULL)
"""
_COPY = "COPY soak_held FROM STDIN WITH (FORMAT csv)"
_VISITOR = f"""CASE d.id_kind WHEN {IdKind.CLIENT_ID} THEN c.client_id
    WHEN {IdKind.YCLID} THEN c.yclid WHEN {IdKind.USER_ID} THEN c.user_id END"""
_IDENTITY = f"""CASE d.channel WHEN {Channel.CALLS} THEN {call_key_sql("c")}
    ELSE {_VISITOR} || ' ' || floor(extract(epoch FROM c.started_at))::bigint END"""

# A resend is not a row of the ledger: it allows one row more and has its own upload.
_COMPARE = f"""
WITH owned AS (
    SELECT d.call_id, d.channel, k.number AS counter, {_IDENTITY} AS identity, d.counter_id,
           coalesce(d.state = {DeliveryState.BATCHED} AND u.state = ANY (%(taken)s), false)::int
               AS due
    FROM calls_delivery d
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    JOIN counters_counter k ON k.id = d.counter_id
    LEFT JOIN calls_upload u ON u.id = d.upload_id
    WHERE d.cabinet_id = %(cabinet)s
), allowances AS (
    SELECT counter, channel, identity, call_id, 1 AS own, due FROM owned
    UNION ALL
    SELECT owned.counter, owned.channel, owned.identity, owned.call_id, 0,
           (u.state = ANY (%(taken)s))::int
    FROM calls_resend r
    JOIN owned ON (owned.call_id, owned.counter_id, owned.channel)
        = (r.call_id, r.counter_id, r.channel)
    JOIN calls_upload u ON u.id = r.upload_id
), said AS (
    SELECT counter, channel, identity, count(*) AS allowed, sum(due) AS due, sum(own) AS calls
    FROM allowances GROUP BY counter, channel, identity
), there AS (
    SELECT h.counter, h.channel, h.identity, count(*) AS found, count(u.id) AS marked
    FROM soak_held h
    LEFT JOIN calls_upload u ON u.marker = h.marker AND u.cabinet_id = %(cabinet)s
    GROUP BY h.counter, h.channel, h.identity
)
SELECT coalesce(sum(due), 0),
       coalesce(sum(CASE WHEN allowed IS NULL THEN marked ELSE found END), 0),
       coalesce(sum(greatest(found - allowed, 0)), 0),
       coalesce(sum(greatest(due - coalesce(found, 0), 0)), 0),
       coalesce(sum(calls) FILTER (WHERE calls > 1 AND (due > 0 OR found > 0)), 0)
FROM said FULL JOIN there USING (counter, channel, identity)
"""


def verify(cabinet: Cabinet, held: Iterable[list[HeldRow]]) -> Verification:
    """Compare one cabinet with all rows of the sandbox, which come in pages."""
    with connection.cursor() as cursor:
        # Left over if an earlier comparison failed in this session.
        cursor.execute("DROP TABLE IF EXISTS pg_temp.soak_held")
        cursor.execute(_TABLE)
        for page in held:
            cursor.copy_expert(_COPY, _as_csv(page))
        cursor.execute("ANALYZE soak_held")
        cursor.execute(_COMPARE, {"cabinet": cabinet.pk, "taken": list(TAKEN_UPLOADS)})
        verified = Verification(*map(int, cursor.fetchone()))
        cursor.execute("DROP TABLE soak_held")
    return verified


def _as_csv(page: list[HeldRow]) -> io.StringIO:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows(
        (row.counter, CHANNELS[row.channel].value, _identity(row), row.marker) for row in page
    )
    text.seek(0)
    return text


def _identity(row: HeldRow) -> str:
    """Return the value of `_IDENTITY` for the row's call; empty (NULL in SQL) if it names none."""
    if CHANNELS[row.channel] is Channel.GOAL:
        return f"{row.visitor} {row.moment}" if row.visitor else ""
    found = CALL_PAGE.fullmatch(row.call_page)
    return found[1] if found else ""
