"""Checks of `manage.py check --deploy`: webhooks of cabinets stay out of the own network."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def check_private_webhooks(**_given: Any) -> list[Error]:
    """Refuse NOTICE_WEBHOOK_PRIVATE but in a trial on this machine."""
    if not settings.NOTICE_WEBHOOK_PRIVATE or settings.SANDBOX_TRIAL:
        return []
    text = "NOTICE_WEBHOOK_PRIVATE lets customers send requests to addresses of your own network."
    return [Error(text, hint="Remove it, and DEBUG, from the environment.", id="notices.E001")]
