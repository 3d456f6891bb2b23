"""Months of calls of several cabinets, generated inside the database: what pages and ticks read.

Half of the calls are of one cabinet with 30 counters, of which the busiest has a fifth; the others
are of ten small cabinets. Each call has a delivery in each of two channels. A row is a copy of one
that the product stored, so a new column needs no change here. Metrika's logs were read for all
counters: the rows of the last weeks have link proofs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from bench import world
from bench.floors.copies import columns_of
from calls.models import Delivery, Upload
from calls.states import Attention, Channel, DeliveryState, LinkResult, UploadState

COUNTERS, OTHER_CABINETS, COUNTERS_OF_OTHERS = 30, 10, 3
#: The calls are spread over so many days, and each counter has a file a day and channel.
DAYS = 90
#: The newest calls, which wait to be sent.
WAITING = 4000
CONNECTIONS = 2
#: Rows of the last so many days are proved by logs, if their file is processed.
PROVED_DAYS = 28
#: Reasons of skipped calls; of a thousand calls 200 are too short, and 10 have another of these.
REASONS = ("too_short", "status", "technical", "campaign", "uniqueness", "not_finished", "site")

# A call `g` of `n` (1, 2, …) is `age` after the newest. Two calls in turn have the same counter,
# and may be attempts of one callback order; m is a number below 1,000.
_NUMBERED = f"""
    SELECT g, g / 2 AS pair, (g * 7919) %% 1000 AS m,
           {{n}} - g < least({WAITING}, {{n}} / 20) AS is_waiting,
           ({{n}} - g) * interval '{DAYS} days' / {{n}} AS age
    FROM generate_series({{first}}::bigint, {{last}}) g"""
_PLACED = f"""
    SELECT *, (CASE WHEN pair %% 2 = 0 THEN 1
                 ELSE 2 + (pair / 2) %% {OTHER_CABINETS} END)::int AS cabinet,
           (CASE WHEN pair %% 2 = 1
                THEN {COUNTERS} + (pair / 2) %% {OTHER_CABINETS * COUNTERS_OF_OTHERS}
                WHEN (pair / 2) %% 5 = 0 THEN 0
                ELSE 1 + (pair / 2) %% {COUNTERS - 1} END)::int AS counter,
           {DAYS} - 1 - floor(extract(epoch FROM age) / 86400)::int AS day
    FROM ({_NUMBERED}) AS numbered"""
_REASON = f"""CASE WHEN m < 200 THEN 'too_short'
    ELSE (%(reasons)s::text[])[(1 + m %% {len(REASONS)})::int] END"""
_STATE = f"""CASE WHEN is_waiting THEN {DeliveryState.WAITING}
    WHEN m < 210 THEN {DeliveryState.SKIPPED} WHEN m < 215 THEN {DeliveryState.EXPIRED}
    WHEN m = 215 THEN {DeliveryState.ROW_REFUSED} ELSE {DeliveryState.BATCHED} END"""
_IN_FILE = f"({_STATE}) IN ({DeliveryState.BATCHED}, {DeliveryState.ROW_REFUSED})"
_MOVED = {name: f"t.{name} - age" for name in ("partition_at", "started_at", "expires_at")}
_CABINETS = {"cabinet_id": "(%(cabinets)s::bigint[])[cabinet]"}
_EXTERNAL = {"external_id": "'m-' || g"}
_CALLBACK = "pair %% 11 = 3"
_COLUMNS: dict[str, dict[str, str]] = {
    "calls_callkey": {"id": "t.id + g"} | _CABINETS | _EXTERNAL | _MOVED,
    "calls_call": {"id": "t.id + g"}
    | _CABINETS
    | _EXTERNAL
    | _MOVED
    | {
        "source_id": "(%(sources)s::bigint[])[cabinet]",
        "received_at": "t.received_at - age",
        "updated_at": "t.updated_at - age",
        "phone": "'+7900' || lpad((g * 7919 %% 10000000)::text, 7, '0')",
        "kind": f"CASE WHEN {_CALLBACK} THEN 'callback' ELSE t.kind END",
        "order_key": f"CASE WHEN {_CALLBACK} THEN pair END",
        "callback_id": f"CASE WHEN {_CALLBACK} THEN g END",
        "attempt": f"CASE WHEN {_CALLBACK} THEN 1 + g %% 2 END",
    },
    "calls_delivery": {"call_id": "t.call_id + g"}
    | _CABINETS
    | _MOVED
    | {
        "counter_id": "(%(counters)s::bigint[])[1 + p.counter]",
        "channel": "p_channel",
        "state": _STATE,
        "reason": f"CASE ({_STATE}) WHEN {DeliveryState.SKIPPED} THEN {_REASON}"
        f" WHEN {DeliveryState.EXPIRED} THEN 'expired' END",
        "decided_at": "t.decided_at - age",
        "not_before": "t.not_before - age",
        "upload_id": f"CASE WHEN {_IN_FILE}"
        f" THEN %(upload)s + (counter * 2 + p_channel - 1) * {DAYS} + day END",
        "row_number": f"CASE WHEN {_IN_FILE} THEN g END",
        "call_revision": f"CASE WHEN {_IN_FILE} THEN 1 END",
    },
}
# Of the last day most files are on their way; of the others most are processed.
_UPLOAD_STATE = f"""CASE WHEN kind < 0 THEN (ARRAY['{UploadState.SENT}', '{UploadState.SENT}',
        '{UploadState.LATER}', '{UploadState.UNCLEAR}'])[(1 + id %% 4)::int]
    WHEN kind < 84 THEN '{UploadState.PROCESSED}'
    WHEN kind < 96 THEN '{UploadState.LINKAGE_FAILURE}'
    WHEN kind < 98 THEN '{UploadState.NEEDS_ATTENTION}' ELSE '{UploadState.CANCELLED}' END"""
_UPLOADS = f"""
INSERT INTO calls_upload (id, cabinet_id, counter_id, channel, id_kind, is_static, target, state,
    attention, marker, rows, sha256, created_at, oldest_call_at, newest_call_at, not_before,
    attempts, sent_at, lookups, uploading_id, metrika_status, source_quantity, line_quantity,
    linked_quantity, duplicate_ids, accepted_at, polls, next_poll_at, settled_at)
