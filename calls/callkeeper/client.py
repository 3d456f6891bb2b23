"""Reads calls of a period, page by page, and says what an answer without calls means."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calls.callkeeper.config import ApiConfig
from calls.callkeeper.errors import (
    Refused,
    TooManyRequests,
    UnexpectedAnswer,
    Unreachable,
    WrongKey,
)
from calls.callkeeper.transport import Transport
from integrations.yandex.answer import Answer

FORMAT, VERSION = "json", "v3"
#: «Буквенно-числовая последовательность длиной 16 символов»; other lengths are left to the API.
KEY = re.compile(r"[A-Za-z0-9_-]{4,100}")
NO_ROWS = "No rows found"
UNKNOWN_KEY = "User is not recognized"
#: Also the answer to a page after the last one.
WRONG_PAGE = "Incorrect page is set"
TEXT_LENGTH = 200
INDEX = re.compile("[0-9]{1,18}")
#: Members of an answer that may contain the records.
LISTS = ("payload", "calls")

ReadJson = Callable[[bytes], Any]


@dataclass(frozen=True)
class Page:
    """The records of one page as they came, and the SHA-256 of the answer.

    ``is_after_last``: there is no such page any more.
    """

    records: list[Any]
    is_after_last: bool
    digest: str


class CallsApi:
    """The calls of the owner of one key. Raises the errors of ``calls.callkeeper.errors``.

    ``read_json`` raises ValueError for what is not JSON; ours keeps every number as it is written.
    """

    def __init__(self, config: ApiConfig, key: str, *, read_json: ReadJson = json.loads) -> None:
        self._key = str(key)
        self._read_json = read_json
        self._transport = Transport(config)

    def page(self, number: int, *, since: datetime, until: datetime) -> Page:
        """Return a page of the calls of the period, which may include either end or not.

        Its length is not documented: only a page without calls is known to come after the last.
        """
        if not KEY.fullmatch(self._key):
            raise WrongKey("The key is not of letters and digits")
        seconds = f"{int(since.timestamp())}/{int(until.timestamp())}"
        query = f"{FORMAT}/{VERSION}/{self._key}/call/get/{number}/{seconds}"
        answer = self._transport.get(query)
        records = self._records(answer, number)
        return Page(records, not records, hashlib.sha256(answer.body).hexdigest())

    def close(self) -> None:
        self._transport.close()

    def _records(self, answer: Answer, number: int) -> list[Any]:
        if answer.status == 429:
            raise TooManyRequests(
                "CallKeeper's API: too many requests",
                http_status=429,
                retry_after=answer.retry_after,
            )
        content = self._content(answer)
        error = _error_of(content)
        if error:
            return self._without_calls(error, answer, number)
        if answer.status != 200:
            raise Refused("CallKeeper's API refused", http_status=answer.status)
        records = _records_in(content)
        if records is None:
            raise UnexpectedAnswer("CallKeeper's API: no list of calls", http_status=200)
        return records

    def _content(self, answer: Answer) -> Any:
        """Return the JSON of the answer, None for a refusal without; raise Unreachable else."""
        if answer.status < 500:
            content = self._read(answer.body)
            if content is not None or answer.status >= 400:
                return content
        raise Unreachable(
            "CallKeeper's API: an answer without calls",
            http_status=answer.status,
            retry_after=answer.retry_after,
        )

    def _read(self, body: bytes) -> Any:
        try:
            return self._read_json(body)
        except (ValueError, RecursionError):
            return None

    def _without_calls(self, error: str, answer: Answer, number: int) -> list[Any]:
        if error == NO_ROWS or (error == WRONG_PAGE and number > 0):
            return []
        if error == UNKNOWN_KEY:
            raise WrongKey("CallKeeper's API", text=error, http_status=answer.status)
        quoted = error.replace(self._key, "[key]")[:TEXT_LENGTH]
        raise Refused("CallKeeper's API refused", text=quoted, http_status=answer.status)


def _error_of(content: Any) -> str:
    inbound = content.get("inbound") if isinstance(content, dict) else None
    error = inbound.get("error") if isinstance(inbound, dict) else None
    return " ".join(str(error).split()) if error else ""


def _records_in(content: Any) -> list[Any] | None:
    """Return the records: of a list, of a list with gaps as PHP writes it, or of a wrapped one."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        return None
    if content and all(map(INDEX.fullmatch, content)):
        return [content[name] for name in sorted(content, key=int)]
    wrapped = (content.get(name) for name in LISTS)
    listed = (_records_in(one) for one in wrapped if isinstance(one, list | dict))
    return next((one for one in listed if one is not None), None)
