"""Keeps the trouble of one item from stopping the work on all the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseTrouble


@contextmanager
def isolated_errors(logger: logging.Logger, item: str, number: object) -> Iterator[None]:
    """Log what went wrong with one item and go on to the next.

    Trouble with the database is not contained: it concerns every item alike. The end of the
    task's time is not either, nor is a death of the process: nothing may be begun after them.
    """
    try:
        yield
    except (DatabaseTrouble, SoftTimeLimitExceeded):
        raise
    except Exception:
        logger.exception("%s is passed over", item % number)
