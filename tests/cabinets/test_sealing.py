"""Secrets at rest (S-30, S-31)."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from cabinets import sealing
from cabinets.models import CallSource
from cabinets.sealing import (
    REMEMBERED,
    SEAL_PREFIX,
    Secret,
    UnsealFailed,
    is_sealed_with_first_key,
    reseal,
    seal,
    unseal,
    unseal_remembered,
)
from tests.factories import SECRET

NEW_KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize("plain", ["y0_token", "секрет с пробелом", "😀", "x" * 5000])
def test_unseal_returns_the_sealed_text(plain: str) -> None:
    sealed = seal(plain)

    assert sealed.startswith(SEAL_PREFIX)
    assert plain not in sealed
    assert unseal(sealed) == plain


def test_same_text_is_sealed_differently_every_time() -> None:
    assert seal("y0_token") != seal("y0_token")


def test_empty_text_stays_empty() -> None:
    assert seal("") == unseal("") == reseal("") == ""


def test_forged_text_is_not_unsealed() -> None:
    sealed = seal("y0_token")
    forged = sealed[:-3] + ("AAA" if sealed[-3:] != "AAA" else "BBB")

    with pytest.raises(UnsealFailed):
        unseal(forged)


def test_plain_text_is_not_unsealed() -> None:
    with pytest.raises(UnsealFailed):
        unseal("y0_token")


def test_older_keys_unseal_and_the_first_one_seals(settings: Settings) -> None:
    former = seal("y0_token")
    settings.SEALING_KEYS = [NEW_KEY, *settings.SEALING_KEYS]

    assert unseal(former) == "y0_token"
    assert not is_sealed_with_first_key(former)
    assert is_sealed_with_first_key(seal("y0_token"))
    assert is_sealed_with_first_key(reseal(former))


def test_value_of_an_unknown_key_is_not_unsealed(settings: Settings) -> None:
    sealed = seal("y0_token")
    settings.SEALING_KEYS = [NEW_KEY]

    with pytest.raises(UnsealFailed) as caught:
        unseal(sealed)
    assert sealed not in str(caught.value)


def test_malformed_key_is_improperly_configured(settings: Settings) -> None:
    settings.SEALING_KEYS = ["short"]

    with pytest.raises(ImproperlyConfigured, match="SEALING_KEYS"):
        seal("y0_token")


def test_repr_of_a_secret_does_not_show_it() -> None:
    secret = Secret("y0_token")

    assert secret == "y0_token"
    assert "y0_token" not in repr(secret)
    assert "y0_token" not in repr({"token": secret})


def test_column_has_sealed_text_and_attribute_the_secret(source: CallSource) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM cabinets_signingsecret")
        (stored,) = cursor.fetchone()

    secret = source.signing_secrets.get().secret
    assert stored.startswith(SEAL_PREFIX)
    assert SECRET not in stored
    assert secret == SECRET
    assert isinstance(secret, Secret)


def test_row_that_no_key_opens_is_loaded_and_only_its_secret_fails(
    source: CallSource, settings: Settings
) -> None:
    settings.SEALING_KEYS = [NEW_KEY]

    (row,) = source.signing_secrets.all()

    assert row.slot == 1
    with pytest.raises(UnsealFailed):
        _ = row.secret


def test_saving_another_column_leaves_a_secret_that_no_key_opens_as_it_is(
    source: CallSource, settings: Settings
) -> None:
    (usual,) = settings.SEALING_KEYS
    settings.SEALING_KEYS = [NEW_KEY]
    row = source.signing_secrets.get()
    row.save(update_fields=["slot"])

    settings.SEALING_KEYS = [usual]
    assert source.signing_secrets.get().secret == SECRET


def test_repr_of_a_sealed_value_does_not_show_it(source: CallSource) -> None:
    (value,) = source.signing_secrets.values_list("secret", flat=True)

    assert SEAL_PREFIX not in repr(value)


def test_remembered_secret_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, opened = seal("y0_token"), []

    def counting(value: str) -> str:
        opened.append(value)
        return unseal(value)

    monkeypatch.setattr(sealing, "unseal", counting)

    first, again = unseal_remembered(sealed), unseal_remembered(sealed)

    assert first == again == "y0_token"
    assert "y0_token" not in repr(first)
    assert opened == [sealed]


def test_secret_is_not_remembered_beyond_its_key(settings: Settings) -> None:
    sealed = seal("y0_token")
    assert unseal_remembered(sealed) == "y0_token"

    keys, settings.SEALING_KEYS = settings.SEALING_KEYS, [NEW_KEY]
    with pytest.raises(UnsealFailed):
        unseal_remembered(sealed)

    settings.SEALING_KEYS = keys
    assert unseal_remembered(sealed) == "y0_token"


def test_number_of_remembered_secrets_is_bounded() -> None:
    for number in range(REMEMBERED + 2):
        unseal_remembered(seal(str(number)))

    assert sealing._opened.cache_info().currsize == REMEMBERED
