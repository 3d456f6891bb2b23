"""Error isolation: an error of one item does not stop the work on the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError


@contextmanager
def isolated_errors(logger: logging.Logger, item: str, number: object) -> Iterator[None]:
    """Log an exception of the block, and continue after it.

    ``item`` is a format with one place, for ``number``. Errors of the database are raised, because
    they concern every item; so is the end of the task's time, after which nothing may begin.
    """
    try:
        yield
    except (DatabaseError, SoftTimeLimitExceeded):
        raise
    except Exception:
        logger.exception("%s is passed over", item % number)
