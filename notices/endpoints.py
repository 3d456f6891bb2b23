"""The webhook of a cabinet: its address and its secret. Changes go to the audit trail.

The address is sealed, because it may hold a token of its own; the trail names its host only.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import transaction

from cabinets.audit import log_change
from cabinets.models import Cabinet
from cabinets.sealing import Secret
from notices.models import NoticeWebhook


def webhook_of(cabinet: Cabinet) -> NoticeWebhook | None:
    """Return the webhook of the cabinet."""
    return NoticeWebhook.objects.filter(cabinet=cabinet).first()


def host_of(webhook: NoticeWebhook) -> str:
    """Return the host of the address, which is shown instead of it."""
    return urlsplit(webhook.url).hostname or ""


def save_webhook(cabinet: Cabinet, url: str, *, actor: User, now: datetime) -> Secret | None:
    """Store the address; return the secret when the webhook is new, which is shown once."""
    secret = new_secret()
    with transaction.atomic():
        _lock(cabinet)
        old = webhook_of(cabinet)
        if old is not None and old.url == url:
            return None
        before = {"host": host_of(old)} if old else {}
        fresh = {"url": url, "created_at": now, "last_sent_at": None, "last_failed_at": None}
        webhook, is_new = NoticeWebhook.objects.update_or_create(
            cabinet=cabinet,
            defaults=fresh | {"last_error": ""},
            create_defaults=fresh | {"secret": secret},
        )
        _log("notice_webhook.saved", webhook, actor, before, {"host": host_of(webhook)})
    return secret if is_new else None


def mark_of(webhook: NoticeWebhook) -> str:
    """Return what tells the present secret from a later one, and nothing else of it."""
    return hashlib.sha256(webhook.secret.encode()).hexdigest()[:16]


def rotate_secret(cabinet: Cabinet, mark: str, *, actor: User) -> Secret | None:
    """Replace the secret with this mark at once; return the new one.

    None when there is no webhook, or another press of the button has replaced the secret.
    """
    secret = new_secret()
    with transaction.atomic():
        _lock(cabinet)
        webhook = webhook_of(cabinet)
        if webhook is None or mark_of(webhook) != mark:
            return None
        webhook.secret = secret
        webhook.save(update_fields=["secret"])
        _log("notice_webhook.secret_rotated", webhook, actor, {}, {"host": host_of(webhook)})
    return secret


def remove_webhook(cabinet: Cabinet, *, actor: User) -> bool:
    """Delete the webhook; False when there is none. What waits for it is not sent any more."""
    with transaction.atomic():
        _lock(cabinet)
        webhook = webhook_of(cabinet)
        if webhook is None:
            return False
        _log("notice_webhook.removed", webhook, actor, {"host": host_of(webhook)}, {})
        webhook.delete()
    return True


def new_secret() -> Secret:
    """Return a random secret in the form of Standard Webhooks."""
    return Secret(f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}")


def _lock(cabinet: Cabinet) -> None:
    """Hold the cabinet's row: of two presses the second sees what the first has done."""
    Cabinet.objects.select_for_update().get(pk=cabinet.pk)


def _log(
    action: str,
    webhook: NoticeWebhook,
    actor: User,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    log_change(
        cabinet=webhook.cabinet,
        actor=actor,
        action=action,
        subject=webhook,
        before=before,
        after=after,
    )
