"""Answers of the API: `GET /api/?json/v3/{key}/call/{method}/{page}/{from}/{to}`."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from devtools.sandbox.callkeeper import faults
from devtools.sandbox.clock import MOSCOW
from devtools.sandbox.messages import Request, Response, json_response
from devtools.sandbox.world import World

PATHS = ("/api/", "/api/index.php")
METHODS = ("get", "getByRole", "getWithRole")
NO_ROWS = "No rows found"
#: «Во всех неуспешных запросах оно будет одинаковое».
INFO = {
    "entities": {
        name: ["get"] for name in ("call", "callrole", "phone", "user", "campaign", "tag")
    },
    "types": ["json", "plain", "csv", "xml"],
    "versions": ["v1"],
}


class Failure(Exception):
    """An unsuccessful request; the text is the documented one."""


def answer(world: World, request: Request) -> Response:
    """Answer a request. Every failure has status 200: none is documented."""
    request.faults = world.faults.take(request)
    broken = faults.answer(request)
    if broken is not None:
        return broken
    try:
        return json_response(_calls(world, _words(request)))
    except Failure as failure:
        return json_response({"inbound": {"error": str(failure)}, "info": INFO, "payload": []})


def account_name(world: World, request: Request) -> str:
    """Return whose key the request has; the log of requests shows it in place of the key."""
    account = world.callkeeper.find(_words(request)[2])
    return f"callkeeper/{account['name']}" if account else ""


def _words(request: Request) -> list[str]:
    """Return format, version, key, entity, method, page, from and to; '' for what is missing."""
    words = next(iter(request.query), "").split("/")
    return (words + [""] * 8)[:8]


def _calls(world: World, words: list[str]) -> Any:
    account = _account(world, words)
    _kind, _version, _key, _entity, _method, page, since, until = words
    if not re.fullmatch("[0-9]{1,9}", page):
        raise Failure("Incorrect page is set")
    first = _moment(since, is_end=False)
    if first is None:
        raise Failure("Start date has wrong type. Possible format is 'Y-m-d' or timestamp")
    last = _moment(until, is_end=True) if until else int(world.clock.now())
    if last is None:
        raise Failure("End date has wrong type. Possible format is 'Y-m-d' or timestamp")
    calls = world.callkeeper.page(account, int(page), first, last)
    if not calls:
        raise Failure(NO_ROWS if page == "0" else "Incorrect page is set")
    return _with_gaps(calls) if account["shape"] == "gaps" else calls


def _account(world: World, words: list[str]) -> sqlite3.Row:
    kind, version, key, entity, method = words[:5]
    if kind != "json":
        raise Failure("Type to return is not available")
    if version != "v3":
        raise Failure("It is wrong API version")
    account = world.callkeeper.find(key)
    if account is None:
        raise Failure("User is not recognized")
    if entity != "call":
        raise Failure("Entity does not exist")
    if method not in METHODS:
        raise Failure("Method does not exist")
    return account


def _moment(text: str, *, is_end: bool) -> int | None:
    """Read Unix seconds or a day, the last one included; None for anything else."""
    if re.fullmatch("[0-9]{1,11}", text):
        return int(text)
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=MOSCOW)
    except ValueError:
        return None
    return int((day + timedelta(days=1)).timestamp()) - 1 if is_end else int(day.timestamp())


def _with_gaps(calls: list[Any]) -> dict[str, Any]:
    """Number the calls as PHP writes a list from which some items were removed."""
    return {str(2 * number + 1): one for number, one in enumerate(calls)}
