"""Seals secrets at rest: authenticated encryption with keys kept outside the database."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

SEAL_PREFIX = "v1:"
#: Values that `unseal_remembered` keeps in the memory of a process.
REMEMBERED = 256


class UnsealFailed(Exception):
    """No key opens the value. Raised instead of returning sealed text as if it were the secret."""


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


def unseal_remembered(sealed: str) -> Secret:
    """Return the same as `unseal`, of a value opened before from memory.

    For what is opened in every request. The process has the keys in its memory anyway. What no key
    opens is not remembered.
    """
    return _opened(sealed, hash(tuple(settings.SEALING_KEYS)))


@lru_cache(maxsize=REMEMBERED)
def _opened(sealed: str, _keys: int) -> Secret:
    return Secret(unseal(sealed))


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


class Secret(str):
    """A secret in memory: a string with a fixed repr, so that tracebacks do not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[скрыто]'"


class SealedValue(str):
    """The sealed text of a column as it was loaded, not unsealed yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[запечатано]'"


class UnsealOnRead(DeferredAttribute):
    """Unseals the value when the attribute is read, not when the row is loaded.

    So a row whose secret no key opens can still be listed, and its account linked again.
    """

    def __set__(self, instance: models.Model, value: Any) -> None:
        # A data descriptor: without a setter Python would read the instance dictionary first.
        instance.__dict__[self.field.attname] = value

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is not None and isinstance(value, SealedValue):
            value = instance.__dict__[self.field.attname] = Secret(unseal(value))
        return value


if TYPE_CHECKING:  # generic in the stubs only
    StringTextField = models.TextField[str, str]
else:
    StringTextField = models.TextField


class SealedTextField(StringTextField):
    """A text column that holds only sealed text; the attribute is the plain secret.

    Reading the attribute raises UnsealFailed when no key opens it. A filter can ask for emptiness
    only: the same secret is sealed differently every time.
    """

    descriptor_class = UnsealOnRead

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, SealedValue):
            return value
        return seal(str(value))

    def from_db_value(self, value: str | None, *_: object) -> SealedValue | None:
        return None if value is None else SealedValue(value)
