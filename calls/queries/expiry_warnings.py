"""Warnings about calls that are blocked and near the end of Metrika's 21 days.

Computed from the ledger; nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Min, Q, When
from django.utils.translation import gettext as _

from calls.decision.horizon import LINK_HORIZON
from calls.delivery.moves import CANCEL
from calls.models import Delivery, Upload
from calls.models.querysets import AWAITS_FILE, AWAITS_GOAL, AWAITS_PERSON, AWAITS_SETTINGS
from calls.states import (
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    NOT_CONFIGURED,
    Attention,
    Channel,
    DeliveryState,
    UploadState,
)
from counters.models import Counter
from counters.sendable import SENDABLE, as_q

#: Time left to the end of the 21 days: a first warning on day 14, a last one on day 19.
FIRST_WARNING = timedelta(days=7)
LAST_WARNING = timedelta(days=2)
#: How long expired calls are reported.
REPORTED_FOR = timedelta(days=7)
#: partition_at is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=1)
AGE_AT_FIRST_WARNING = timedelta(days=21) - FIRST_WARNING - SLACK

_UNDECIDED = AWAITS_SETTINGS | AWAITS_PERSON | AWAITS_FILE | AWAITS_GOAL
_LINKABLE = Q(is_static=False)
#: When an expired delivery was too late: expired when decided, or by the end of its term.
_TOO_LATE_AT = Case(When(state=DeliveryState.EXPIRED, then="decided_at"), default="expires_at")


@dataclass(frozen=True)
class ExpiryWarning:
    """A counter's calls whose term ends in two days or in a week, or has ended in the last week."""

    counter_id: int
    counter_name: str
    in_two_days: int
    in_a_week: int
    expired: int
    #: Of each of these those that Metrika can link: neither static nor unlinked.
    linkable_in_two_days: int
    linkable_in_a_week: int
    lost: int
    #: When the first of the expired were too late; None without any.
    expired_since: datetime | None = None

    @property
    def sentences(self) -> list[str]:
        """Return the warnings in Russian, the most urgent first."""
        later = self.in_a_week - self.in_two_days
        linkable = self.linkable_in_a_week - self.linkable_in_two_days
        sentences = (
            self._in_two_days() if self.in_two_days else "",
            _in_seven_days(later, linkable) if later else "",
            self._of_expired() if self.expired else "",
        )
        return [one for one in sentences if one]

    def _in_two_days(self) -> str:
        calls, linkable = self.in_two_days, self.linkable_in_two_days
        if linkable == calls:
            return _("Не позже чем через 2 дня перестанут привязываться звонки: %d.") % calls
        text = _(
            "Не позже чем через 2 дня опоздают звонки: %(all)d, из них перестанут привязываться: "
            "%(linkable)d."
        )
        return text % {"all": calls, "linkable": linkable}

    def _of_expired(self) -> str:
        if self.lost == self.expired:
            return _("За неделю опоздали и уже не привяжутся звонки: %d.") % self.expired
        if not self.lost:
            text = _(
                "За неделю опоздали звонки: %d. Все они непривязанные: к визитам Метрика не "
                "привязала бы их и вовремя."
            )
            return text % self.expired
        text = _(
            "За неделю опоздали звонки: %(all)d, из них уже не привяжутся: %(lost)d. Остальные "
            "непривязанные: к визитам Метрика не привязала бы их и вовремя."
        )
        return text % {"all": self.expired, "lost": self.lost}


def _in_seven_days(calls: int, linkable: int) -> str:
    if linkable == calls:
        return _("Не позже чем через 7 дней перестанут привязываться звонки: %d.") % calls
    text = _(
        "Не позже чем через 7 дней опоздают звонки: %(all)d, из них перестанут привязываться: "
        "%(linkable)d."
    )
    return text % {"all": calls, "linkable": linkable}


