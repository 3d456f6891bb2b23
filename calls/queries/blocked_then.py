"""What kept counters from sending at a moment of the past, from the audit trail.

The first change after the moment says, by its values before, how things stood then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import AuditEvent
from calls.queries.late_events import moment_text
from counters.models import Counter
from counters.states import Access
from integrations.models import YandexAccount

_OF_COUNTER = (
    *("counter.seen_in_metrika", "counter.account_changed", "counter.switched"),
    *("counter.stopped", "counter.continued"),
)


class _Block(NamedTuple):
    """A value that keeps a counter from sending, and the sentence of when it ended."""

    of_account: bool
    field: str
    is_blocking: Callable[[Any], bool]
    ended: str | Promise


_NO_ACCESS = gettext_lazy("Доступа к Яндексу не было до %(moment)s.")
_BLOCKS = (
    _Block(True, "state", lambda value: value not in YandexAccount.USABLE, _NO_ACCESS),
    _Block(False, "access", lambda value: value != Access.OK, _NO_ACCESS),
    _Block(
        False,
        "enabled",
        lambda value: not value,
        gettext_lazy("Счетчик был выключен до %(moment)s."),
    ),
    _Block(
        False,
        "stopped_cause",
        bool,
        gettext_lazy("До %(moment)s отправка счетчика была остановлена: Метрика отказывала."),
    ),
)

Changes = Mapping[tuple[bool, str], Sequence[AuditEvent]]


def changes_since(counters: Sequence[Counter], since: datetime) -> Changes:
    """Return the later changes of counters and of their accounts, the oldest first; one query.

    By whether the subject is an account, and its id.
    """
    accounts = {str(one.account_id) for one in counters}
    events = AuditEvent.objects.filter(
        Q(action__startswith="account.", object_id__in=accounts)
        | Q(action__in=_OF_COUNTER, object_id__in={str(one.pk) for one in counters}),
        cabinet__in={one.cabinet_id for one in counters},
        at__gt=since,
    )
    found: dict[tuple[bool, str], list[AuditEvent]] = {}
    for one in events.order_by("at", "pk"):
        key = one.action.startswith("account."), one.object_id
        found.setdefault(key, []).append(one)
    return found


def blocked_then(counter: Counter, moment: datetime, changes: Changes) -> str:
    """Return what kept the counter from sending at the moment, and until when; '' if not known."""
    for block in _BLOCKS:
        subject = counter.account_id if block.of_account else counter.pk
        later = [
            one
            for one in changes.get((block.of_account, str(subject)), ())
            if one.at > moment and block.field in one.before
        ]
        if later and block.is_blocking(later[0].before[block.field]):
            after = ((one.at, one.after.get(block.field)) for one in later)
            ends = (at for at, value in after if not block.is_blocking(value))
            return _ended(block, next(ends, None))
    return ""


def _ended(block: _Block, at: datetime | None) -> str:
    if at is None:
        return _("К концу срока счетчик не мог отправлять звонки.")
    return str(block.ended) % {"moment": moment_text(at)}
