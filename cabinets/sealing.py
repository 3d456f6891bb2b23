"""Seals secrets at rest: authenticated encryption with keys that live outside the database."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

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


class Unopened(str):
    """A column's sealed text as it was read, before anybody asked for the secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[запечатано]'"


class OpensWhenRead(DeferredAttribute):
    """Opens the secret when it is asked for, and not before.

    A row whose secret no key opens is still a row: lists show it, and the link can be made anew.
    """

    def __set__(self, instance: models.Model, value: Any) -> None:
        # With a setter, Python asks this class rather than the instance's own dictionary.
        instance.__dict__[self.field.attname] = value

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is not None and isinstance(value, Unopened):
            value = instance.__dict__[self.field.attname] = Sealed(unseal(value))
        return value


class SealedTextField(models.TextField):
    """A text column that holds only sealed text; the attribute is the plain secret.

    Reading the attribute raises UnsealFailed when no key opens it. A filter can ask for emptiness
    only: the same secret is sealed differently every time.
    """

    descriptor_class = OpensWhenRead

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Unopened):
            return value
        return seal(str(value))

    def from_db_value(self, value: str | None, *_: object) -> Unopened | None:
        return None if value is None else Unopened(value)
