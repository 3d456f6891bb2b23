"""Seals secrets at rest: authenticated encryption with keys that live outside the database."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

SEAL_PREFIX = "v1:"


class UnsealFailed(Exception):
    """No key opens the value. Raised rather than handing on what would look like a secret."""


def _box() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in settings.SEALING_KEYS])
    except ValueError as problem:
        raise ImproperlyConfigured(
            "SEALING_KEYS must be url-safe base64 of 32 bytes each; see .env.example."
        ) from problem


def seal(plain: str) -> str:
    """Return the text sealed with the first key; an empty text stays empty."""
    if not plain:
        return ""
    return SEAL_PREFIX + _box().encrypt(plain.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text again, whichever live key sealed it. Raises UnsealFailed."""
    if not sealed:
        return ""
    if not sealed.startswith(SEAL_PREFIX):
        raise UnsealFailed("the stored value is not sealed")
    try:
        return _box().decrypt(sealed.removeprefix(SEAL_PREFIX).encode()).decode()
    except InvalidToken:
        raise UnsealFailed("no key in SEALING_KEYS opens the stored value") from None


def reseal(sealed: str) -> str:
    """Return the same text sealed with the first key (key rotation)."""
    if not sealed:
        return ""
    unseal(sealed)
    rotated = _box().rotate(sealed.removeprefix(SEAL_PREFIX).encode())
    return SEAL_PREFIX + rotated.decode()


def is_sealed_with_first_key(sealed: str) -> bool:
    """Whether the value would survive the removal of every key but the first."""
    first = Fernet(settings.SEALING_KEYS[0])
    try:
        first.decrypt(sealed.removeprefix(SEAL_PREFIX).encode())
    except InvalidToken:
        return False
    return True


class Sealed(str):
    """A secret in memory: a string whose repr says nothing, so that tracebacks stay clean."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[скрыто]'"


class SealedTextField(models.TextField):
    """A text column that holds only sealed text; the attribute is the plain secret.

    A filter can ask for emptiness only: the same secret is sealed differently every time.
    """

    def get_prep_value(self, value: Any) -> Any:
        return seal(str(value)) if value is not None else None

    def from_db_value(self, value: str | None, *_: object) -> Sealed | None:
        return None if value is None else Sealed(unseal(value))
