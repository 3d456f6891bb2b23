"""Weighs call by call what Metrika holds against the ledger.

Sums over files cannot see a call that went in two of them, so every row is traced to its call: by
the address of the call's page in the channel of calls, by visitor and second in the channel of the
goal. The rows go through a temporary table, so that no side ever has to fit into memory.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from cabinets.models import Cabinet
from calls.states import TAKEN_UPLOADS, Channel, DeliveryState, IdKind
from devtools.soak.sandbox_api import HeldRow

CHANNELS = {"calls": Channel.CALLS, "goal": Channel.GOAL}
#: The number of the call is its key; other tools may write other addresses.
CALL_PAGE = re.compile(r".*/lk/integrations/calls/(\d+)")


@dataclass(frozen=True)
class Weights:
    """What the scales show of one cabinet."""

    #: Calls, per counter and channel, whose file is said to be taken; repeats count for themselves.
    attached: int
    #: Rows the sandbox holds of these calls or in files of the cabinet.
    held: int
    #: Rows of a call above its one and the repeats a person ordered; rows said to be there, absent.
    doubles: int
    losses: int
    #: Calls that share visitor and second with another: a double among these would hide a loss.
    alike: int


_TABLE = """
CREATE TEMPORARY TABLE soak_held (
    counter bigint NOT NULL, channel smallint NOT NULL, identity text, marker text NOT NULL)
"""
_COPY = "COPY soak_held FROM STDIN WITH (FORMAT csv)"
_VISITOR = f"""CASE d.id_kind WHEN {IdKind.CLIENT_ID} THEN c.client_id
    WHEN {IdKind.YCLID} THEN c.yclid WHEN {IdKind.USER_ID} THEN c.user_id END"""
_IDENTITY = f"""CASE d.channel WHEN {Channel.CALLS} THEN c.id::text
    ELSE {_VISITOR} || ' ' || floor(extract(epoch FROM c.started_at))::bigint END"""

# A repeat stands beside the ledger: it allows a row more, and has an upload of its own.
_WEIGH = f"""
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


def weigh(cabinet: Cabinet, held: Iterable[list[HeldRow]]) -> Weights:
    """Weigh one cabinet against all rows of the sandbox, which come in pages."""
    with connection.cursor() as cursor:
        # Left over when an earlier weighing failed half-way in this session.
        cursor.execute("DROP TABLE IF EXISTS pg_temp.soak_held")
        cursor.execute(_TABLE)
        for page in held:
            cursor.copy_expert(_COPY, _as_csv(page))
        cursor.execute("ANALYZE soak_held")
        cursor.execute(_WEIGH, {"cabinet": cabinet.pk, "taken": list(TAKEN_UPLOADS)})
        weights = Weights(*map(int, cursor.fetchone()))
        cursor.execute("DROP TABLE soak_held")
    return weights


def _as_csv(page: list[HeldRow]) -> io.StringIO:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows(
        (row.counter, CHANNELS[row.channel].value, _identity(row), row.marker) for row in page
    )
    text.seek(0)
    return text


def _identity(row: HeldRow) -> str:
    """Return what `_IDENTITY` says of the call; empty, which is NULL there, when none is named."""
    if CHANNELS[row.channel] is Channel.GOAL:
        return f"{row.visitor} {row.moment}" if row.visitor else ""
    found = CALL_PAGE.fullmatch(row.call_page)
    return found[1] if found else ""
