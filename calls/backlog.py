"""How much work is due, and since when: what operations watch."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Count

from calls.models import Upload
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from integrations.models import YandexAccount

# Only what could be worked on now: a counter that is off or an account to be reconnected waits
# for a person, and is shown to that person instead.
_OLDEST = f"""
SELECT least(
    (SELECT min(d.not_before) FROM calls_delivery d
     JOIN counters_counter k ON k.id = d.counter_id
     JOIN integrations_yandexaccount a ON a.id = k.account_id
     LEFT JOIN counters_goal g ON g.id = k.goal_id
     WHERE d.state = {DeliveryState.WAITING} AND d.not_before <= %(now)s AND d.expires_at > %(now)s
       AND (d.channel = 1 OR (g.id IS NOT NULL AND g.deleted_at IS NULL))
       AND k.enabled AND k.removed_at IS NULL AND k.access = %(ok)s AND a.state = ANY (%(usable)s)),
    (SELECT min(u.not_before) FROM calls_upload u
     JOIN counters_counter k ON k.id = u.counter_id
     JOIN integrations_yandexaccount a ON a.id = k.account_id
     WHERE u.state IN ('ready', 'later') AND u.not_before <= %(now)s
       AND k.enabled AND k.removed_at IS NULL AND k.access = %(ok)s AND a.state = ANY (%(usable)s)))
"""


def oldest_due(now: datetime) -> datetime | None:
    """Return since when the oldest piece of work has been due; None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OLDEST,
            {"now": now, "ok": Counter.Access.OK, "usable": list(YandexAccount.USABLE)},
        )
        found: datetime | None = cursor.fetchone()[0]
        return found


def uploads_by_state() -> dict[str, int]:
    """Return how many uploads are in each state; states without any are there with 0."""
    counted = dict(Upload.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in UploadState.values}
