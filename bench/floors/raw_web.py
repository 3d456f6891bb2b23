"""A signed call, stored by one statement of psycopg2: the floor of a durable answer.

The columns and their values come from rows that the product stored for such a call; ids differ.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import django
import psycopg2

# The class of the web server's workers reads the product's models before it calls an application.
django.setup()

#: The environment variable with the file of what to store, as `template` makes it.
TEMPLATE = "BENCH_TEMPLATE"
#: Tables in the order in which they are written, and which of their columns take new values.
TABLES: dict[str, dict[str, str]] = {
    "calls_callkey": {"id": "id", "external_id": "external_id"},
    "calls_call": {"id": "id", "external_id": "external_id"},
    "calls_delivery": {"call_id": "id"},
    "calls_intake": {},
    "calls_ingestreceipt": {"webhook_id": "webhook_id"},
}
_numbers = itertools.count(10**12 + os.getpid() * 10**7)
_thread = threading.local()


def template(rows: dict[str, list[dict[str, tuple[str, str | None]]]], secret: str) -> str:
    """Return the file for TEMPLATE. ``rows``: table → rows → column → its type and text."""
    parts: list[str] = []
    values: dict[str, str | None] = {}
    for table, changed in TABLES.items():
        for place, row in enumerate(rows[table]):
            names = [changed.get(one, f"{table}_{place}_{one}") for one in row]
            casts = [f"%({name})s::{row[one][0]}" for name, one in zip(names, row, strict=True)]
            values |= {f"{table}_{place}_{one}": text for one, (_type, text) in row.items()}
            parts.append(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(casts)})")
    first = ", ".join(f"w{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    return json.dumps({"secret": secret, "sql": f"WITH {first} {parts[-1]}", "values": values})


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Check the signature, read the JSON, store the rows, commit, answer."""
    stored = _stored()
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    webhook_id, given = environ["HTTP_WEBHOOK_ID"], environ["HTTP_WEBHOOK_SIGNATURE"]
    signed = f"{webhook_id}.{environ['HTTP_WEBHOOK_TIMESTAMP']}.".encode() + body
    key = base64.b64decode(stored["secret"].removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(f"v1,{digest}", given):
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return [b""]
    record = json.loads(body)
    number = next(_numbers)
    new = {"id": number, "external_id": record["universalId"], "webhook_id": webhook_id}
    with _connection().cursor() as cursor:
        cursor.execute(stored["sql"], stored["values"] | new)
    answer = json.dumps({"call_id": number}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("202 Accepted", headers)
    return [answer]


@cache
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(Path(os.environ[TEMPLATE]).read_text(encoding="utf-8"))
    return stored


def _connection() -> Any:
    if not hasattr(_thread, "connection"):
        _thread.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        _thread.connection.autocommit = True
    return _thread.connection
