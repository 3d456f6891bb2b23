"""Writes notes on Metrika's charts: settings changed, delivery stood still from–to.

For counters whose setting `chart_notes` is on. What is noted comes from the audit trail, so nothing
is missed by a run that dies; a note of an event is queued once.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.models import ChartNote, NoteState
from calls.models.reports import zone_of
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from counters.models import Counter
from counters.settings.diff import label_of
from counters.settings.save import COPIED, RESTORED, SAVED, TEMPLATE_APPLIED
from integrations.api_call import MetrikaUnavailable, call_metrika, code_of
from integrations.installation import guard
from integrations.linking.flow import may_change_counters
from integrations.yandex.errors import YandexError
from integrations.yandex.metrika import MetrikaClient

logger = logging.getLogger(__name__)

#: Older events are not noted: the queue may have stood still, and a late note only misleads.
RECENT = timedelta(days=1)
#: A shorter standstill is not seen on a chart of days.
NOTABLE_STOP = timedelta(hours=1)
#: Longer than two requests may take: another worker leaves a claimed note alone until then.
LEASE = timedelta(minutes=6)
MAX_ATTEMPTS = 20
NO_SCOPE = "no_scope"

_QUEUE = """
INSERT INTO calls_chartnote
    (counter_id, event_id, kind, starts_at, ends_at, changed, marker, state, is_unclear, attempts,
     next_at, error)
SELECT c.id, e.id, CASE WHEN e.action = 'counter.continued' THEN 'stood' ELSE 'settings' END,
       coalesce(stop.at, e.at), CASE WHEN stop.at IS NOT NULL THEN e.at END,
       CASE WHEN stop.at IS NULL
            THEN (SELECT coalesce(jsonb_agg(k ORDER BY k), '[]') FROM jsonb_object_keys(e.after) k)
            ELSE '[]' END,
       gen_random_uuid(), 'waiting', false, 0, %(now)s, ''
FROM counters_counter c
JOIN cabinets_auditevent e ON e.cabinet_id = c.cabinet_id AND e.at > %(since)s
    AND e.object_type = 'counters.counter' AND e.object_id = c.id::text
LEFT JOIN LATERAL (
    SELECT s.at FROM cabinets_auditevent s
    WHERE e.action = 'counter.continued' AND s.action = 'counter.stopped'
      AND s.cabinet_id = c.cabinet_id AND s.object_type = e.object_type
      AND s.object_id = e.object_id AND s.at <= e.at
    ORDER BY s.at DESC LIMIT 1) stop ON true
WHERE c.chart_notes AND c.removed_at IS NULL
  AND (e.action = ANY(%(saved)s) OR stop.at <= e.at - %(notable)s::interval)
  -- Not what was before it was switched on.
  AND NOT EXISTS (
      SELECT 1 FROM cabinets_auditevent o
      WHERE o.cabinet_id = c.cabinet_id AND o.at > e.at AND o.object_type = e.object_type
        AND o.object_id = e.object_id AND o.after @> '{"chart_notes": true}')
ORDER BY e.id
ON CONFLICT (counter_id, event_id) DO NOTHING
"""
_CLAIM = """
UPDATE calls_chartnote SET next_at = %(lease)s, attempts = attempts + 1
WHERE id = (SELECT id FROM calls_chartnote WHERE state = 'waiting' AND next_at <= %(now)s
            ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def write_due(*, seconds: float) -> int:
    """Queue what is new, and write what is due until the time is up; return how many were tried."""
    if not guard.may_request():
        return 0
    stop_at = time.monotonic() + seconds
    queue(timezone.now())
    count = 0
    while time.monotonic() < stop_at and not shutdown.is_requested():
        note = _claim(timezone.now())
        if note is None:
            break
        with isolated_errors(logger, "note %s on Metrika's charts", note.pk):
            write(note, now=timezone.now())
        count += 1
    return count


def queue(now: datetime) -> int:
    """Queue the events of the last day that are not queued yet; return how many."""
    values: dict[str, Any] = {
        "now": now,
        "since": now - RECENT,
        "saved": [SAVED, COPIED, TEMPLATE_APPLIED, RESTORED],
        "notable": NOTABLE_STOP,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, values)
        return int(cursor.rowcount)


def write(note: ChartNote, *, now: datetime) -> None:
    """Write a claimed note, or find that it is there already."""
    counter = Counter.objects.with_account().get(pk=note.counter_id)
    if not counter.chart_notes or counter.is_removed:
        _end(note, NoteState.FAILED, error="switched_off")
        return
    if not may_change_counters(counter.account.scopes):
        _retry(note, NO_SCOPE, now)
        return
    try:
        found = call_metrika(counter.account, lambda client: _write(client, counter, note))
    except MetrikaUnavailable as problem:
        logger.info("note %s: %s", note.pk, problem)
        _retry(note, code_of(problem), now)
        return
    _end(note, NoteState.WRITTEN, annotation_id=found, written_at=now)


def _write(client: MetrikaClient, counter: Counter, note: ChartNote) -> int:
    """Return the id of the note. Whether it may be there already is stored before it is sent."""
    if note.is_unclear:
        for one in client.chart_annotations(counter.number):
            if note.marker.hex in one.message:
                return one.annotation_id
    _update(note, is_unclear=True)
    title, message = texts_of(note, zone=ZoneInfo(zone_of(counter)))
    at = note.starts_at.astimezone(ZoneInfo(zone_of(counter)))
    try:
        made = client.create_chart_annotation(counter.number, at=at, title=title, message=message)
    except YandexError as error:
        _update(note, is_unclear=error.may_have_arrived)
        raise
    return made.annotation_id


def texts_of(note: ChartNote, *, zone: ZoneInfo) -> tuple[str, str]:
    """Return title and message, in Russian: Metrika has one text for everybody."""
    with translation.override(settings.LANGUAGE_CODE):
        if note.kind == ChartNote.Kind.STOOD and note.ends_at is not None:
            title = _("CallKeeper: отправка звонков стояла")
            text = _("Звонки не отправлялись с %(since)s до %(until)s и ушли позже.")
            text %= {"since": _moment(note.starts_at, zone), "until": _moment(note.ends_at, zone)}
        else:
            title = _("CallKeeper: изменены настройки счетчика")
            names = ", ".join(label_of(one) for one in note.changed if one in Counter.SETTINGS)
            text = _("Изменено: %(names)s.") % {"names": names or "—"}
    return title, f"{text[:900]} [{note.marker.hex}]"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "j E, H:i")


def _claim(now: datetime) -> ChartNote | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE})
        row = cursor.fetchone()
    return ChartNote.objects.get(pk=row[0]) if row else None


def _retry(note: ChartNote, error: str, now: datetime) -> None:
    """Put it off, twice as long each time; after MAX_ATTEMPTS it is given up."""
    if note.attempts >= MAX_ATTEMPTS:
        _end(note, NoteState.FAILED, error=error)
        return
    minutes = min(5 * 2 ** (note.attempts - 1), 12 * 60)
    _update(note, error=error, next_at=now + timedelta(minutes=minutes))


def _end(note: ChartNote, state: NoteState, **values: object) -> None:
    _update(note, **{"state": state, "error": "", **values})


def _update(note: ChartNote, **values: object) -> None:
    for name, value in values.items():
        setattr(note, name, value)
    note.save(update_fields=list(values))
