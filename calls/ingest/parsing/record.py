"""Parses one record of CallKeeper's v3 API into a call, or returns why it cannot. Pure.

Field names: https://github.com/yuferev/callkeeper/blob/master/documentation/api/api_methods/getCalls.md
and, for what v3 lacks, those of the older export. Unknown fields are kept in ``raw``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from calls.ingest.parsing import status_codes
from calls.ingest.parsing.call_kind import read_kind
from calls.ingest.parsing.call_time import check_end, is_over, read_start
from calls.ingest.parsing.clicks import click_of, plain_click
from calls.ingest.parsing.content_hash import read_content
from calls.ingest.parsing.fields import (
    Item,
    Unusable,
    present,
    read_code,
    read_count,
    read_flag,
    read_key,
    read_text,
)
from calls.ingest.parsing.identifiers import (
    CLIENT_ID,
    has_no_user_id,
    plain_number,
    read_number,
    read_user_id,
)
from calls.ingest.parsing.identity import call_ids, client_number, readable_id
from calls.ingest.parsing.json_values import MAX_LEVELS, TooDeep
from calls.ingest.parsing.lists import read_keys, read_tags
from calls.ingest.parsing.phone import RUSSIA, parse_phone
from calls.ingest.parsing.remembered import remembered
from calls.ingest.parsing.seconds import read_seconds
from calls.ingest.parsing.sites import is_address, read_site
from calls.states import CallKind

MAX_PHONE_TEXT = 64
#: The page of the call, else the landing.
PAGE_FIELDS = ("callPage", "cpg", "entryPointQuery", "entryPoint")
#: Longer addresses are cut, after the click id was read from the whole address.
MAX_ADDRESS = 2048
#: Fields of a CallRecord in its order: from `status` on, and those of the campaign.
Outcome = tuple[str, int | None, int | None, bool, bool, bool]
Campaign = tuple[str, str]
#: ClientID, yclid, UserID, and those that came and could not be read.
Visitor = tuple[str, str, str, dict[str, str] | None]
VISITOR_COLUMNS = ("client_id", "yclid", "user_id", "unreadable_identifiers")
#: Seconds of talk; a callback's `duration_sec` is the whole call.
DURATIONS = ("duration", "duration2_sec")
#: Seconds of waiting, or the whole call from which they are derived.
HOLDS = ("holdDuration", "waitTime", "duration_sec")


# Not frozen: that makes each of the fields four times as slow to set.
@dataclass(slots=True)
class CallRecord:
    """A parsed call, never changed; the fields but ``aliases`` are columns of `calls.models.Call`.

    `_read` gives the fields in this order.
    """

    external_id: str
    #: Weaker ids of the same call, the strongest first: it may be stored under one. No column.
    aliases: tuple[str, ...]
    service_type: str
    kind: str
    phone: str
    phone_text: str
    started_at: datetime
    duration_seconds: int
    hold_seconds: int | None
    status: str
    status_first: int | None
    status_second: int | None
    is_finished: bool
    is_test: bool
    is_technical: bool
    is_unique: bool
    is_target: bool
    is_unique_target: bool
    site: str
    site_host: str
    campaign_id: str
    campaign_name: str
    client_id: str
    yclid: str
    user_id: str
    #: Identifier ("ClientId", "Yclid", "UserId") → the text that came and could not be read.
    unreadable_identifiers: dict[str, str] | None
    page_url: str
    tags: list[str]
    callback_id: int | None
    attempt: int | None
    order_key: int | None
    raw: dict[str, Any]
    content_hash: str


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Why a record cannot become a call."""

    code: str
    field: str
    message: str
    external_id: str = ""
    #: The record as it came, for who keeps it; no part of the reason.
    raw: Any = attribute(default=None, compare=False, repr=False)


def read_records(
    items: Sequence[Any],
    *,
    source_id: str,
    zone: ZoneInfo | None,
    now: datetime,
    region: str = RUSSIA,
) -> list[CallRecord | BadRecord]:
    """Parse each record.

    ``source_id`` is the source's public id, ``zone`` that of times without an offset, ``region``
    the country of phone numbers without a country code.
    """
    return [
        read_record(item, source_id=source_id, zone=zone, now=now, region=region) for item in items
    ]


def read_record(
    item: Any,
    *,
    source_id: str,
    zone: ZoneInfo | None,
    now: datetime,
    region: str = RUSSIA,
) -> CallRecord | BadRecord:
    """Return the call, or why the record cannot become one. Never raises."""
    if not isinstance(item, dict):
        sentence = _("Запись звонка должна быть объектом JSON.")
        return BadRecord("not_an_object", "", sentence, raw=item)
    try:
        raw, content_hash = read_content(item)
    except TooDeep:
        sentence = _("Запись звонка глубже %(most)d уровней.") % {"most": MAX_LEVELS}
        return BadRecord("too_deep", "", sentence, raw=item)
    try:
        return _read(raw, content_hash, source_id=source_id, zone=zone, now=now, region=region)
    except Unusable as problem:
        return BadRecord(problem.code, problem.field, problem.message, readable_id(raw), raw=item)


