"""The people who can sign in, and their profiles."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3

from .messages import Json
from .storage import Store


class People:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, login: str, uid: str, first_name: str, last_name: str, about: str, position: int
    ) -> None:
        sex = "female" if last_name.endswith(("а", "я")) else "male"
        self._store.run(
            "REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(login, uid, first_name, last_name, about, sex, position),
        )

    def all(self) -> list[sqlite3.Row]:
        return self._store.all("SELECT * FROM people ORDER BY position")

    def find(self, login_or_mail: str) -> sqlite3.Row | None:
        """Find by login or Yandex Mail address, as ``login_hint`` may be either."""
        login = login_or_mail.partition("@")[0].lower()
        return self._store.one("SELECT * FROM people WHERE login = ?", login)

    def remember_browser(self, browser: str, login: str) -> str:
        """Sign this browser in; return its id, a new one when it had none."""
        browser = browser or secrets.token_urlsafe(24)
        self._store.run("REPLACE INTO browsers VALUES (?, ?)", browser, login)
        return browser

    def of_browser(self, browser: str) -> sqlite3.Row | None:
        return self._store.one(
            "SELECT people.* FROM people JOIN browsers USING (login) WHERE browsers.id = ?", browser
        )


def profile(person: sqlite3.Row, client_id: str, scopes: set[str]) -> Json:
    """Answer of login.yandex.ru/info: what the scopes allow, and always the four ids.

    https://yandex.com/dev/id/doc/en/user-information
    """
    psuid = hashlib.sha256(f"{client_id}.{person['uid']}".encode()).hexdigest()[:32]
    answer = {
        "id": person["uid"],
        "login": person["login"],
        "client_id": client_id,
        "psuid": f"1.AAcee.{psuid}",
    }
    if "login:info" in scopes:
        answer |= _names(person)
    if "login:email" in scopes:
        mail = f"{person['login']}@yandex.ru"
        answer |= {"default_email": mail, "emails": [mail]}
    if "login:avatar" in scopes:
        answer |= {"default_avatar_id": "0/0-0", "is_avatar_empty": True}
    return answer


def _names(person: sqlite3.Row) -> Json:
    full_name = f"{person['first_name']} {person['last_name']}"
    return {
        "first_name": person["first_name"],
        "last_name": person["last_name"],
        "display_name": person["login"],
        "real_name": full_name,
        "sex": person["sex"],
    }
