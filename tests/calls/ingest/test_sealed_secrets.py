"""A signing secret that no key opens: skipped with an alarm, and nobody else is affected."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from cabinets.models import CallSource, SigningSecret
from calls.ingest import authentication
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import OTHER_SECRET, assert_refused
from tests.calls.posting import post_body, post_calls, signed_headers

pytestmark = pytest.mark.django_db
LOST_KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def nothing_logged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_logged_at", {})


def seal_with_a_lost_key(secret: SigningSecret, settings: Settings) -> None:
    keys = settings.SEALING_KEYS
    settings.SEALING_KEYS = [LOST_KEY]
    secret.save()
    settings.SEALING_KEYS = keys


@pytest.fixture
def lost(source: CallSource, settings: Settings) -> SigningSecret:
    """Return the only secret of the source, which no key opens."""
    secret = source.signing_secrets.get()
    assert secret.secret
    seal_with_a_lost_key(secret, settings)
    return secret


def test_source_without_a_secret_that_opens_gets_503(
    source: CallSource, lost: SigningSecret, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [post_calls(factories.v3_record(), source=source) for _number in range(3)]

    for answer in answers:
        assert_refused(answer, 503, "secret_unavailable")
        assert answer.headers["Retry-After"] == "60"
    alarms = [one for one in caplog.records if "SEALING_KEYS" in one.getMessage()]
    assert [(one.levelname, source.public_id in one.getMessage()) for one in alarms] == [
        ("ERROR", True)
    ]
    source.refresh_from_db()
    assert source.last_refusal == "secret_unavailable"


def test_other_secret_of_the_source_still_signs(source: CallSource, lost: SigningSecret) -> None:
    SigningSecret.objects.create(source=source, slot=2, secret=OTHER_SECRET)

    by_other = post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET)
    by_lost = post_calls(factories.v3_record(), source=source)

    assert by_other.status_code == 202
    assert (by_lost.status_code, by_lost.json()["error"]["code"]) == (401, "bad_signature")
    assert Call.objects.count() == 1


@pytest.mark.parametrize("names_source", [True, False])
def test_other_cabinets_are_not_affected(lost: SigningSecret, names_source: bool) -> None:
    other = factories.make_source(cabinet=factories.make_cabinet(name="Б"), secret=OTHER_SECRET)
    body = b'{"universalId": "1", "callTime": "2020-01-01T00:00:00+03:00"}'
    headers = signed_headers(body, webhook_id="m", secret=OTHER_SECRET)

    answer = post_body(
        body, headers=headers | ({"X-CallKeeper-Source": other.public_id} if names_source else {})
    )

    assert answer.status_code == 202
    assert Call.objects.get().source == other