def _read(
    raw: dict[str, Any],
    content_hash: str,
    *,
    source_id: str,
    zone: ZoneInfo | None,
    now: datetime,
    region: str,
) -> CallRecord:
    """Return the call. Raises Unusable for what is wrong first."""
    start = read_start(raw, zone=zone, now=now)
    number = client_number(raw)
    phone = parse_phone(number, region)
    duration = read_seconds(raw, *DURATIONS)
    _check_end(raw, DURATIONS, start, duration, now)
    hold = _hold(raw)
    _check_end(raw, HOLDS, start, hold or 0, now)
    visitor = _read_visitor(raw)
    kind = read_kind(raw, has_identifier=any(visitor))
    ids = call_ids(raw, source_id=source_id, started_at=start, number=number, visitor=visitor[:3])
    site = read_site(raw)
    columns = (
        *(ids[0], ids[1:], read_text(raw, "serviceType", limit=32), kind),
        *(phone, "" if phone else number[:MAX_PHONE_TEXT], start, duration, hold),
        *_outcome(raw),
        *_flags(raw),
        *(site.text, site.host),
        *_campaign(raw),
        *visitor,
        *(_page(raw)[:MAX_ADDRESS], read_tags(raw.get("tags"))),
        *(_attempt(raw) if kind == CallKind.CALLBACK else _NO_ATTEMPT),
    )
    return CallRecord(*columns, raw, content_hash)


def _check_end(
    raw: Item, names: tuple[str, ...], start: datetime, seconds: int, now: datetime
) -> None:
    if not is_over(start, seconds, now=now):
        check_end(start, seconds, field=present(raw, *names)[0], now=now)


def read_visitor(raw: Item) -> dict[str, Any]:
    """Return the columns of the identifiers and of the kind by name. Raises Unusable."""
    visitor = _read_visitor(raw)
    columns = dict(zip(VISITOR_COLUMNS, visitor, strict=True))
    return columns | {"kind": read_kind(raw, has_identifier=any(visitor))}


def _read_visitor(raw: Item) -> Visitor:
    return _plain_visitor(raw) or _visitor(raw)


def _plain_visitor(raw: Item) -> Visitor | None:
    """Return what `_visitor` does when every identifier is plain digits or absent, else None."""
    client, click = plain_number(raw, CLIENT_ID), plain_click(raw)
    if client is None or click is None or not has_no_user_id(raw):
        return None
    return client, click, "", None


def _visitor(raw: Item) -> Visitor:
    client, click, user = read_number(raw, CLIENT_ID), click_of(raw), read_user_id(raw)
    came = (("ClientId", client), ("Yclid", click), ("UserId", user))
    unreadable = {name: one.unreadable for name, one in came if one.unreadable}
    return client.value, click.value, user.value, unreadable or None


@remembered("status", "statusFirst", "statusSecond", "state")
def _outcome(raw: Item) -> Outcome:
    codes = _codes(raw)
    return (
        status_codes.status_of(read_text(raw, "status"), codes),
        *codes,
        status_codes.is_finished(codes),
        status_codes.is_test(codes),
        status_codes.is_technical(codes),
    )


def _flags(raw: Item) -> tuple[bool, bool, bool]:
    """Return whether the call is unique, is a target, and is both, which may be said apart."""
    is_unique, is_target = read_flag(raw, "unique"), read_flag(raw, "target")
    is_both = read_flag(raw, "uniqueTarget") if "uniqueTarget" in raw else is_unique and is_target
    return is_unique, is_target, is_both


@remembered("ctCampaignId", "campaignId", "ctCampaignName", "campaignName")
def _campaign(raw: Item) -> Campaign:
    return (
        read_text(raw, "ctCampaignId", "campaignId", limit=64),
        read_text(raw, "ctCampaignName", "campaignName", limit=255),
    )


def _page(raw: Item) -> str:
    """Return the first address of a page; a query alone does not tell the page."""
    plain = raw.get(PAGE_FIELDS[0])
    if type(plain) is str and plain.startswith("https://") and not plain[-1].isspace():
        return plain
    return next(filter(is_address, (read_text(raw, name) for name in PAGE_FIELDS)), "")


def _codes(raw: Item) -> status_codes.Codes:
    codes = read_code(raw, "statusFirst"), read_code(raw, "statusSecond")
    return codes if codes != (None, None) else status_codes.read_pair(read_text(raw, "state"))


def _attempt(raw: Item) -> tuple[int | None, int | None, int | None]:
    """Return the attempt's id and number, and the lowest id of the attempts of its order."""
    callback_id = read_key(raw.get("cbCallId"))
    queue = read_keys(raw.get("cbAttemptsQueue"))
    lowest = min([*queue, *([callback_id] if callback_id else [])], default=None)
    return callback_id, read_count(raw, "cbAttempt") or None, lowest


_NO_ATTEMPT = None, None, None


def _hold(raw: Item) -> int | None:
    """Return the seconds of waiting; None when unknown: 0 would distort Metrika's averages."""
    if all(raw.get(name) is None for name in HOLDS):
        return None
    named = read_seconds(raw, "holdDuration", "waitTime")
    if named:
        return named
    if present(raw, "duration_sec")[1] == "" or present(raw, "duration2_sec")[1] == "":
        return None
    whole, talk = read_seconds(raw, "duration_sec"), read_seconds(raw, "duration2_sec")
    return whole - talk if 0 < whole >= talk else None
