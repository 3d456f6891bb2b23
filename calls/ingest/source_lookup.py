"""Finds the source that a request names, its live secrets and the stored answer: one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from cabinets.models import CallSource
from cabinets.sealing import SealedValue
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared

#: What handling a request needs of a source, in the order of the model's fields.
FIELDS = (
    *("id", "cabinet_id", "public_id", "time_zone", "region"),
    *("last_used_at", "last_rejected_at", "last_rejection", "last_warned_at", "last_warning"),
)
LOOKUP = Prepared(
    "find_source",
    f"""
SELECT {AS_BEFORE_SQL}, secret.slot, secret.secret, receipt.body_hash, receipt.answer::text,
       {", ".join(f"source.{name}" for name in FIELDS)}
FROM cabinets_callsource source
JOIN cabinets_signingsecret secret ON secret.source_id = source.id
LEFT JOIN calls_ingestreceipt receipt
     ON receipt.source_id = source.id AND receipt.webhook_id = %(webhook_id)s
WHERE source.public_id = %(public_id)s AND source.is_active
""",
    {"public_id": "text", "webhook_id": "text"},
)


@dataclass(frozen=True)
class StoredAnswer:
    """The answer to an earlier request with the same `webhook-id`, as JSON."""

    body_hash: str
    answer: str


@dataclass(frozen=True)
class Found:
    """An active source with its sealed secrets by slot."""

    source: CallSource
    secrets: dict[int, SealedValue]
    stored: StoredAnswer | None


def find_source(public_id: str, webhook_id: str) -> Found | None:
    """Return the active source with this id; None for another id and without any secret.

    It has the values of `FIELDS` only. It may be the first statement of a request: instead of
    asking whether the kept connection is alive, one that turns out to be lost is replaced.
    """
    parameters = {"public_id": public_id, "webhook_id": webhook_id}
    try:
        _skip_health_check()
        return _found(LOOKUP.read(parameters))
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
    connection.close()
    return _found(LOOKUP.read(parameters))


def _skip_health_check() -> None:
    if connection.connection is not None:
        connection.health_check_done = True  # type: ignore[attr-defined]  # not in the stubs


def _found(rows: list[tuple[Any, ...]]) -> Found | None:
    if not rows:
        return None
    _settings, _slot, _secret, body_hash, answer, *values = rows[0]
    return Found(
        CallSource.from_db(connection.alias, FIELDS, values),
        {slot: SealedValue(secret) for _settings, slot, secret, *_rest in rows},
        None if body_hash is None else StoredAnswer(body_hash, answer),
    )