SELECT id, cabinet_id, counter_id, channel, 1, kind BETWEEN 30 AND 39, '', state,
    CASE state WHEN '{UploadState.NEEDS_ATTENTION}' THEN '{Attention.QUARANTINED}'
        WHEN '{UploadState.CANCELLED}' THEN '{Attention.EXPIRED}'
        ELSE CASE WHEN kind = 40 THEN '{Attention.ROW_REFUSED}' ELSE '' END END,
    'ck' || lpad(id::text, 32, '0'), rows, repeat('0', 64), newest, oldest, newest, newest, 1,
    CASE WHEN is_taken THEN newest END, 0, CASE WHEN is_taken THEN id END, '',
    CASE WHEN is_taken THEN rows END, CASE WHEN is_taken THEN rows END,
    CASE WHEN state = '{UploadState.PROCESSED}' THEN rows - (kind %% 3) * (rows / 3) END, '{{}}',
    CASE WHEN is_taken THEN newest END, 0,
    CASE WHEN state = '{UploadState.SENT}' THEN now() + interval '1 hour' END,
    CASE WHEN kind >= 0 THEN newest END
FROM (SELECT *, {_UPLOAD_STATE} AS state,
        ({_UPLOAD_STATE}) IN ('{UploadState.SENT}', '{UploadState.PROCESSED}',
            '{UploadState.LINKAGE_FAILURE}') AS is_taken
    FROM (SELECT upload_id AS id, min(cabinet_id) AS cabinet_id, counter_id, channel,
            count(*) AS rows, min(partition_at) AS oldest, max(partition_at) AS newest,
            CASE WHEN (upload_id - %(upload)s) %% {DAYS} = {DAYS - 1} THEN -1
                ELSE upload_id * 7919 %% 100 END AS kind
        FROM calls_delivery WHERE upload_id IS NOT NULL
        GROUP BY upload_id, counter_id, channel) AS counted) AS made"""
_ATTEMPTS = """
INSERT INTO calls_uploadattempt (upload_id, number, kind, started_at, ended_at, http_status,
    error_class, error_type, excerpt)
SELECT id, 1, 'send', created_at, created_at + interval '1 second', 200, '', '', ''
FROM calls_upload"""
# Of seven rows five are linked, one is without a visit and one is not in Metrika.
_PROOFS = f"""
INSERT INTO calls_linkproof (upload_id, row_number, call_id, partition_at, cabinet_id, counter_id,
    channel, result, visit_id, visit_at, proved_at)
