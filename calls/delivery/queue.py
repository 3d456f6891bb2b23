"""The order in which uploads are sent: fair between counters, newest calls first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from calls.delivery.look import is_read_sql
from calls.states import TO_SEND, sql_list
from counters.sendable import SENDABLE, as_sql

# Fair between counters: the first of each counter, then the second of each, …; within a turn the
# upload with the newest call first, so that calls of today precede a backlog.
_DUE = f"""
SELECT id FROM (
    SELECT u.id, u.newest_call_at,
           row_number() OVER (PARTITION BY u.counter_id ORDER BY u.newest_call_at DESC) AS turn
    FROM calls_upload u
    JOIN counters_counter k ON k.id = u.counter_id
    JOIN integrations_yandexaccount a ON a.id = k.account_id
    WHERE u.state IN {sql_list(TO_SEND)} AND u.not_before <= %(now)s
      AND {as_sql(SENDABLE)} AND {is_read_sql("u.counter_id", "u.channel")}
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
    """Return the ids of up to ``most`` uploads that may be sent now, in the order of sending.

    ``resting_logins`` have no request left, and the uploads ``passed_over`` were tried already:
    they would hide the uploads behind them. Left out are uploads of lists that have to be read
    first: see `calls.delivery.look`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "now": now,
                "most": most,
                "resting": list(resting_logins),
                "passed_over": list(passed_over),
            },
        )
        return [row[0] for row in cursor.fetchall()]
