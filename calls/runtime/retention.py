"""Drops whole months of calls, deliveries and link proofs that an operator does not keep.

See docs/operations.md, «Dropping old months». The keys of calls stay, so that a record that is sent
again is no new call.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, date, datetime

from django.conf import settings
from django.db import OperationalError, connection, transaction

from calls.runtime.partitions import PARENTS, attached_names

logger = logging.getLogger(__name__)

#: Whole months before this one that are always kept. Metrika links calls of 21 days, and files are
#: compared and taken over for 35: nothing that is older is still to be sent or asked for.
LEAST_KEPT = 3
#: While a drop waits for its locks, everything else on the tables waits behind it.
LOCK_TIMEOUT = "500ms"
# Partitions are months of UTC.
_DELETE_PROOFS = """
DELETE FROM calls_linkproof
WHERE partition_at >= %(month)s::timestamp AT TIME ZONE 'UTC'
  AND partition_at < (%(month)s::date + interval '1 month') AT TIME ZONE 'UTC'
"""
_NAME = re.compile(rf"(?:{'|'.join(PARENTS)})_(\d{{4}})_(\d{{2}})")


def old_months(*, now: datetime, keep: int) -> list[date]:
    """Return the first days of the stored months before the last ``keep`` whole ones, in order.

    Raises ValueError for less than LEAST_KEPT months.
    """
    if keep < LEAST_KEPT:
        raise ValueError(f"at least {LEAST_KEPT} months are kept")
    today = now.astimezone(UTC).date()
    index = today.year * 12 + today.month - 1 - keep
    first_kept = date(index // 12, index % 12 + 1, 1)
    matches = [_NAME.fullmatch(name) for parent in PARENTS for name in attached_names(parent)]
    months = {date(int(one[1]), int(one[2]), 1) for one in matches if one}
    return sorted(month for month in months if month < first_kept)


def drop_old_months(*, now: datetime) -> list[date]:
    """Drop the months before the last KEEP_MONTHS whole ones; return those that were dropped.

    Nothing with 0, the default. A month that is in use is left whole until the next run.
    """
    if not settings.KEEP_MONTHS:
        return []
    months = old_months(now=now, keep=settings.KEEP_MONTHS)
    return [month for month in months if _try_to_drop(month)]


def _try_to_drop(month: date) -> bool:
    try:
        drop_month(month)
    except OperationalError:
        logger.warning("the month %s is in use: it is dropped by the next run", f"{month:%Y-%m}")
        return False
    return True


def drop_month(month: date) -> None:
    """Drop both tables of the month, or none; the locks are held until the commit.

    Safe beside the product, and again after it was killed. Raises OperationalError when the locks
    are not free within LOCK_TIMEOUT: only the link proofs of the month are gone then.
    """
    _delete_proofs(month)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        cursor.execute("SELECT calls_drop_month(%s)", [month])
    logger.warning("the month %s was dropped with its calls and deliveries", f"{month:%Y-%m}")


def _delete_proofs(month: date) -> None:
    """Delete the link proofs of the month, before its tables: they would be found by no later run.

    Outside the transaction of the drop, whose locks everything else waits for.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_PROOFS, {"month": month})
