"""System checks of the settings that delivery relies on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from calls.callkeeper.config import ApiConfig
from calls.runtime.retention import LEAST_KEPT
from integrations.limits import request_budget


@register
def check_unclear_grace(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a grace period shorter than an upload request may take: it could be sent twice."""
    longest = request_budget.max_duration(request_budget.Kind.UPLOAD).total_seconds()
    if longest < settings.UNCLEAR_GRACE_SECONDS:
        return []
    return [
        Error(
            f"UNCLEAR_GRACE_SECONDS is {settings.UNCLEAR_GRACE_SECONDS}, but an upload may take"
            f" {longest:.0f} s: what has not arrived yet would be sent twice.",
            hint="Raise it, or lower UPLOAD_READ_TIMEOUT_SECONDS or LEASE_MARGIN_SECONDS.",
            id="calls.E001",
        )
    ]


@register
def check_callkeeper_address(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse an address of CallKeeper's API to which a key would travel in plain text."""
    try:
        ApiConfig(settings.CALLKEEPER_API_URL)
    except ValueError as problem:
        return [Error(f"{problem}.", hint="The default is https://ckct.ru/api/.", id="calls.E003")]
    return []


@register
def check_kept_months(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse to drop months of which calls may still have to be sent or asked for."""
    if not 0 < settings.KEEP_MONTHS < LEAST_KEPT:
        return []
    return [
        Error(
            f"KEEP_MONTHS is {settings.KEEP_MONTHS}: calls of {LEAST_KEPT} months may still have to"
            " be sent or asked for.",
            hint=f"0 keeps all months, {LEAST_KEPT} is the least.",
            id="calls.E002",
        )
    ]
