"""Secrets generated at the first start and stored in the data folder, for the owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


GENERATORS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "SEALING_KEYS": _fernet_key,
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(16),
    "VALKEY_PASSWORD": lambda: secrets.token_hex(16),
    "YANDEX_CLIENT_ID": lambda: secrets.token_hex(16),
    "YANDEX_CLIENT_SECRET": lambda: secrets.token_hex(16),
    # Typed by hand at the sign-in page, so it is short, yet random.
    "SIGN_IN_PASSWORD": lambda: secrets.token_hex(5),
}


def load_or_create_secrets(path: Path) -> dict[str, str]:
    """Return the secrets in `path`; missing ones are generated and written first."""
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    complete = {name: stored.get(name) or make() for name, make in GENERATORS.items()}
    if complete != stored:
        write_private(path, complete)
    return complete


def write_private(path: Path, content: Any) -> None:
    """Write JSON with mode 0600, atomically."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
    draft.replace(path)
