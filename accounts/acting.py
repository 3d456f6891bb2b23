"""Who changes people, groups and rights, and how: the context that the audit trail records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def _nobody() -> User | None:
    return None


@dataclass(frozen=True)
class Acting:
    """``how`` is the name of a view, or a command; ``user`` returns who is signed in."""

    how: str
    user: Callable[[], User | None] = _nobody


_current: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(how: str, user: Callable[[], User | None] = _nobody) -> Iterator[None]:
    """Record changes that are made inside as made by this person, in this way."""
    before = _current.set(Acting(how, user))
    try:
        yield
    finally:
        _current.reset(before)


def current() -> Acting | None:
    """Return the context; None in code that is neither a request nor a command."""
    return _current.get()
