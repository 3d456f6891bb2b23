"""Posts a message to the cabinet's address, signed as Standard Webhooks says.

A repeat has the same id and the same bytes: the receiver drops what it has already.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import requests
from django.utils import timezone

from notices.claims import Outcome, Result
from notices.media.addresses import AddressNotAllowed, session
from notices.models import NoticeMessage, NoticeWebhook

#: To connect, and between two pieces of the answer.
TIMEOUT = (5, 20)
#: For connecting, request and answer together, however slowly the answer comes.
SECONDS = 20
SECRET_PREFIX = "whsec_"


def send(message: NoticeMessage, mark: Callable[[], None]) -> Outcome:
    """Post it; nothing of the answer is read but its status."""
    webhook = NoticeWebhook.objects.filter(cabinet=message.cabinet_id).first()
    if webhook is None:
        return Outcome(Result.REFUSED, "removed")
    body = message.body.encode()
    mark()
    return deliver(webhook, message.uid, body)


def deliver(webhook: NoticeWebhook, uid: UUID, body: bytes) -> Outcome:
    """Post the body once and keep on the webhook's row what became of it.

    Takes SECONDS at most: never call inside a transaction.
    """
    headers = signed_headers(f"msg_{uid.hex}", body, secret=webhook.secret, now=timezone.now())
    outcome = _post(webhook.url, body, headers)
    _note(webhook, outcome, timezone.now())
    return outcome


def signed_headers(uid: str, body: bytes, *, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers with id, time and signature of the body."""
    seconds = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((uid.encode(), seconds.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": "CallKeeper-Metrika-Notices/1",
        "webhook-id": uid,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    try:
        with (
            session(seconds=SECONDS) as client,
            client.post(
                url,
                data=body,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return _outcome(answer.status_code)
    except (AddressNotAllowed, requests.exceptions.InvalidSchema):
        return Outcome(Result.REFUSED, "address_not_allowed")
    except requests.Timeout:
        return Outcome(Result.UNCLEAR, "timeout")
    except (requests.RequestException, ValueError):
        return Outcome(Result.UNCLEAR, "no_answer")


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(Result.SENT)
    if status == 410:
        return Outcome(Result.REFUSED, "http_410")
    pause = timedelta(minutes=5) if status in (429, 502, 503, 504) else timedelta(0)
    return Outcome(Result.RETRY, f"http_{status}", pause)


def _note(webhook: NoticeWebhook, outcome: Outcome, now: datetime) -> None:
    """Keep on the row what its page shows, unless the address was changed meanwhile."""
    fields: dict[str, object] = {"last_sent_at": now, "last_error": ""}
    if outcome.result is not Result.SENT:
        fields = {"last_failed_at": now, "last_error": outcome.error}
    same = NoticeWebhook.objects.filter(pk=webhook.pk, created_at=webhook.created_at)
    same.update(**fields)
