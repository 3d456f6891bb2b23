"""The order in which uploads leave: fair between counters, and today before what is left over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from counters.models import Counter
from integrations.models import YandexAccount

# Fair between counters: the first of each counter, then the second of each, …; among equals the
# calls of today go before what was left over from earlier days.
_DUE = """
SELECT id FROM (
    SELECT u.id, u.newest_call_at,
           row_number() OVER (PARTITION BY u.counter_id ORDER BY u.newest_call_at DESC) AS turn
    FROM calls_upload u
    JOIN counters_counter k ON k.id = u.counter_id
    JOIN integrations_yandexaccount a ON a.id = k.account_id
    WHERE u.state IN ('ready', 'later') AND u.not_before <= %(now)s
      AND k.enabled AND k.removed_at IS NULL AND k.configured_at IS NOT NULL
      AND k.access = %(ok)s AND a.state = ANY (%(usable)s)
      AND a.yandex_uid <> ALL (%(resting)s) AND u.id <> ALL (%(passed_over)s)
) AS queue ORDER BY turn, newest_call_at DESC LIMIT %(most)s
"""


def due(
    now: datetime,
    *,
    most: int = 50,
    resting_logins: Collection[str] = (),
    passed_over: Collection[int] = (),
) -> list[int]:
    """Return the uploads that may be sent now, in the order of fairness.

    Logins known to have no request left, and uploads that made trouble, are passed over: their
    queue would hide the others'.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "now": now,
                "ok": Counter.Access.OK,
                "usable": list(YandexAccount.USABLE),
                "most": most,
                "resting": list(resting_logins),
                "passed_over": list(passed_over),
            },
        )
        return [row[0] for row in cursor.fetchall()]
