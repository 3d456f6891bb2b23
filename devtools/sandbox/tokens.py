"""Codes, tokens and remembered consents."""

from __future__ import annotations

import secrets
import sqlite3

from .clock import Clock
from .storage import Store

CODE_SECONDS = 600
TOKEN_SECONDS = 31_536_000
# A refresh returns the same access token if it is younger than this, as Yandex was seen to do.
KEPT_AT_REFRESH_SECONDS = 90 * 86_400
# https://yandex.ru/dev/id/doc/en/tokens/token-invalidate: a new one silently revokes the oldest.
DEVICE_TOKEN_LIMIT = 30


class Tokens:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @property
    def lifetime(self) -> float:
        row = self._store.one("SELECT value FROM settings WHERE name = 'token_seconds'")
        return float(row["value"]) if row else TOKEN_SECONDS

    def set_lifetime(self, seconds: float) -> None:
        self._store.run("REPLACE INTO settings VALUES ('token_seconds', ?)", str(seconds))

    def consent(self, login: str, client_id: str, scopes: str) -> None:
        self._store.run("REPLACE INTO consents VALUES (?, ?, ?)", login, client_id, scopes)

    def consented(self, login: str, client_id: str) -> set[str]:
        row = self._store.one(
            "SELECT scopes FROM consents WHERE login = ? AND client_id = ?", login, client_id
        )
        return set(row["scopes"].split()) if row else set()

    def new_code(self, **fields: str) -> str:
        """Issue a one-time code; ``fields`` are the text columns of ``codes``."""
        code = secrets.token_hex(8)
        values = {"code": code, **fields, "created_at": self._clock.now()}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._store.run(f"INSERT INTO codes ({names}) VALUES ({marks})", *values.values())
        return code

    def code(self, code: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM codes WHERE code = ?", code)

    def take_code(self, code: str) -> bool:
        """Spend the code; False when it was spent before or is older than ten minutes."""
        oldest = self._clock.now() - CODE_SECONDS
        taken = self._store.run(
            "UPDATE codes SET used = 1 WHERE code = ? AND used = 0 AND created_at > ?", code, oldest
        )
        return taken == 1

    def issue(self, *, login: str, client_id: str, scopes: str, device_id: str) -> sqlite3.Row:
        now = self._clock.now()
        access = _new_access()
        self._store.run(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            *(access, _new_refresh(), login, client_id, scopes, device_id),
            *(now, now + self.lifetime),
        )
        self._forget_oldest_devices(login, client_id)
        return self._found(access)

    def refresh(self, token: sqlite3.Row) -> sqlite3.Row | None:
        """Rotate the refresh token; a young access token stays, an old one is replaced.

        None if another request has rotated this refresh token.
        """
        now, access, expires_at = self._clock.now(), token["access"], token["expires_at"]
        if now - token["created_at"] > KEPT_AT_REFRESH_SECONDS:
            access, expires_at = _new_access(), now + self.lifetime
        created_at = token["created_at"] if access == token["access"] else now
        rotated = self._store.run(
            "UPDATE tokens SET access = ?, refresh = ?, created_at = ?, expires_at = ?"
            " WHERE refresh = ?",
            *(access, _new_refresh(), created_at, expires_at, token["refresh"]),
        )
        return self._found(access) if rotated else None

    def by_refresh(self, refresh: str) -> sqlite3.Row | None:
        """Return a live token pair: both tokens expire and are revoked together."""
        return self._live(self._store.one("SELECT * FROM tokens WHERE refresh = ?", refresh))

    def find(self, access: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM tokens WHERE access = ?", access)

    def live(self, access: str) -> sqlite3.Row | None:
        return self._live(self.find(access))

    def seconds_left(self, token: sqlite3.Row) -> int:
        left: float = token["expires_at"] - self._clock.now()
        return max(0, round(left))

    def revoke(self, access: str) -> None:
        self._store.run("UPDATE tokens SET revoked = 1 WHERE access = ?", access)

    def revoke_all(self, login: str) -> int:
        """Revoke the consent and all tokens, as a person can; return the number of tokens."""
        self._store.run("DELETE FROM consents WHERE login = ?", login)
        return self._store.run(
            "UPDATE tokens SET revoked = 1 WHERE login = ? AND revoked = 0", login
        )

    def expire_all(self, login: str) -> int:
        now = self._clock.now()
        return self._store.run(
            "UPDATE tokens SET expires_at = ? WHERE login = ? AND expires_at > ?", now, login, now
        )

    def _live(self, token: sqlite3.Row | None) -> sqlite3.Row | None:
        if token is None or token["revoked"] or token["expires_at"] <= self._clock.now():
            return None
        return token

    def _found(self, access: str) -> sqlite3.Row:
        token = self.find(access)
        assert token is not None
        return token

    def _forget_oldest_devices(self, login: str, client_id: str) -> None:
        self._store.run(
            "UPDATE tokens SET revoked = 1 WHERE access IN (SELECT access FROM tokens"
            " WHERE login = ? AND client_id = ? AND device_id <> '' AND revoked = 0"
            " ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?)",
            *(login, client_id, DEVICE_TOKEN_LIMIT),
        )


def _new_access() -> str:
    return "y0_" + secrets.token_urlsafe(44)[:58]


def _new_refresh() -> str:
    parts = (secrets.token_urlsafe(size) for size in (12, 45, 32))
    return "1:" + ":".join(parts)
