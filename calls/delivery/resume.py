"""Sends at once, when an account is reconnected, what waited because its token was refused."""

from __future__ import annotations

from datetime import datetime

from django.db.models import OuterRef, Subquery

from calls.models import Upload, UploadAttempt
from integrations.models import YandexAccount
from integrations.yandex.errors import TokenRejected


def release_refused(account: YandexAccount, *, now: datetime) -> int:
    """Make due the account's uploads whose last attempt failed with the token; return how many.

    The pause after that attempt was for a token that is gone. Pauses for other reasons stay.
    """
    attempts = UploadAttempt.objects.filter(upload=OuterRef("pk"), kind=UploadAttempt.Kind.SEND)
    last = attempts.order_by("-number").values("error_class")[:1]
    paused = Upload.objects.later().filter(counter__account=account, not_before__gt=now)
    refused = paused.alias(last_error=Subquery(last)).filter(last_error=TokenRejected.__name__)
    return refused.update(not_before=now)
