"""Lets go at once what waited only because its account's token was refused."""

from __future__ import annotations

from datetime import datetime

from django.db.models import OuterRef, Subquery

from calls.models import Upload, UploadAttempt
from calls.states import UploadState
from integrations.models import YandexAccount
from integrations.yandex.errors import TokenRejected


def release_refused(account: YandexAccount, *, now: datetime) -> int:
    """Make due the account's uploads whose last try met a refused token; return how many.

    The pause after that try was for a token that is gone. Pauses for other reasons hold on.
    """
    tries = UploadAttempt.objects.filter(upload=OuterRef("pk"), kind=UploadAttempt.Kind.SEND)
    last = tries.order_by("-number").values("error_class")[:1]
    refused = Upload.objects.filter(
        counter__account=account, state=UploadState.LATER, not_before__gt=now
    ).alias(last_error=Subquery(last))
    return refused.filter(last_error=TokenRejected.__name__).update(not_before=now)
