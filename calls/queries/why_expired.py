"""Why calls were not sent within Metrika's 21 days, from the rows that tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from calls.decision.horizon import LINK_HORIZON
from calls.models import UploadAttempt
from calls.queries.blocked_then import Changes, blocked_then, changes_since
from calls.queries.display_state import DisplayDelivery
from calls.queries.freshness import CAME_LATE
from calls.queries.late import LATE
from calls.queries.late_arrived import words_of_error
from calls.queries.late_events import Event, events_of, latest_in, moment_text
from calls.states import IDENTIFIER_UNREADABLE, MAYBE_SENT, Channel, DisplayState
from counters.models import Counter
from integrations.limits.outage_words import duration_of


def why_expired(
    deliveries: Sequence[DisplayDelivery],
    attempts: Mapping[int, Sequence[UploadAttempt]],
    *,
    now: datetime,
) -> dict[int, str]:
    """Return what made the expired of these deliveries late, by id; four queries if there are any.

    Load them with call, upload, and counter with its account; ``attempts`` by upload.
    """
    expired = [one for one in deliveries if one.display_state == DisplayState.EXPIRED]
    waited = [one for one in expired if not _came_too_late(one)]
    since = min((one.call.received_at for one in waited), default=now)
    counters = list({one.counter_id: one.counter for one in waited}.values())
    events = events_of(counters, since, now) if counters else {}
    ends = min((one.expires_at for one in waited), default=now)
    changes = changes_since(counters, ends) if counters else {}
    return {
        one.pk: _why(
            one, attempts.get(one.upload_id or 0, []), events.get(one.counter_id, []), changes
        )
        for one in expired
    }


def _came_too_late(delivery: DisplayDelivery) -> bool:
    return delivery.call.received_at >= delivery.expires_at


def _why(
    delivery: DisplayDelivery,
    attempts: Sequence[UploadAttempt],
    events: Sequence[Event],
    changes: Changes,
) -> str:
    way = delivery.call.received_at - delivery.call.started_at
    words = {"length": duration_of(way)}
    if _came_too_late(delivery):
        text = _("Он пришёл от источника через %(length)s после начала, когда срок уже прошёл.")
        return text % words
    came = _("Он пришёл от источника через %(length)s после начала.") if way > CAME_LATE else ""
    waited = [*_at_the_counter(delivery), *_before_the_file(delivery, events, changes)]
    if delivery.upload is not None:
        waited.append(_of_file(delivery.upload.created_at, attempts))
    # A call that came with little time left needs no other cause.
    if not waited and way < LINK_HORIZON / 2:
        waited.append(_("Что его задержало у нас, не записано."))
    return " ".join(filter(None, [came % words if came else "", *waited]))


def _at_the_counter(delivery: DisplayDelivery) -> Iterator[str]:
    """Yield what a person had not settled by the end of the term."""
    counter, end = delivery.counter, delivery.expires_at
    if counter.configured_at is None or counter.configured_at > end:
        yield _("Настройки счетчика не были сохранены вовремя.")
    goal = counter.goal if delivery.channel == Channel.GOAL else None
    if goal and goal.deleted_at and goal.deleted_at <= end:
        yield _("Цель счетчика удалена в Метрике.")
    if delivery.reason in (IDENTIFIER_UNREADABLE, MAYBE_SENT):
        yield _("Он ждал вашего решения.")
    if delivery.not_before and delivery.not_before - delivery.call.received_at > LATE:
        # A hold, or a decision that new settings repeated: no row tells which.
        text = _("По настройкам счетчика отправить его можно было с %(moment)s.")
        yield text % {"moment": moment_text(delivery.not_before)}


def _before_the_file(
    delivery: DisplayDelivery, events: Sequence[Event], changes: Changes
) -> Iterator[str]:
    """Yield what kept the counter from sending: what lasted at the end, else what ended last."""
    counter, end = delivery.counter, delivery.expires_at
    lost_at = _lost_at(counter)
    if lost_at and lost_at <= end:
        yield _("Доступа к Яндексу нет с %(moment)s.") % {"moment": moment_text(lost_at)}
    elif blocked := blocked_then(counter, end, changes):
        yield blocked
    elif not counter.enabled:
        yield _("Сейчас счетчик выключен.")
    elif event := latest_in(events, delivery.call.received_at, end):
        yield _("%(result)s.") % {"result": event}


def _lost_at(counter: Counter) -> datetime | None:
    """Return since when the counter has no access; None if it has, or if that is not stored."""
    if not counter.account.is_usable:
        return counter.account.state_changed_at
    return None if counter.has_access else counter.access_changed_at


def _of_file(built_at: datetime, attempts: Sequence[UploadAttempt]) -> str:
    words = {"moment": moment_text(built_at)}
    if not attempts:
        return _("Файл с ним собран %(moment)s, до отправки дело не дошло.") % words
    error = words_of_error(attempts[-1].error_class)
    if not error:
        return _("Файл с ним собран %(moment)s, но Яндекс его не принял.") % words
    text = _("Файл с ним собран %(moment)s, но Яндекс его не принял. Последняя попытка: %(error)s.")
    return text % (words | {"error": error})
