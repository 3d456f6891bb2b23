"""After reconnection, uploads that waited for the token are due at once; other pauses stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from calls.models import Upload, UploadAttempt
from calls.states import UploadState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_upload
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import UID, YandexId, link

AN_HOUR = timedelta(hours=1)


def paused_upload(counter: Counter, *errors: str) -> Upload:
    """Create an upload that waits an hour after attempts with these errors, the latest last."""
    now = timezone.now()
    upload = make_upload(counter=counter, state=UploadState.LATER, not_before=now + AN_HOUR)
    for number, error in enumerate(errors, start=1):
        UploadAttempt.objects.create(
            upload=upload, number=number, started_at=now, ended_at=now, error_class=error
        )
    return upload


def is_due(upload: Upload) -> bool:
    upload.refresh_from_db()
    return upload.not_before <= timezone.now()


@pytest.mark.parametrize(
    ("errors", "becomes_due"),
    [
        (["TokenRejected"], True),
        (["Unreachable", "TokenRejected"], True),
        (["TokenRejected", "QuotaExceeded"], False),
        (["Unreachable"], False),
        ([], False),
    ],
)
def test_reconnection_makes_uploads_due_that_waited_for_the_token(
    owner_client: Client,
    counter: Counter,
    yandex_id: YandexId,
    errors: list[str],
    becomes_due: bool,
) -> None:
    upload = paused_upload(counter, *errors)
    YandexAccount.objects.update(yandex_uid=UID, state=YandexAccount.State.REAUTH_REQUIRED)
    yandex_id.allows()

    link(owner_client)

    assert is_due(upload) is becomes_due


def test_reconnection_does_not_change_uploads_of_other_accounts(
    owner_client: Client, counter: Counter, yandex_id: YandexId
) -> None:
    other = factories.make_account(cabinet=factories.make_cabinet(name="Клиника"))
    upload = paused_upload(factories.make_counter(account=other), "TokenRejected")
    yandex_id.allows()

    link(owner_client)

    assert not is_due(upload)
