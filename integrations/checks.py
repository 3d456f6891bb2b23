"""System checks of the settings that linking depends on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from integrations.clients import is_configured
from integrations.linking.flow import has_needed_scopes
from integrations.yandex.config import is_private

INSECURE_TRANSPORT = "OAUTHLIB_INSECURE_TRANSPORT"
RELAXED_SCOPE = "OAUTHLIB_RELAX_TOKEN_SCOPE"
YANDEX_DOMAINS = (".yandex.ru", ".yandex.net", ".yandex.com")
ADDRESSES = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")
#: Pages of Yandex that ours link to; no token goes there.
LINKED = ("METRIKA_WEB_URL",)
COOKIE_SESSIONS = "django.contrib.sessions.backends.signed_cookies"


def refuse_insecure_transport() -> None:
    """Raise ImproperlyConfigured when oauthlib may use plain http with the real Yandex.

    Called at the start as well, because a web server starts without running checks.
    """
    if os.environ.get(INSECURE_TRANSPORT) and not _is_private_url(settings.YANDEX_OAUTH_URL):
        raise ImproperlyConfigured(
            f"{INSECURE_TRANSPORT} is set: tokens could travel over plain http. Unset it."
        )


def refuse_missing_credentials() -> None:
    """Raise ImproperlyConfigured when the real Yandex is used without our credentials.

    Without this the error would appear only when the first customer links an account.
    """
    if settings.DEBUG or is_configured():
        return
    if any(_is_yandex(getattr(settings, name)) for name in ADDRESSES):
        raise ImproperlyConfigured(" ".join(_credentials_missing()))


@register(Tags.security)
def has_credentials(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when no account can be linked, because the application's credentials are missing."""
    if is_configured() or settings.DEBUG:
        return []
    return [Warning(*_credentials_missing(), id="integrations.W001")]


@register(Tags.security, deploy=True)
def has_credentials_in_production(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a deployment without the application's credentials."""
    return [] if is_configured() else [Error(*_credentials_missing(), id="integrations.E001")]


@register(Tags.security, deploy=True)
def has_safe_transport(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse the environment variable that lets oauthlib use plain http."""
    if not os.environ.get(INSECURE_TRANSPORT):
        return []
    return [Error(f"{INSECURE_TRANSPORT} is set.", hint="Unset it.", id="integrations.E002")]


@register(Tags.security, deploy=True)
def has_yandex_addresses(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse addresses other than Yandex's in production: real tokens would be sent there."""
    if settings.SANDBOX_TRIAL:
        return []
    return [
        Error(
            f"{name} is not an https address of Yandex: {getattr(settings, name)}",
            hint="Unset the variable; the default is Yandex itself.",
            id="integrations.E003",
        )
        for name in (*ADDRESSES, *LINKED)
        if not _is_yandex(getattr(settings, name))
    ]


@register(Tags.security, deploy=True)
def has_https_redirect_uri(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a redirect URI over plain http: every proxy could read the code."""
    if settings.YANDEX_REDIRECT_URI.startswith("https://") or settings.SANDBOX_TRIAL:
        return []
    return [
        Error(
            f"The redirect URI is not https: {settings.YANDEX_REDIRECT_URI}",
            hint="Set PUBLIC_URL to the https address of the cabinet.",
            id="integrations.E004",
        )
    ]


@register(Tags.security)
def requests_needed_scopes(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a YANDEX_SCOPES with which no account could be linked."""
    if has_needed_scopes(tuple(settings.YANDEX_SCOPES)):
        return []
    return [
        Error(
            "YANDEX_SCOPES lacks metrika:read, or both metrika:offline_data and metrika:write.",
            hint="Unset the variable; the default is enough.",
            id="integrations.E005",
        )
    ]


@register(Tags.security)
def has_server_side_sessions(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse sessions in cookies: they can be replayed, and link attempts are bound to them."""
    if settings.SESSION_ENGINE != COOKIE_SESSIONS:
        return []
    return [
        Error(
            "SESSION_ENGINE keeps sessions in cookies.",
            hint="Use django.contrib.sessions.backends.db.",
            id="integrations.E006",
        )
    ]


@register(Tags.security)
def has_strict_scopes(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn about a process-wide switch that linking does not need: it compares scopes itself."""
    if not os.environ.get(RELAXED_SCOPE):
        return []
    return [Warning(f"{RELAXED_SCOPE} is set.", hint="Unset it.", id="integrations.W002")]


def _credentials_missing() -> tuple[str, str]:
    return (
        "YANDEX_CLIENT_ID or YANDEX_CLIENT_SECRET is not set: no Yandex account can be linked.",
        "Register an application at https://oauth.yandex.ru and set both.",
    )


def _is_yandex(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(YANDEX_DOMAINS)


def _is_private_url(url: str) -> bool:
    return is_private(urlsplit(url).hostname or "")
