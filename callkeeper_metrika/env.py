"""Reads the environment strictly: a value that cannot be parsed stops the start, with a message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def env_text(name: str, default: str = "") -> str:
    """Return the variable, or the default when it is unset or blank."""
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    """Return a boolean, the default when blank; raise ImproperlyConfigured for any other word."""
    word = env_text(name).lower()
    if not word:
        return default
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {word!r}.")


def env_int(name: str, default: int, *, minimum: int = 0) -> int:
    """Return an integer; raise ImproperlyConfigured when it is none or below ``minimum``."""
    word = env_text(name, str(default))
    if not word.lstrip("-").isdigit() or int(word) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number from {minimum}, not {word!r}.")
    return int(word)


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts, stripped, without empty ones."""
    return [part.strip() for part in env_text(name, default).split(",") if part.strip()]


def env_secret(name: str) -> str:
    """Return ``NAME``, or the contents of the file whose path is in ``NAME_FILE``."""
    path = env_text(f"{name}_FILE")
    if not path:
        return env_text(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise ImproperlyConfigured(f"{name}_FILE={path} cannot be read: {problem}.") from problem


def env_keys(name: str) -> list[str]:
    """Return the comma-separated sealing keys, the sealing one first.

    Raises ImproperlyConfigured for a malformed key, which would otherwise fail at its first use,
    long after the start.
    """
    keys = [key.strip() for key in env_secret(name).split(",") if key.strip()]
    if not keys:
        raise ImproperlyConfigured(f"{name} is not set: see .env.example for how to make one.")
    for number, key in enumerate(keys, start=1):
        if not _is_key(key):
            raise ImproperlyConfigured(
                f"{name}: key {number} of {len(keys)} is not url-safe base64 of 32 bytes;"
                " see .env.example for how to make one."
            )
    return keys


def _is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def env_database(name: str) -> dict[str, Any]:
    """Return Django's settings of a ``postgres://`` URL; raise for any other engine."""
    url = env_secret(name)
    if not url:
        raise ImproperlyConfigured(
            f"{name} is not set: give a postgres:// URL, or start with ./run, which brings its own."
        )
    config = dict(environ.Env.db_url_config(url))
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must be a postgres:// URL.")
    return config