def expiry_warnings(counters: Q, *, now: datetime) -> list[ExpiryWarning]:
    """Return the warnings of the counters that match ``counters``, by name, in three queries.

    Counted are calls that a person can still save: those of a counter that is off, not set up,
    without access or without its goal, those whose identifier is unreadable, and those in an upload
    that waits for a person. A call that is sent over two channels counts once.
    """
    ids = list(Counter.objects.present().filter(counters).values_list("pk", flat=True))
    if not ids:
        return []
    files = _files_of(ids, now)
    soon = Q(expires_at__gt=now, expires_at__lte=now + FIRST_WARNING) & _blocked(files)
    last = soon & Q(expires_at__lte=now + LAST_WARNING)
    expired = _expired(files, since=now - REPORTED_FOR, now=now)
    rows = (
        Delivery.objects.filter(soon | expired, _candidates(files, since=now - REPORTED_FOR))
        .filter(counter__in=ids, partition_at__lte=now - AGE_AT_FIRST_WARNING)
        .order_by("counter__name", "counter_id")
        .values_list("counter_id", "counter__name")
        .annotate(
            in_two_days=_calls(last),
            in_a_week=_calls(soon),
            expired=_calls(expired),
            linkable_in_two_days=_calls(last & _LINKABLE),
            linkable_in_a_week=_calls(soon & _LINKABLE),
            lost=_calls(expired & _LINKABLE),
            expired_since=Min(_TOO_LATE_AT, filter=expired),
        )
    )
    return [ExpiryWarning(*row) for row in rows]


def _calls(rows: Q) -> Count:
    return Count("call_id", distinct=True, filter=rows)


@dataclass(frozen=True)
class _Files:
    """Ids of the uploads of some counters that matter to warnings."""

    #: Nothing of them has left.
    unsent: list[int]
    #: Of these, those that wait for a person.
    stuck: list[int]
    #: Cancelled of late because their calls were too old.
    expired: list[int]


def _files_of(counters: list[int], now: datetime) -> _Files:
    """Return the uploads of the counters that matter to warnings, in one query."""
    unsent = CANCEL.condition & Q(newest_call_at__gt=now - LINK_HORIZON - SLACK)
    expired = Q(
        state=UploadState.CANCELLED,
        attention=Attention.EXPIRED,
        settled_at__gt=now - REPORTED_FOR,
    )
    uploads = Upload.objects.filter(unsent | expired, counter__in=counters)
    states = dict(uploads.values_list("pk", "state"))
    ended = [pk for pk, state in states.items() if state == UploadState.CANCELLED]
    return _Files(
        unsent=[pk for pk in states if pk not in {*ended}],
        stuck=[pk for pk, state in states.items() if state == UploadState.NEEDS_ATTENTION],
        expired=ended,
    )


def _candidates(files: _Files, *, since: datetime) -> Q:
    """Match every delivery that may be warned of, and some others, by what has an index.

    The conditions proper are none that an index answers: by them alone all older rows of the
    counters would be read.
    """
    reasons = (NOT_CONFIGURED, IDENTIFIER_UNREADABLE, MAYBE_SENT, GOAL_GONE)
    skipped = Q(state=DeliveryState.SKIPPED, reason__in=reasons)
    ended = Q(state=DeliveryState.EXPIRED, decided_at__gt=since)
    in_files = _in([*files.unsent, *files.expired])
    return Q(state=DeliveryState.WAITING) | skipped | ended | in_files


def _in(uploads: list[int]) -> Q:
    return Q(state=DeliveryState.BATCHED, upload_id__in=uploads)


def _expired(files: _Files, *, since: datetime, now: datetime) -> Q:
    """Match deliveries shown as «Опоздал»: expired themselves, or with their upload."""
    passed = Q(expires_at__gt=since, expires_at__lte=now)
    awaited = _UNDECIDED & passed
    ended = Q(state=DeliveryState.EXPIRED, decided_at__gt=since)
    return ended | awaited | _in(files.expired)


def _blocked(files: _Files) -> Q:
    """Match deliveries that only a person can let be sent, and that are not with Metrika."""
    blocked = ~as_q(SENDABLE, "counter__")
    lost_goal = Q(channel=Channel.GOAL, counter__goal__deleted_at__isnull=False)
    waiting = Q(state=DeliveryState.WAITING) & (blocked | lost_goal)
    return waiting | _UNDECIDED | (_in(files.unsent) & blocked) | _in(files.stuck)
