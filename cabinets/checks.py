"""System checks of a deployment (`manage.py check --deploy`): what must never reach customers.

`SANDBOX_TRIAL` leaves out the checks of addresses and of the proxy. It is an error itself unless
everything it concerns is at addresses of this machine, so it cannot stay set in production.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.http.request import validate_host

#: Characters, as Django demands too; of a random text this is more than 250 bits.
MIN_KEY_LENGTH, MIN_DIFFERENT = 50, 12
MIN_TOKEN_LENGTH = 20
#: Parts of keys from examples and tutorials, in lower case.
KNOWN_PARTS = (
    "changeme",
    "change-me",
    "change_me",
    "django-insecure",
    "example",
    "insecure",
    "not-secret",
    "not-a-secret",
    "password",
    "secret-key",
    "secret_key",
    "secretkey",
    "your-secret",
    "your_secret",
)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Check = Callable[..., list[CheckMessage]]


def _deployed(check: Callable[[], Iterator[Error]]) -> Check:
    """Register the check for `check --deploy`."""

    def run(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
        return list(check())

    run.__name__, run.__doc__ = check.__name__, check.__doc__
    register(run, Tags.security, deploy=True)
    return run


@_deployed
def has_no_debug() -> Iterator[Error]:
    """Refuse DEBUG: its error pages show settings, queries and records."""
    if settings.DEBUG:
        yield Error("DEBUG is on.", hint="Unset DEBUG.", id="cabinets.E001")


@_deployed
def has_a_random_secret_key() -> Iterator[Error]:
    """Refuse a SECRET_KEY that can be guessed: with it anybody makes links to new passwords."""
    if not _is_random(settings.SECRET_KEY, MIN_KEY_LENGTH):
        yield Error(
            f"SECRET_KEY is an example, or shorter than {MIN_KEY_LENGTH} random characters.",
            hint="Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="cabinets.E002",
        )


@_deployed
def has_random_sealing_keys() -> Iterator[Error]:
    """Refuse sealing keys that are not random: all tokens and secrets are sealed with them."""
    for number, key in enumerate(settings.SEALING_KEYS, start=1):
        if not _is_random_key(key):
            yield Error(
                f"SEALING_KEYS: key {number} is an example and not 32 random bytes.",
                hint="Put a random key in front, as .env.example shows; manage.py"
                " rotate_sealing_keys seals everything with it; then remove the old one.",
                id="cabinets.E003",
            )


@_deployed
def has_no_wildcard_host() -> Iterator[Error]:
    """Refuse `*`: links in e-mails would lead wherever the request says."""
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS contains *.",
            hint="Name the hosts, separated by commas.",
            id="cabinets.E004",
        )


@_deployed
def has_a_public_url() -> Iterator[Error]:
    """Refuse a PUBLIC_URL without TLS, and one whose host is not served."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not settings.PUBLIC_URL.startswith("https://") and not settings.SANDBOX_TRIAL:
        yield Error(
            f"PUBLIC_URL is not https: {settings.PUBLIC_URL}",
            hint="Set it to the https address at which customers open the cabinet.",
            id="cabinets.E005",
        )
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield Error(
            f"The host of PUBLIC_URL is not in ALLOWED_HOSTS: {host}",
            hint="Add it there.",
            id="cabinets.E006",
        )


@_deployed
def has_a_tls_proxy() -> Iterator[Error]:
    """Refuse settings with which a session travels without TLS."""
    if settings.SANDBOX_TRIAL:
        return
    missing = [
        name
        for name, is_set in (
            ("BEHIND_TLS_PROXY", getattr(settings, "SECURE_PROXY_SSL_HEADER", None)),
            ("SECURE_SSL_REDIRECT", settings.SECURE_SSL_REDIRECT),
            ("SECURE_HSTS_SECONDS", settings.SECURE_HSTS_SECONDS),
            ("SESSION_COOKIE_SECURE", settings.SESSION_COOKIE_SECURE),
            ("CSRF_COOKIE_SECURE", settings.CSRF_COOKIE_SECURE),
        )
        if not is_set
    ]
    if missing:
        yield Error(
            f"Not set: {', '.join(missing)}.",
            hint="Set an https PUBLIC_URL and unset these variables: they are on by default then."
            " The proxy must set X-Forwarded-Proto.",
            id="cabinets.E007",
        )


@_deployed
def has_a_metrics_token() -> Iterator[Error]:
    """Refuse /metrics without a token: a proxy on this machine makes it readable for everybody."""
    if not settings.SANDBOX_TRIAL and not _is_random(settings.METRICS_TOKEN, MIN_TOKEN_LENGTH):
        yield Error(
            "METRICS_TOKEN is not set, an example, or shorter than"
            f" {MIN_TOKEN_LENGTH} random characters.",
            hint="Make one: python3 -c 'import secrets; print(secrets.token_urlsafe())'",
            id="cabinets.E008",
        )


@_deployed
def can_write_its_installation_file() -> Iterator[Error]:
    """Refuse an INSTALLATION_FILE that cannot be written: nothing would be sent."""
    path = settings.INSTALLATION_FILE
    if not _is_writable(path):
        yield Error(
            f"INSTALLATION_FILE cannot be written: {path}",
            hint="Name a file in a volume that outlives the container and the database.",
            id="cabinets.E009",
        )


@_deployed
def is_no_trial_in_public() -> Iterator[Error]:
    """Refuse SANDBOX_TRIAL where customers could come, or where the real Yandex is used."""
    if settings.SANDBOX_TRIAL and not all(map(_is_of_this_machine, _trial_addresses())):
        yield Error(
            f"SANDBOX_TRIAL is set, but not all are of this machine: {_trial_addresses()}.",
            hint="Unset it: it is for trying the product with the sandbox.",
            id="cabinets.E010",
        )


def _trial_addresses() -> list[str]:
    return [
        settings.PUBLIC_URL,
        settings.YANDEX_OAUTH_URL,
        settings.YANDEX_LOGIN_URL,
        settings.METRIKA_API_URL,
    ]


def _is_of_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.endswith(".localhost")


def _is_random(text: str, length: int) -> bool:
    """Whether the text is long and varied enough, and of no example."""
    is_long = len(text) >= length and len(set(text)) >= MIN_DIFFERENT
    return is_long and not any(part in text.lower() for part in KNOWN_PARTS)


def _is_random_key(key: str) -> bool:
    """Whether the key (url-safe base64) is no text and no repetition: random bytes never are."""
    content = base64.urlsafe_b64decode(key)
    is_text = all(32 <= byte < 127 for byte in content)
    return not is_text and len(set(content)) >= MIN_DIFFERENT


def _is_writable(path: Path) -> bool:
    """Whether the file can be written, or made: the nearest folder that exists is asked."""
    if path.exists():
        return path.is_file() and os.access(path, os.W_OK)
    folder = next(one for one in path.absolute().parents if one.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
