"""Expected result of a call, computed from its raw record by the documented rules.

Shares no code with the product: the rules of the settings window, and the row of a call from
https://yandex.ru/dev/metrika/ru/management/calls, each implemented a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

Record = Mapping[str, Any]
CALLS, GOAL = "calls", "goal"
MOSCOW = timezone(timedelta(hours=3))
HORIZON = timedelta(days=21)
TECHNICAL = {667, 668, 701, 702, 703, 704, 705, 706, 708, 709, 718, 710, 811, 812, 814, 813, 815}
GOING_ON = {1, 2, 707}
TEST = 790
#: Kinds of call tracking that go as unlinked when no identifier came.
UNLINKABLE = {"dynamic", "unknown"}


@dataclass(frozen=True)
class CounterSettings:
    """The settings of one counter, as chosen in its settings window."""

    number: int
    #: None: calls of every site.
    only_site: str | None = None
    kinds: frozenset[str] = frozenset({"dynamic", "static", "callback"})
    successful_only: bool = False
    from_seconds: int = 0
    #: None: the tags of the calls.
    tags: Mapping[str, str] | None = None
    price: str = ""
    mask_phones: bool = False
    identifiers: Sequence[str] = ("ClientId", "Yclid", "UserId")
    goal: str = ""
    skips_technical: bool = True
    last_attempt_only: bool = True


@dataclass(frozen=True)
class Expected:
    """All reasons against sending (none: the call is sent), and the expected row."""

    reasons: frozenset[str]
    row: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sent(self) -> bool:
        return not self.reasons


@dataclass
class Oracle:
    """All records of a cabinet in their last version, by `universalId`."""

    records: Mapping[str, Record]
    #: `universalId` → address of the call's page.
    pages: Mapping[str, str]
    now: datetime

    def expected(self, settings: CounterSettings, call: str, channel: str) -> Expected:
        record = self.records[call]
        reasons = frozenset(self._reasons(settings, record, channel))
        return Expected(reasons, {} if reasons else self._row(settings, record, channel))

    def _reasons(self, settings: CounterSettings, record: Record, channel: str) -> Iterable[str]:
        kind = kind_of(record)
        first, second = record["statusFirst"], record["statusSecond"]
        if first == TEST and second == 0:
            yield "test_call"
        if first in GOING_ON and second == 0:
            yield "not_finished"
        if settings.skips_technical and first in TECHNICAL and second == 0:
            yield "technical"
        if not _accepts(settings, kind):
            yield "call_type"
        if settings.successful_only and record["status"] != "success":
            yield "status"
        if record["duration"] < settings.from_seconds:
            yield "too_short"
        if settings.only_site and record["site"] != settings.only_site:
            yield "site"
        if settings.last_attempt_only and self._has_later_attempt(record, settings):
            yield "not_last_attempt"
        if channel == GOAL and not settings.goal:
            yield "goal_not_set"
        if kind == "static" and channel == GOAL:
            yield "static_no_goal"
        if kind in UNLINKABLE and channel == GOAL and not identifier_of(record, settings):
            yield "unlinked_no_goal"
        if kind == "callback" and not identifier_of(record, settings):
            yield "no_identifier"
        if started_at(record) <= self.now - HORIZON:
            yield "before_connection"

    def _has_later_attempt(self, record: Record, settings: CounterSettings) -> bool:
        if record["serviceType"] != "callback":
            return False
        later = self._later_attempts.get(record["cbCallId"], [])
        return any(_counts_as_attempt(codes, settings) for codes in later)

    @cached_property
    def _later_attempts(self) -> dict[int, list[tuple[int, int]]]:
        """Attempt → codes of the attempts that list it as earlier; one may list itself."""
        later: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for record in self.records.values():
            if record["serviceType"] == "callback":
                for earlier in record["cbAttemptsQueue"]:
                    if earlier != record["cbCallId"]:
                        later[earlier].append((record["statusFirst"], record["statusSecond"]))
        return later

    def _row(self, settings: CounterSettings, record: Record, channel: str) -> dict[str, str]:
        name, value = identifier_of(record, settings) or (settings.identifiers[0], "")
        money = {"Price": settings.price, "Currency": "RUB" if settings.price else ""}
        moment = {"DateTime": str(int(started_at(record).timestamp()))}
        if channel == GOAL:
            return {name: value, "Target": settings.goal, **moment, **money}
        if goes_unlinked(record, settings):
            # Such a call has no visit: any identifier column will do, empty.
            name, value = "ClientId", ""
        return {name: value, **moment, **money, **self._call_columns(settings, record)}

    def _call_columns(self, settings: CounterSettings, record: Record) -> dict[str, str]:
        return {
            "StaticCall": "1" if goes_unlinked(record, settings) else "0",
            "PhoneNumber": phone_of(record, is_masked=settings.mask_phones),
            "TalkDuration": str(record["duration"]),
            "HoldDuration": hold_of(record),
            "CallMissed": "1" if record["status"] == "fail" else "0",
            "Tag": tag_of(record, settings),
            "FirstTimeCaller": "1" if record["unique"] else "0",
            "URL": record.get("callPage") or record.get("entryPointQuery", ""),
            "CallTrackerURL": self.pages[record["universalId"]],
        }


def kind_of(record: Record) -> str:
    if record["serviceType"] == "callback":
        return "callback"
    words = record.get("callType", "")
    if not words:
        return "dynamic" if identifiers_of(record) else "unknown"
    return "static" if words == "Статический коллтрекинг" else "dynamic"


def goes_unlinked(record: Record, settings: CounterSettings) -> bool:
    """Whether the call is sent as one that Metrika links to no visit."""
    kind = kind_of(record)
    return kind == "static" or (kind in UNLINKABLE and not identifier_of(record, settings))


def started_at(record: Record) -> datetime:
    """Start of the call; a naive time is in Moscow time, as the source declares."""
    moment = datetime.fromisoformat(record["callTime"])
    return moment if moment.tzinfo else moment.replace(tzinfo=MOSCOW)


def identifiers_of(record: Record) -> dict[str, str]:
    query = urlsplit(record.get("entryPointQuery", "")).query
    click = parse_qs(query).get("yclid", [""])[0]
    known = {
        "ClientId": record.get("yaClid", ""),
        "Yclid": click,
        "UserId": record.get("userId", ""),
    }
    return {name: value for name, value in known.items() if value}


def identifier_of(record: Record, settings: CounterSettings) -> tuple[str, str] | None:
    known = identifiers_of(record)
    return next(((name, known[name]) for name in settings.identifiers if name in known), None)


def phone_of(record: Record, *, is_masked: bool) -> str:
    """+79161234567, or +7******4567: country and the last four digits stay."""
    digits = record["clientNumber"]
    if not is_masked:
        return f"+{digits}"
    return f"+{digits[:1]}{'*' * (len(digits) - 5)}{digits[-4:]}"


def tag_of(record: Record, settings: CounterSettings) -> str:
    if settings.tags is None:
        return ", ".join(record["tags"])
    return settings.tags["callback" if kind_of(record) == "callback" else "incoming"]


def hold_of(record: Record) -> str:
    """Unknown is empty: zeros would lower the averages in Metrika's reports."""
    if not record.get("duration_sec"):
        return ""
    return str(record["duration_sec"] - record["duration2_sec"])


def _accepts(settings: CounterSettings, kind: str) -> bool:
    """Whether the kind is accepted; an unknown one may be dynamic or static."""
    kinds = {"dynamic", "static"} if kind == "unknown" else {kind}
    return bool(kinds & settings.kinds)


def _counts_as_attempt(codes: tuple[int, int], settings: CounterSettings) -> bool:
    """Whether an attempt counts: it is finished, not a test, not a technical cancellation."""
    first, second = codes
    if first == TEST or (first in GOING_ON and second == 0):
        return False
    return not (settings.skips_technical and first in TECHNICAL and second == 0)
