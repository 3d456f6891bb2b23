"""Where the rows of an upload are that Metrika refused as a whole and that was split."""

from __future__ import annotations

from django.db import connection

from calls.decision.reasons import REFUSED_BY_CHECK
from calls.states import TAKEN_UPLOADS, Attention, DeliveryState, UploadState, sql_list

TAKEN, REFUSED, RETURNED = "taken", "refused", "returned"
STUCK, CANCELLED, OPEN = "stuck", "cancelled", "open"

# Rows of an upload that are in none of its parts, by what became of the upload (upload_parts).
_PLACES = f"""
WITH RECURSIVE tree AS (
    SELECT id, rows, state, attention FROM calls_upload WHERE id = %(upload)s
    UNION ALL
    SELECT u.id, u.rows, u.state, u.attention FROM calls_upload u JOIN tree t ON u.parent_id = t.id
)
SELECT CASE
         WHEN state IN {sql_list(TAKEN_UPLOADS)} THEN '{TAKEN}'
         WHEN state = '{UploadState.NEEDS_ATTENTION.value}' THEN '{STUCK}'
         WHEN state <> '{UploadState.CANCELLED.value}' THEN '{OPEN}'
         WHEN attention = '{Attention.ROW_REFUSED.value}' THEN '{REFUSED}'
         WHEN attention IN ('{Attention.SPLIT.value}', '{Attention.TOO_LARGE.value}')
           THEN '{RETURNED}'
         ELSE '{CANCELLED}' END,
       sum(rows - coalesce((SELECT sum(p.rows) FROM calls_upload p WHERE p.parent_id = tree.id),
                           0))::bigint,
       sum((SELECT count(*) FROM calls_delivery d WHERE d.upload_id = tree.id
              AND d.state = {DeliveryState.ROW_REFUSED}
              AND d.reason = '{REFUSED_BY_CHECK.code}'))::bigint
FROM tree GROUP BY 1"""


def places_of_rows(upload_id: int) -> dict[str, int]:
    """Return how many rows of the upload are in each place, without zeros; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, {"upload": upload_id})
        found = cursor.fetchall()
    places = {place: rows - checked for place, rows, checked in found}
    places[REFUSED] = places.get(REFUSED, 0) + sum(checked for *_row, checked in found)
    return {place: rows for place, rows in places.items() if rows > 0}
