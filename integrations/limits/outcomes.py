"""Counts how requests to Metrika end, by minute and login: what `outages` looks at."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)

_COUNT = """
INSERT INTO integrations_requestoutcome AS o (minute, yandex_uid, outcome, requests)
VALUES (%s, %s, %s, 1)
ON CONFLICT (minute, yandex_uid, outcome) DO UPDATE SET requests = o.requests + 1"""


def record(yandex_uid: str, error: YandexError | None) -> None:
    """Count one answered or failed request. Never raises: the answer must not be lost for it."""
    minute = timezone.now().replace(second=0, microsecond=0)
    outcome = type(error).__name__ if error else ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_COUNT, [minute, yandex_uid, outcome])
    except DatabaseError as problem:
        logger.warning("an outcome is not counted: %s", type(problem).__name__)
