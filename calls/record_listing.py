"""Reads a file of the v3 calls API: a list of records, or an answer that holds one. Pure."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from calls.record_json import MalformedJson, read_json

#: What the API says when the period has no calls.
NO_ROWS = "No rows found"


class UnreadableListing(Exception):
    """The file is not a listing of calls; the message says what it is."""


def read_listing(body: bytes) -> list[Any]:
    """Return the records of the file, none for the API's answer "No rows found".

    Raises UnreadableListing.
    """
    try:
        content = read_json(body)
    except MalformedJson:
        raise UnreadableListing(_("Файл не читается: это не JSON в UTF-8.")) from None
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise UnreadableListing(_("В файле нет списка звонков."))
    _refuse_failure(content.get("inbound"))
    for name in ("payload", "calls"):
        if isinstance(content.get(name), list):
            return list(content[name])
    raise UnreadableListing(_("В файле нет списка звонков: нужен список, payload или calls."))


def _refuse_failure(inbound: Any) -> None:
    """Refuse an answer in which the API reports a failure other than an empty period."""
    error = inbound.get("error") if isinstance(inbound, dict) else None
    if error and error != NO_ROWS:
        raise UnreadableListing(
            _("CallKeeper ответил ошибкой: {error}").format(error=str(error)[:200])
        )
