"""An attempt whose verifier no key opens any more: begun again, never an error of the server."""

from __future__ import annotations

from cryptography.fernet import Fernet
from django.test import Client
from pytest_django import Settings

from integrations.linking.errors import LinkFailure
from integrations.models import LinkAttempt
from tests.integrations.linking.refusals import assert_refused
from tests.integrations.yandex_id import YandexId, open_callback, start


def test_key_that_was_removed_during_an_attempt_ends_it(
    owner_client: Client, yandex_id: YandexId, settings: Settings
) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    settings.SEALING_KEYS = [Fernet.generate_key().decode()]

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_EXPIRED)
    assert not LinkAttempt.objects.exists()