SELECT upload_id, row_number, call_id, partition_at, cabinet_id, counter_id, channel, result,
    CASE WHEN result = {LinkResult.LINKED} THEN call_id::text ELSE '' END,
    CASE WHEN result = {LinkResult.LINKED} THEN partition_at END, now()
FROM (SELECT d.*, CASE WHEN d.row_number % 7 < 5 THEN {LinkResult.LINKED}
            WHEN d.row_number % 7 = 5 THEN {LinkResult.NO_VISIT} ELSE {LinkResult.ABSENT} END
            AS result
    FROM calls_delivery d JOIN calls_upload u ON u.id = d.upload_id
    WHERE u.state IN ('{UploadState.PROCESSED}', '{UploadState.LINKAGE_FAILURE}')
        AND d.state = {DeliveryState.BATCHED}
        AND d.partition_at > now() - interval '{PROVED_DAYS} days') AS proved"""


# Without triggers nothing marked the hours that are to be counted (`calls.summary`).
_MARK_HOURS = """
INSERT INTO calls_summarymark (cabinet_id, hour)
SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM calls_call"""


def generate(calls: int) -> world.World:
    """Store so many calls, in two sessions at once; return the owner of the large cabinet."""
    owner = world.make_world(COUNTERS)
    others = [world.make_world(COUNTERS_OF_OTHERS) for _number in range(OTHER_CABINETS)]
    template = _template(owner)
    worlds = [owner, *others]
    values = {
        "cabinets": [one.cabinet.pk for one in worlds],
        "sources": [one.source.pk for one in worlds],
        "counters": [counter.pk for one in worlds for counter in one.counters],
        "upload": 1 + (Upload.objects.order_by("-pk").values_list("pk", flat=True).first() or 0),
        "reasons": list(REASONS),
    }
    halves = (
        _PLACED.format(n=calls, first=1, last=calls // 2),
        _PLACED.format(n=calls, first=calls // 2 + 1, last=calls),
    )
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        # The largest first.
        jobs = [
            pool.submit(_insert, _statement(table, template, numbers), values)
            for table in reversed(_COLUMNS)
            for numbers in halves
        ]
        for job in jobs:
            job.result()
    _finish(template, values)
    return owner


def _template(owner: world.World) -> int:
    """Store a call through the API; return its id."""
    record = world.records(1, prefix="month", incoming_only=True)[0]
    record |= {"yaClid": "1718031415926530000", "callType": "Динамический коллтрекинг"}
    record |= {"status": "success", "statusFirst": 200, "statusSecond": 200}
    return int(owner.post(world.bodies([record])[0])["results"][0]["call_id"])


def _insert(statement: str, values: dict[str, object]) -> None:
    try:
        # Without the checks of foreign keys, row by row: all rows are stored at once.
        world.execute("SET session_replication_role = replica")
        world.execute(statement, values)
    finally:
        connection.close()


def _statement(table: str, template: int, numbers: str) -> str:
    without = "id" if table == Delivery._meta.db_table else ""
    columns = [column for column in columns_of(table) if column != without]
    chosen = [_COLUMNS[table].get(column, f"t.{column}") for column in columns]
    key, channels = "id", ""
    if table == Delivery._meta.db_table:
        key, channels = "call_id", f", unnest(ARRAY[{Channel.CALLS:d}, {Channel.GOAL:d}]) p_channel"
    source = f"(SELECT * FROM {table} WHERE {key} = {template} LIMIT 1) t, ({numbers}) p{channels}"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(chosen)} FROM {source}"


def _finish(template: int, values: dict[str, object]) -> None:
    """Make the uploads of the deliveries, forget the call that was copied, collect statistics."""
    world.execute(_UPLOADS, values)
    world.execute(_ATTEMPTS)
    world.execute(_PROOFS)
    for table, key in (("delivery", "call_id"), ("call", "id"), ("callkey", "id")):
        world.execute(f"DELETE FROM calls_{table} WHERE {key} = {template}")
    world.execute(_MARK_HOURS)
    for table in ("callkey", "upload"):
        name = f"calls_{table}"
        world.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(_vacuum, table) for table in reversed(_COLUMNS)]:
            done.result()
    world.analyze()


def _vacuum(table: str) -> None:
    """Do what autovacuum does within minutes; until then index-only scans read the table."""
    try:
        world.execute(f"VACUUM (ANALYZE) {table}")
    finally:
        connection.close()
