"""The answer while the database is unreachable, full or read-only."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError, InternalError
from django.utils.translation import gettext as _

from calls.ingest.errors import ApiError

logger = logging.getLogger(__name__)

#: Retry-After while the database is unavailable: restarts take seconds.
DATABASE_RETRY_SECONDS = 5
READ_ONLY_TRANSACTION = "25006"


def database_unavailable(error: DatabaseError | InterfaceError) -> ApiError:
    """Return a 503 for a database that is unreachable, full or read-only; re-raise our own errors.

    It is also returned after a deadlock: nothing was stored, and the sender repeats the request.
    """
    code = getattr(error.__cause__, "pgcode", None)
    if isinstance(error, InternalError) and code != READ_ONLY_TRANSACTION:
        raise error
    logger.error("ingest refused: %s, SQLSTATE %s", type(error).__name__, code)
    return ApiError(
        503,
        "database_unavailable",
        _("База данных недоступна: повторите запрос."),
        {"Retry-After": DATABASE_RETRY_SECONDS},
    )
