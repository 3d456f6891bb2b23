from __future__ import annotations

import stat
from pathlib import Path

from cryptography.fernet import Fernet

from devtools.launcher.local_secrets import load_or_create_secrets, write_private


def test_secrets_are_kept_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    first = load_or_create_secrets(tmp_path / "secrets.json")

    again = load_or_create_secrets(tmp_path / "secrets.json")

    assert again == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert all(first.values())


def test_sealing_key_is_a_fernet_key(tmp_path: Path) -> None:
    kept = load_or_create_secrets(tmp_path / "secrets.json")

    sealer = Fernet(kept["SEALING_KEYS"])

    assert sealer.decrypt(sealer.encrypt(b"token")) == b"token"


def test_secret_of_a_newer_version_is_added_to_the_old_ones(tmp_path: Path) -> None:
    write_private(tmp_path / "secrets.json", {"SECRET_KEY": "old"})

    kept = load_or_create_secrets(tmp_path / "secrets.json")

    assert kept["SECRET_KEY"] == "old"
    assert kept["VALKEY_PASSWORD"]


def test_no_draft_is_left_beside_a_written_file(tmp_path: Path) -> None:
    write_private(tmp_path / "ready.json", {"cabinet": "Окна"})

    assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]
    assert "Окна" in (tmp_path / "ready.json").read_text(encoding="utf-8")
