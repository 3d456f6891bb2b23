"""Builds Yandex clients from the settings. No other module reads both.

A database that belongs to another installation, and a copy, get none: see
`integrations.installation.guard`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, transaction

from integrations.installation import guard
from integrations.limits import clock_skew
from integrations.limits.web_slots import read_timeout
from integrations.models import YandexAccount
from integrations.yandex.config import YandexConfig
from integrations.yandex.logs import LogsClient
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.oauth import OAuthClient

logger = logging.getLogger(__name__)


def is_configured() -> bool:
    """Whether this installation has an application registered at Yandex."""
    return bool(settings.YANDEX_CLIENT_ID and settings.YANDEX_CLIENT_SECRET)


def yandex_config() -> YandexConfig:
    """Return the client's configuration as the settings have it now."""
    return YandexConfig(
        oauth_url=settings.YANDEX_OAUTH_URL,
        login_url=settings.YANDEX_LOGIN_URL,
        metrika_url=settings.METRIKA_API_URL,
        client_id=settings.YANDEX_CLIENT_ID,
        client_secret=settings.YANDEX_CLIENT_SECRET,
        redirect_uri=settings.YANDEX_REDIRECT_URI,
        scopes=tuple(settings.YANDEX_SCOPES),
        optional_scopes=tuple(settings.YANDEX_OPTIONAL_SCOPES),
        connect_timeout=settings.CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout(),
        upload_read_timeout=settings.UPLOAD_READ_TIMEOUT_SECONDS,
    )


def oauth_client() -> OAuthClient:
    """Return a client of oauth.yandex.ru and login.yandex.ru. Raises SendingHalted."""
    guard.ensure_may_request()
    return OAuthClient(yandex_config())


def metrika_client(
    account: YandexAccount, before_request: Callable[[], None] | None = None
) -> MetrikaClient:
    """Return a client of Metrika that acts as the account. Raises SendingHalted.

    Use it inside `request_budget.request`; ``before_request`` is that lease's method.
    """
    guard.ensure_may_request()
    return MetrikaClient(
        yandex_config(),
        account.access_token,
        before_request=before_request,
        on_success=_on_success(account),
    )


def logs_client(
    account: YandexAccount, before_request: Callable[[], None] | None = None
) -> LogsClient:
    """Return a client of Metrika's Logs API, under the same conditions. Raises SendingHalted."""
    guard.ensure_may_request()
    return LogsClient(
        yandex_config(),
        account.access_token,
        before_request=before_request,
        on_success=_on_success(account),
    )


def _on_success(account: YandexAccount) -> Callable[[datetime | None], None]:
    def on_success(server_time: datetime | None) -> None:
        if server_time is not None:
            clock_skew.record_server_time(server_time)
        _clear_renewed_at(account)

    return on_success


def _clear_renewed_at(account: YandexAccount) -> None:
    """Record that Metrika accepted a renewed token: a later rejection starts a new renewal."""
    if account.renewed_at is None:
        return
    renewed = YandexAccount.objects.filter(pk=account.pk, renewed_at=account.renewed_at)
    try:
        with transaction.atomic():
            renewed.update(renewed_at=None)
    except DatabaseError as error:
        # Metrika's answer must not be lost for it; the next answer clears the field as well.
        logger.warning("%s: renewed_at is not cleared: %s", account, type(error).__name__)
    else:
        account.renewed_at = None
