"""System checks of everything that linking relies on and that a deployment can get wrong."""

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
COOKIE_SESSIONS = "django.contrib.sessions.backends.signed_cookies"


def refuse_insecure_transport() -> None:
    """Stop the start when oauthlib is told to accept plain http although the real Yandex is used.

    Raises ImproperlyConfigured. Not a check only: a web server starts without running checks.
    """
    if os.environ.get(INSECURE_TRANSPORT) and not _is_stand_in(settings.YANDEX_OAUTH_URL):
        raise ImproperlyConfigured(
            f"{INSECURE_TRANSPORT} is set: tokens could travel over plain http. Unset it."
        )


def refuse_missing_credentials() -> None:
    """Stop the start when the real Yandex is used and we are nobody to it.

    Raises ImproperlyConfigured: the first customer would find it out, and nobody else.
    """
    if settings.DEBUG or is_configured():
        return
    if any(_is_yandex(getattr(settings, name)) for name in ADDRESSES):
        raise ImproperlyConfigured(" ".join(_credentials_missing()))


@register(Tags.security)
def has_credentials(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when nobody can link an account, because there is no application at Yandex."""
    if is_configured() or settings.DEBUG:
        return []
    return [Warning(*_credentials_missing(), id="integrations.W001")]


@register(Tags.security, deploy=True)
def has_credentials_in_production(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """In production the same is an error."""
    return [] if is_configured() else [Error(*_credentials_missing(), id="integrations.E001")]


@register(Tags.security, deploy=True)
def has_safe_transport(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse the switch that lets oauthlib speak plain http."""
    if not os.environ.get(INSECURE_TRANSPORT):
        return []
    return [Error(f"{INSECURE_TRANSPORT} is set.", hint="Unset it.", id="integrations.E002")]


@register(Tags.security, deploy=True)
def speaks_to_yandex(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a stand-in for Yandex in production: real people's tokens would go there."""
    if _is_trial():
        return []
    return [
        Error(
            f"{name} is not an https address of Yandex: {getattr(settings, name)}",
            hint="Unset the variable; the default is Yandex itself.",
            id="integrations.E003",
        )
        for name in ADDRESSES
        if not _is_yandex(getattr(settings, name))
    ]


@register(Tags.security, deploy=True)
def comes_back_over_https(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a redirect URI over plain http: the code would pass every proxy in the open."""
    if settings.YANDEX_REDIRECT_URI.startswith("https://") or _is_trial():
        return []
    return [
        Error(
            f"The redirect URI is not https: {settings.YANDEX_REDIRECT_URI}",
            hint="Set PUBLIC_URL to the https address of the cabinet.",
            id="integrations.E004",
        )
    ]


@register(Tags.security)
def asks_for_what_it_needs(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a list of scopes with which no link could ever be made."""
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
def keeps_sessions_on_the_server(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse sessions in cookies: they can be replayed, and an attempt is bound to its session."""
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
def compares_scopes(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn of the process-wide switch that linking does not need: it compares scopes itself."""
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


def _is_stand_in(url: str) -> bool:
    return is_private(urlsplit(url).hostname or "")


def _is_trial() -> bool:
    """Whether nobody but this machine reaches the cabinet: compose's demo runs its checks too."""
    return _is_stand_in(settings.YANDEX_REDIRECT_URI)
