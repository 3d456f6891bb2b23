"""Decides whether this database may send, and keeps the marks outside it in step.

Sending has four steps in this order: `check` reads the marks; `claim_epoch` raises the epoch in the
transaction of the claim, unless the database is behind the marks that were read; after its commit
`record` advances the marks; only then the request starts. So whatever Metrika has taken, a mark
knows of it, and a database from before it is behind.

If the process dies
- between the commit and the mark, the epoch is ahead of the marks, and nothing was sent;
- between the mark and the request, nothing was sent, and a database restored from before the claim
  is found behind: needlessly, but safely.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from integrations.installation import marks
from integrations.installation.marks import Mark, OtherInstallation
from integrations.installation.public_host import public_host
from integrations.installation.state import Kind, State, judge
from integrations.models import Installation
from integrations.yandex.errors import Unreachable

logger = logging.getLogger(__name__)

Halt = Installation.Halt
#: Reasons that stay until a person has decided; the third ends as soon as a mark can be kept.
LASTING = (Halt.BEHIND, Halt.FOREIGN)

#: Set while a person's order reads Metrika's lists for a database that may not make requests yet.
_listing_allowed: ContextVar[bool] = ContextVar("listing_allowed", default=False)


class SendingHalted(Unreachable):
    """This database may not send: nothing was claimed, no request was made."""

    may_have_arrived = False

    def __init__(self, state: State) -> None:
        super().__init__(f"the installation is halted: {state.kind}")
        self.state = state


class OtherSender(Exception):
    """The marks advanced while this database was halted: something else sends. Nothing changed."""


class MarkNotWritten(Unreachable):
    """No place took the mark of a claim, so its request is not started."""

    may_have_arrived = False


@dataclass(frozen=True)
class Permit:
    """What `check` found: the row's installation, and the epoch that the database must have."""

    uid: UUID
    epoch: int
    is_copy: bool


def state(now: datetime | None = None) -> State:
    """Return whether this database may send, with the numbers for the words. Changes nothing."""
    moment = now or timezone.now()
    found = _judged(moment)
    if _is_new_halt(found):
        # Another process may have adopted the database after the marks were read.
        found = _judged(moment)
    return found


def _judged(now: datetime) -> State:
    # The marks first: a claim that another process commits in between must not look like a lag.
    readings = marks.read_all()
    return judge(installation(), readings, host=public_host(), now=now)


def installation() -> Installation:
    """Return the row. A flushed database gets a new one, which has never been adopted."""
    row = Installation.objects.filter(pk=Installation.ONLY).first()
    return row or Installation.objects.get_or_create(pk=Installation.ONLY)[0]


def may_send() -> bool:
    """Whether uploads may be sent now; the halt is stored as by `check`."""
    try:
        check()
    except SendingHalted:
        return False
    return True


def check() -> Permit:
    """Return the permit for one claim. Raises SendingHalted, after the halt was stored and logged.

    A database that was never adopted, with no mark anywhere, adopts itself here.
    """
    now = timezone.now()
    found = state(now)
    if found.kind is Kind.NEW:
        _adopt(found, now)
        found = state(now)
    if found.kind is Kind.NO_MARK and found.mark is not None:
        _resume(found.row, found.mark, now)
        found = state(now)
    if found.kind is Kind.OK and found.mark is not None and found.lacks_a_mark:
        marks.advance_all(found.mark)
    if not found.may_send:
        raise SendingHalted(_halted(found))
    epoch = found.mark.epoch if found.mark and not found.is_copy else 0
    return Permit(found.row.uid, epoch, found.is_copy)


def claim_epoch(permit: Permit) -> int:
    """Raise the epoch and return it. Call last in the transaction of the claim.

    The row lock is held until the commit, so the epochs are in the order of the commits. Raises
    SendingHalted when the database went back or was halted since `check`: roll back. The marks are
    read again under the lock, since the database may have been exchanged after `check`, behind a
    pooler: no other claim can commit now, so a mark that has this epoch is of a lost claim.
    """
    row = Installation.objects.filter(
        pk=Installation.ONLY,
        uid=permit.uid,
        epoch__gte=permit.epoch,
        adopted_at__isnull=False,
        halt_reason="",
    )
    epoch = _raise_epoch(row)
    if epoch is None or _is_spent(epoch, permit):
        raise SendingHalted(state(timezone.now()))
    return epoch


def _is_spent(epoch: int, permit: Permit) -> bool:
    """Whether a mark knows this epoch already. A copy neither obeys nor writes marks."""
    if permit.is_copy:
        return False
    found = [reading.mark for reading in marks.read_all() if reading.mark is not None]
    return any(mark.uid != permit.uid or mark.epoch >= epoch for mark in found)


def record(epoch: int, upload_id: int, *, now: datetime) -> None:
    """Advance the marks to a committed claim, before the first byte of its request.

    Raises MarkNotWritten when no place took the mark: the request must not be started.
    """
    row = installation()
    if row.kind == Installation.Kind.COPY:
        return
    mark = Mark(row.uid, row.public_host, epoch, upload_id, now)
    try:
        written = marks.advance_all(mark)
    except OtherInstallation as place:
        _halted(state(now))
        raise MarkNotWritten(f"{place} has the mark of another installation") from None
    if not written:
        _store_halt(Halt.NO_MARK, now)
        raise MarkNotWritten("no place takes the mark of the installation")


