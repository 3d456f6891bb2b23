"""How long a call waits for others to share its file, so that a login's daily requests last."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from integrations.limits.request_budget import UPLOAD_SHARE

DAY = timedelta(days=1)
#: Until this share of a day's uploads is spent, the delay is UPLOAD_MIN_WAIT_SECONDS.
FREE_SHARE = 0.08
#: This share is spread over the day after that. The rest is for repeated attempts and bisections.
PLANNED_SHARE = 0.87


def max_batch_delay(
    *, streams: int, uploads_today: int, daily_requests: int, day_left: timedelta
) -> timedelta:
    """Return the longest time that a call waits before its file is built.

    ``streams`` share the day of one Yandex login, of which ``day_left`` is left. While few uploads
    are spent: UPLOAD_MIN_WAIT_SECONDS. After that every stream gets an equal share of the day,
    whatever the others do: of the planned uploads, or of what is left when more were spent.
    """
    minimum = timedelta(seconds=settings.UPLOAD_MIN_WAIT_SECONDS)
    allowance = daily_requests * UPLOAD_SHARE
    if uploads_today < allowance * FREE_SHARE:
        return minimum
    planned = DAY * (streams / (allowance * PLANNED_SHARE))
    left = day_left * (streams / max(1, allowance - uploads_today))
    return max(minimum, planned, left)
