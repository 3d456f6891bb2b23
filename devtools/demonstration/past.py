"""Sets the sandbox's clock back, so that Metrika takes each file of the history on its day.

Otherwise a file of weeks ago would be processed today, with calls that are too old to be linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.utils import timezone

TIMEOUT_SECONDS = 10
#: The product corrects its own clock by a difference of up to a day (`limits.clock_skew`).
LEAST = timedelta(hours=25)


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """Run the block with the sandbox's clock at ``moment``, at the real time if that is recent."""
    back = timezone.now() - moment
    if back < LEAST:
        yield
        return
    _advance(-back)
    try:
        yield
    finally:
        _advance(back)


def _advance(time: timedelta) -> None:
    answer = requests.post(
        f"{settings.METRIKA_API_URL}/_sandbox/clock",
        json={"advance_seconds": time.total_seconds()},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
