"""Changing the sealing keys while the product runs (S-31)."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from cabinets import key_rotation
from cabinets.models import CallSource, Invitation, SecretAddress, SigningSecret
from cabinets.sealing import UnsealFailed, reseal
from calls.models import FileImport, PullSource, ReceivedRequest, RejectedRecord
from integrations.models import LinkAttempt, YandexAccount
from notices.models import NoticeWebhook
from tests.factories import SECRET

NEW_KEY = Fernet.generate_key().decode()


def stored(account: YandexAccount) -> str:
    """The sealed text of the column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT access_token FROM integrations_yandexaccount WHERE id = %s", [account.pk]
        )
        return str(cursor.fetchone()[0])


def rotate() -> str:
    out = StringIO()
    call_command("rotate_sealing_keys", stdout=out)
    return out.getvalue()


def test_every_sealed_column_is_found() -> None:
    assert set(key_rotation.sealed_columns()) == {
        (SigningSecret, "secret"),
        (SecretAddress, "token"),
        (Invitation, "token"),
        (PullSource, "api_key"),
        (FileImport, "preview"),
        (RejectedRecord, "raw"),
        (ReceivedRequest, "record"),
        (YandexAccount, "access_token"),
        (YandexAccount, "refresh_token"),
        (LinkAttempt, "code_verifier"),
        (NoticeWebhook, "url"),
        (NoticeWebhook, "secret"),
    }


def test_old_key_can_be_removed_after_the_rotation(
    account: YandexAccount, source: CallSource, settings: Settings
) -> None:
    token = account.access_token
    settings.SEALING_KEYS = [NEW_KEY, *settings.SEALING_KEYS]

    report = rotate()

    settings.SEALING_KEYS = [NEW_KEY]
    account.refresh_from_db()
    assert account.access_token == token
    assert source.signing_secrets.get().secret == SECRET
    assert "integrations.YandexAccount.access_token: resealed 1, already current 0" in report
    assert "cabinets.SigningSecret.secret: resealed 1, already current 0" in report


def test_second_rotation_changes_nothing(account: YandexAccount, settings: Settings) -> None:
    settings.SEALING_KEYS = [NEW_KEY, *settings.SEALING_KEYS]
    rotate()
    sealed = stored(account)

    report = rotate()

    assert stored(account) == sealed
    assert "access_token: resealed 0, already current 1" in report


def test_more_values_than_one_batch_are_all_resealed(
    account: YandexAccount, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH_SIZE", 2)
    for number in range(4):
        YandexAccount.objects.create(
            cabinet=account.cabinet,
            yandex_uid=str(number),
            login="okna",
            access_token=f"y0_{number}",
            connected_at=account.connected_at,
        )
    settings.SEALING_KEYS = [NEW_KEY, *settings.SEALING_KEYS]

    assert "access_token: resealed 5" in rotate()


def test_token_changed_during_the_rotation_is_not_overwritten(
    account: YandexAccount, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEALING_KEYS = [NEW_KEY, *settings.SEALING_KEYS]

    def change_first(sealed: str) -> str:
        YandexAccount.objects.update(access_token="y0_fresh")
        return reseal(sealed)

    monkeypatch.setattr(key_rotation, "reseal", change_first)

    result = key_rotation.reseal_column(YandexAccount, "access_token")

    account.refresh_from_db()
    assert account.access_token == "y0_fresh"
    assert (result.resealed, result.changed) == (0, 1)


def test_value_that_no_key_opens_is_reported_and_kept(
    account: YandexAccount, settings: Settings
) -> None:
    sealed = stored(account)
    settings.SEALING_KEYS = [NEW_KEY]

    with pytest.raises(CommandError, match="2 values cannot be opened"):
        rotate()

    assert stored(account) == sealed
    with pytest.raises(UnsealFailed):
        account.refresh_from_db()
