"""The values that a rule looks at, in words: shown on a call's page beside a rule that passed.

A rule that refuses names them in its sentence. Rules without an entry look at what their
requirement says already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.quotes import quoted
from calls.decision.reason import Rule
from calls.decision.rules.linking import IDENTIFIER
from calls.masking import Mask, masked_campaign, masked_value
from calls.phones import with_masked_phones
from calls.states import (
    BEFORE_CONNECTION,
    GOAL_GONE,
    GOAL_NOT_SET,
    IDENTIFIER_UNREADABLE,
    NO_IDENTIFIER,
    NOT_LAST_ATTEMPT,
    UNLINKED_NO_GOAL,
    CallKind,
)
from counters.hosts import readable_host
from counters.models import Counter

_IDENTIFIER_NAMES = {1: "ClientID", 2: "yclid", 3: "UserID"}


@dataclass(frozen=True)
class LookedAt:
    """``sql``: an array (jsonb) of the values, '' for those that the rule compares.

    ``text`` gets them as arguments; '' for nothing to tell. ``masks`` are as those of `Reason`.
    """

    text: Callable[..., str]
    sql: str = ""
    masks: Mapping[int, Mask] = field(default_factory=dict)

    def words(self, values: Sequence[Any], *, is_whole: bool) -> str:
        """Return the values in words, personal data masked unless ``is_whole``."""
        masks: Mapping[int, Mask] = {} if is_whole else self.masks
        return self.text(
            *(
                masks[place](value) if place in masks and isinstance(value, str) else value
                for place, value in enumerate(values)
            )
        )


def looked_at_sql(rule: Rule) -> str:
    """Return SQL of the values (jsonb); null where the rule has none to tell or does not apply."""
    one = LOOKED_AT.get(rule.code)
    if one is None:
        return "NULL::jsonb"
    return f"CASE WHEN coalesce(({rule.applies}), true) THEN {one.sql or rule.compared} END"


def _moments(started: str, accepted: str) -> str:
    start, bound = (_moment(datetime.fromisoformat(text)) for text in (started, accepted))
    words = {"start": start, "bound": bound}
    return _("начался %(start)s, счетчик принимает звонки с %(bound)s") % words


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "d.m.Y H:i:s")


def _name(name: str | None) -> str:
    return quoted(name) if name else ""


def _call_type(kind: str, wanted: str, *_accepted: bool) -> str:
    words = {"call": str(CallKind(kind).label).lower(), "wanted": Counter.CallKind(wanted).label}
    return _("%(call)s, в настройке — «%(wanted)s»") % words


def _status(status: str, wanted: str) -> str:
    if not status:
        return ""
    words = {"call": str(_STATUS[status]()), "wanted": Counter.CallStatus(wanted).label}
    return _("%(call)s, в настройке — «%(wanted)s»") % words


_STATUS: dict[str, Callable[[], str]] = {
    "success": lambda: _("успешный"),
    "fail": lambda: _("неуспешный"),
}


def _duration(seconds: int, least: int) -> str:
    words = {"seconds": seconds, "least": least}
    return _("%(seconds)d с, в настройке — от %(least)d с") % words


def _uniqueness(wanted: str) -> str:
    return _("в настройке — «%(wanted)s»") % {"wanted": Counter.Uniqueness(wanted).label}


def _host(host: str) -> str:
    return with_masked_phones(readable_host(host)) if host else ""


def _site(host: str, accepted: list[str], count: int, _with_subdomains: bool) -> str:
    words = {"call": _host(host), "taken": _listed([*map(readable_host, accepted)], count)}
    return _("%(call)s, в настройке — %(taken)s") % words


def _campaign(campaign: str, accepted: list[str], count: int) -> str:
    words = {
        "call": quoted(with_masked_phones(campaign)),
        "taken": _listed([quoted(name) for name in accepted], count),
    }
    return _("%(call)s, в настройке — %(taken)s") % words


def _listed(shown: Sequence[str], count: int) -> str:
    listed = ", ".join(shown)
    if count <= len(shown):
        return listed
    return _("%(listed)s и ещё %(more)d") % {"listed": listed, "more": count - len(shown)}


def _attempt(attempt: int | None) -> str:
    return "" if attempt is None else _("попытка %(attempt)d") % {"attempt": attempt}


def _identifier(kind: int | None, value: str | None) -> str:
    if kind is None:
        return _("идентификатора нет")
    return f"{_IDENTIFIER_NAMES[kind]} {value}"


_OF_IDENTIFIER = LookedAt(
    _identifier,
    f"""jsonb_build_array({IDENTIFIER}, CASE {IDENTIFIER}
        WHEN 1 THEN c.client_id WHEN 2 THEN c.yclid WHEN 3 THEN left(c.user_id, 100) END)""",
    {1: masked_value},
)
LOOKED_AT: dict[str, LookedAt] = {
    BEFORE_CONNECTION: LookedAt(_moments),
    GOAL_NOT_SET: LookedAt(_name, "jsonb_build_array(left(g.name, 120))"),
    GOAL_GONE: LookedAt(_name),
    "goal_unusable": LookedAt(_name),
    "call_type": LookedAt(_call_type),
    "status": LookedAt(_status),
    "too_short": LookedAt(_duration),
    "uniqueness": LookedAt(_uniqueness),
    "site_unknown": LookedAt(_host, "jsonb_build_array(left(c.site_host, 120))"),
    "site": LookedAt(_site),
    "campaign": LookedAt(_campaign, masks={0: masked_campaign}),
    NOT_LAST_ATTEMPT: LookedAt(_attempt),
    IDENTIFIER_UNREADABLE: _OF_IDENTIFIER,
    UNLINKED_NO_GOAL: _OF_IDENTIFIER,
    "unlinked_off": _OF_IDENTIFIER,
    NO_IDENTIFIER: _OF_IDENTIFIER,
}
