"""Keeps the trouble of one item from stopping the work on all the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseTrouble


@contextmanager
def contained(logger: logging.Logger, item: str, number: object) -> Iterator[None]:
    """Log what went wrong with one item and go on to the next.

    Trouble with the database is not contained: it concerns every item alike. A death of the
    process passes through as well.
    """
    try:
        yield
    except DatabaseTrouble:
        raise
    except Exception:
        logger.exception("%s is passed over", item % number)