def may_request() -> bool:
    """Whether requests other than uploads (lists, renewals, links) may be made."""
    try:
        ensure_may_request()
    except SendingHalted:
        return False
    return True


def ensure_may_request() -> None:
    """Raise SendingHalted when no request to Yandex may be made. A lasting halt is stored."""
    found = state()
    if found.halt in LASTING:
        found = _halted(found)
    if not found.may_request and (found.is_copy or not _listing_allowed.get()):
        raise SendingHalted(found)


@contextmanager
def listing_allowed() -> Iterator[None]:
    """Let this thread read lists although the database is foreign; never in a copy."""
    token = _listing_allowed.set(True)
    try:
        yield
    finally:
        _listing_allowed.reset(token)


def note_start(started_at: datetime) -> None:
    """Have every list of Metrika read anew before its next upload: a process that sends started.

    Calling it again with the same time changes nothing. A time that is still to come, noted before
    the clock was set right, becomes the present one: no list could be read after it.
    """
    now = timezone.now()
    is_wrong = Q(look_after=None) | Q(look_after__gt=now)
    if started_at <= now:
        is_wrong |= Q(look_after__lt=started_at)
    rows = Installation.objects.filter(is_wrong, pk=Installation.ONLY)
    rows.update(look_after=min(started_at, now))


def release(*, now: datetime, look_after: datetime, mark_epoch: int | None) -> int:
    """End a halt by a person's order; return the new epoch, which no mark has reached.

    The marks of every place are overwritten, the database keeps its uid and belongs to the present
    PUBLIC_URL. ``mark_epoch`` is that of the highest mark when the order was begun, None when there
    was none. Raises OtherSender when it is not any more, and MarkNotWritten when no place takes the
    mark; neither changes anything.
    """
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=installation().pk)
        highest = marks.highest(marks.read_all())
        if (highest.epoch if highest else None) != mark_epoch:
            raise OtherSender
        row.epoch = max(row.epoch, highest.epoch if highest else 0) + 1
        row.public_host = public_host()
        row.adopted_at = row.adopted_at or now
        row.look_after = look_after
        row.halted_at, row.halt_reason = None, ""
        row.save()
        upload = highest.highest_upload if highest else 0
        if not marks.replace_all(Mark(row.uid, row.public_host, row.epoch, upload, now)):
            raise MarkNotWritten("no place takes the mark of the installation")
    return row.epoch


def _adopt(found: State, now: datetime) -> None:
    """Make this database the installation: the mark first, so that it is never adopted without."""
    host = public_host()
    mark = Mark(found.row.uid, host, found.row.epoch, 0, now)
    if not marks.advance_all(mark):
        return
    rows = Installation.objects.filter(pk=Installation.ONLY, adopted_at=None)
    rows.update(adopted_at=now, public_host=host, look_after=now)
    logger.info("this database is installation %s at %s", found.row.uid, host)


def _is_new_halt(found: State) -> bool:
    return found.halt is not None and found.row.halt_reason != found.halt


def _halted(found: State) -> State:
    """Store the halt unless it is stored, or unfounded by now; return the state that is true.

    Judged anew under the row's lock: no claim, adoption or release can come in between, so neither
    a database that is adopted at this moment nor one that was just released is halted.
    """
    if not _is_new_halt(found):
        return found
    with transaction.atomic():
        row = Installation.objects.select_for_update().get(pk=found.row.pk)
        sure = judge(row, marks.read_all(), host=public_host(), now=found.at)
        if sure.halt is not None and row.halt_reason != sure.halt:
            _store_halt(sure.halt, found.at)
    return sure


def _store_halt(reason: Halt, now: datetime) -> None:
    """Store why nothing is sent, once; a lasting reason replaces one that passes."""
    replaceable = ["", Halt.NO_MARK] if reason in LASTING else [""]
    rows = Installation.objects.filter(pk=Installation.ONLY, halt_reason__in=replaceable)
    if rows.exclude(halt_reason=reason).update(halt_reason=reason, halted_at=now):
        logger.error("nothing is sent any more: %s", reason)


def _resume(row: Installation, mark: Mark, now: datetime) -> None:
    """End a halt for want of a place, once a place takes a mark again: a new epoch is tried."""
    epoch = _raise_epoch(Installation.objects.filter(pk=row.pk, epoch__gte=mark.epoch))
    if epoch is None or not marks.advance_all(Mark(row.uid, row.public_host, epoch, 0, now)):
        return
    rows = Installation.objects.filter(pk=Installation.ONLY, halt_reason=Halt.NO_MARK)
    if rows.update(halt_reason="", halted_at=None):
        logger.info("the mark of the installation is written again")


def _raise_epoch(row: QuerySet[Installation]) -> int | None:
    """Raise the epoch of the row and return it; None when the conditions of the query fail."""
    with transaction.atomic():
        if not row.update(epoch=F("epoch") + 1):
            return None
        return Installation.objects.values_list("epoch", flat=True).get(pk=Installation.ONLY)
