"""Variables of the environment: parsed strictly, or refused with a message that names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from callkeeper_metrika import env


@pytest.mark.parametrize(
    ("word", "default", "expected"),
    [
        (None, True, True),
        ("", True, True),
        (" ", False, False),
        ("1", False, True),
        ("Yes", False, True),
        ("0", True, False),
        ("off", True, False),
    ],
)
def test_boolean(
    monkeypatch: pytest.MonkeyPatch, word: str | None, default: bool, expected: bool
) -> None:
    monkeypatch.delenv("SWITCH", raising=False)
    if word is not None:
        monkeypatch.setenv("SWITCH", word)

    assert env.env_bool("SWITCH", default) is expected


def test_other_words_than_yes_and_no_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH", "perhaps")

    with pytest.raises(ImproperlyConfigured, match="SWITCH must be 1 or 0, not 'perhaps'"):
        env.env_bool("SWITCH")


@pytest.mark.parametrize("word", ["ten", "-1", "1.5"])
def test_number_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("LIMIT", word)

    with pytest.raises(ImproperlyConfigured, match="LIMIT must be a whole number from 0"):
        env.env_int("LIMIT", 5)


def test_secret_is_read_from_the_file_named_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from the file\n", encoding="utf-8")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))

    assert env.env_secret("KEY") == "from the file"


def test_missing_secret_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "nowhere"))

    with pytest.raises(ImproperlyConfigured, match=r"KEY_FILE=.* cannot be read"):
        env.env_secret("KEY")


def test_other_database_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL", "sqlite:///here.db")

    with pytest.raises(ImproperlyConfigured, match="must be a postgres:// URL"):
        env.env_database("BASE_URL")


GOOD = "b25seS1mb3ItdGVzdHMuLi4uLi4uLi4uLi4uLi4uLi4="


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "SEALING_KEYS is not set"),
        (" , ", "SEALING_KEYS is not set"),
        ("short", "key 1 of 1 is not url-safe base64 of 32 bytes"),
        (f"{GOOD},{GOOD[:-4]}", "key 2 of 2 is not"),
        (f"ключ,{GOOD}", "key 1 of 2 is not"),
    ],
)
def test_broken_sealing_keys_are_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    monkeypatch.setenv("SEALING_KEYS", value)

    with pytest.raises(ImproperlyConfigured, match=reason) as caught:
        env.env_keys("SEALING_KEYS")
    assert GOOD[:-4] not in str(caught.value)


def test_sealing_keys_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALING_KEYS", f" {GOOD} , {GOOD[::-1][1:]}= ")

    assert env.env_keys("SEALING_KEYS") == [GOOD, f"{GOOD[::-1][1:]}="]
