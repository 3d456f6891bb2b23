"""Writes the CSV of an upload by COPY, one piece of its rows after the other.

Columns and formats: https://yandex.com/dev/metrika/en/management/calls (channel `calls`) and
https://yandex.com/dev/metrika/en/management/offline-conv (channel `goal`). COPY quotes by RFC 4180
and writes "" for an empty text; nullif makes it an empty cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from calls.call_key import call_key_of_many_sql
from calls.decision.csv_formats import fits_sql
from calls.decision.value_rules import ValueRule, first_match, parameters
from calls.delivery.file_store import ROWS_PER_PIECE, Piece
from calls.models import Delivery
from calls.phones import MASKABLE_DIGITS
from calls.states import Channel, IdKind
from counters.models import Counter

_IDENTIFIER = {
    IdKind.CLIENT_ID: "c.client_id",
    IdKind.YCLID: "c.yclid",
    IdKind.USER_ID: "c.user_id",
}
# Metrika links static calls to no visit, so their identifier stays empty.
_STATIC_IDENTIFIER = "NULL"

# Settings of the counter are values, not columns of a join: the planner then leaves out what they
# do not ask for, and no row looks up the counter again.
_SETTINGS = (
    "price",
    "currency",
    "value_rules",
    "phone_mode",
    "tag_mode",
    "manual_tag_callback",
    "manual_tag_incoming",
    "goal__identifier",
    "callback_goal__identifier",
)

# Truncated to the second, not rounded: a call must not start later than it did.
_DATE_TIME = "floor(extract(epoch FROM c.started_at))::bigint"
_PRICE = "%(price)s::numeric"
# An optional cell that Metrika could not parse stays empty: it must not cost the whole call.
_CURRENCY = f"""CASE WHEN {_PRICE} IS NOT NULL AND {fits_sql("Currency", "%(currency)s::text")}
    THEN %(currency)s::text END"""
#: Prefix of the parameters of value rules.
_VALUE = "value"
_RULE_CURRENCY = f"""CASE WHEN {fits_sql("Currency", "%(currency)s::text")}
    THEN %(currency)s::text END"""
# The first digit and the last four stay; a number too short to mask the rest is not sent at all.
_PHONE = f"""CASE WHEN NOT {fits_sql("PhoneNumber", "c.phone")} THEN NULL
    WHEN %(phone_mode)s::text = 'full' THEN c.phone
    WHEN %(phone_mode)s::text = 'masked' AND length(c.phone) > {MASKABLE_DIGITS} THEN
        overlay(c.phone PLACING repeat('*', length(c.phone) - 6)
                FROM 3 FOR length(c.phone) - 6) END"""
_TAG = """nullif(CASE %(tag_mode)s::text
    WHEN 'calls' THEN array_to_string(c.tags, ', ')
    WHEN 'manual' THEN CASE WHEN c.kind = 'callback' THEN %(manual_tag_callback)s::text
                            ELSE %(manual_tag_incoming)s::text END
    ELSE '' END, '')"""

_CALL_COLUMNS: tuple[tuple[str, str], ...] = (
    ("DateTime", _DATE_TIME),
    # By the decision, not by the kind of the call: a row must agree with its file.
    ("StaticCall", "%(is_static)s::int"),
    ("Price", _PRICE),
    ("Currency", _CURRENCY),
    ("PhoneNumber", _PHONE),
    ("TalkDuration", "c.duration_seconds"),
    # Empty when unknown: a zero would lower Metrika's averages.
    ("HoldDuration", "c.hold_seconds"),
    ("CallMissed", "CASE WHEN c.status <> '' THEN (c.status = 'fail')::int END"),
    ("Tag", _TAG),
    ("FirstTimeCaller", "c.is_unique::int"),
    ("URL", "nullif(c.page_url, '')"),
    # Not the primary key: a restored database gives that to another call.
    ("CallTrackerURL", f"%(call_page)s || {call_key_of_many_sql('c')}"),
)
_GOAL_COLUMNS: tuple[tuple[str, str], ...] = (
    (
        "Target",
        f"CASE WHEN c.kind = '{Counter.CallKind.CALLBACK}' AND %(goal__identifier)s IS NOT NULL"
        " THEN coalesce(%(callback_goal__identifier)s::text, %(goal__identifier)s::text)"
        " ELSE %(goal__identifier)s::text END",
    ),
    ("DateTime", _DATE_TIME),
    ("Price", _PRICE),
    ("Currency", _CURRENCY),
)


# Every row is found by its key: to join by hash, as the planner would, all calls of a month are
# read, however few are in the file. Workers for a piece take longer to start than the piece.
# It lasts until the transaction ends.
JOIN_BY_KEY = """
SELECT set_config('enable_nestloop', 'on', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('work_mem', '32MB', true)
"""
# The calls of a piece are found by an array of their ids, in one walk through the index, and then
# joined by hash: the planner takes any array for ten values, and would compare each row with each.
_JOIN_FOUND = """
SELECT set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true)
"""


_CALL_ID = ("call", "d.call_id")


def columns_of(channel: Channel, id_kind: IdKind, *, is_static: bool) -> list[tuple[str, str]]:
    """Return (column, SQL) in file order; the identifier comes first."""
    identifier = _STATIC_IDENTIFIER if is_static else f"nullif({_IDENTIFIER[id_kind]}, '')"
    rest = _CALL_COLUMNS if channel is Channel.CALLS else _GOAL_COLUMNS
    return [(id_kind.label, identifier), *rest]


def valued_columns(
    columns: Sequence[tuple[str, str]], rules: Sequence[ValueRule]
) -> list[tuple[str, str]]:
    """Return the columns with the price and the currency by value rules, where one matches."""

    def price(place: int) -> str:
        return f"%({_VALUE}{place}_price)s::numeric"

    def currency(place: int) -> str:
        return _RULE_CURRENCY.replace("%(currency)s", f"%({_VALUE}{place}_currency)s")

    by_rules = {
        "Price": first_match(rules, price, _VALUE, otherwise=_PRICE),
        "Currency": first_match(rules, currency, _VALUE, otherwise=_CURRENCY),
    }
    return [(name, by_rules.get(name, sql)) for name, sql in columns]


_ROWS_OF_PIECE = """d.upload_id = %(upload)s AND d.row_number BETWEEN %(first)s AND %(last)s
AND d.counter_id = %(counter)s AND d.partition_at BETWEEN %(from)s AND %(to)s"""
_PIECE = f"""{_ROWS_OF_PIECE}
AND c.id = ANY (ARRAY (SELECT d.call_id FROM calls_delivery d WHERE {_ROWS_OF_PIECE}))
AND c.partition_at BETWEEN %(from)s AND %(to)s ORDER BY d.row_number"""


def write_pieces(
    upload_id: int,
    rows: int,
    *,
    counter_id: int,
    partitions: tuple[datetime, datetime],
    channel: Channel,
    id_kind: IdKind,
    is_static: bool,
) -> Iterator[Piece]:
    """Yield the CSV of the ``rows`` attached to the upload, in row order, with a header.

    ``partitions``: the first and the last ``partition_at`` of these rows. Other months are then
    left out when a piece is planned, which would else take as long as writing it. Runs in a
    transaction that holds the counter's lock; its joins are by key after the last piece.
    """
    _set(JOIN_BY_KEY)
    _set(_JOIN_FOUND)
    key = {"upload": upload_id, "counter": counter_id, "from": partitions[0], "to": partitions[1]}
    key |= _settings_of(counter_id)
    for first in range(1, rows + 1, ROWS_PER_PIECE):
        last = min(first + ROWS_PER_PIECE - 1, rows)
        body, written = _copy(
            channel,
            id_kind,
            _PIECE,
            key | {"first": first, "last": last},
            is_static=is_static,
            has_header=first == 1,
        )
        if written != last - first + 1:
            raise RuntimeError(f"upload {upload_id} has {written} rows of {first} to {last}")
        yield first, body
    _set(JOIN_BY_KEY)


def write_row(delivery: Delivery, *, channel: Channel, id_kind: IdKind, is_static: bool) -> bytes:
    """Return the CSV of a single delivery, whether or not it is in an upload, with a header."""
    where = (
        "d.call_id = %(call)s AND d.partition_at = %(month)s"
        " AND d.counter_id = %(counter)s AND d.channel = %(channel)s"
    )
    key = {
        "call": delivery.call_id,
        "month": delivery.partition_at,
        "counter": delivery.counter_id,
        "channel": delivery.channel,
    }
    key |= _settings_of(delivery.counter_id)
    body, _rows = _copy(channel, id_kind, where, key, is_static=is_static)
    return body


def rows_of_calls(
    call_ids: Sequence[int],
    *,
    counter_id: int,
    channel: Channel,
    id_kind: IdKind,
    is_static: bool,
) -> dict[int, dict[str, str]]:
    """Return {call id: {column: cell}} of the deliveries of these calls, as a file would have them.

    For a few calls, in two statements.
    """
    where = (
        "d.call_id = ANY (%(calls)s) AND d.counter_id = %(counter)s AND d.channel = %(channel)s"
        " ORDER BY d.call_id"
    )
    key = {"calls": list(call_ids), "counter": counter_id, "channel": channel}
    body, _rows = _copy(
        channel,
        id_kind,
        where,
        key | _settings_of(counter_id),
        is_static=is_static,
        before=(_CALL_ID,),
    )
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return {int(row.pop(_CALL_ID[0])): row for row in rows}


def _set(options: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(options)


def _settings_of(counter_id: int) -> dict[str, Any]:
    chosen: dict[str, Any] = Counter.objects.values(*_SETTINGS).get(pk=counter_id)
    return chosen | parameters(chosen["value_rules"], _VALUE)


def _copy(
    channel: Channel,
    id_kind: IdKind,
    where: str,
    key: dict[str, Any],
    *,
    is_static: bool,
    has_header: bool = True,
    before: Sequence[tuple[str, str]] = (),
) -> tuple[bytes, int]:
    """Return the CSV and the number of its rows; ``before`` are columns in front of the file's."""
    own = columns_of(channel, id_kind, is_static=is_static)
    columns = [*before, *valued_columns(own, key.pop("value_rules"))]
    query = _select(columns, where, key, is_static=is_static)
    buffer = io.BytesIO()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(
            f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER {has_header}, ENCODING 'UTF8')",
            buffer,
        )
        return buffer.getvalue(), cursor.rowcount


def _select(
    columns: Sequence[tuple[str, str]], where: str, key: dict[str, Any], *, is_static: bool
) -> str:
    """Return the query of the rows, with its values; ``key`` has those of `_settings_of`."""
    selected = ", ".join(f'{sql} AS "{name}"' for name, sql in columns)
    page = f"{settings.PUBLIC_URL}/lk/integrations/calls/"
    with connection.cursor() as cursor:
        query: bytes = cursor.mogrify(
            f"SELECT {selected} FROM calls_delivery d"
            " JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at"
            f" WHERE {where}",
            key | {"call_page": page, "is_static": is_static},
        )
    return query.decode()
