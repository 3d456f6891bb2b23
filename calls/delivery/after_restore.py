"""The steps of `manage.py after_restore`, which lets a restored database send again.

A database that went back in time does not know which files it sent since. The steps, in this order:
- the sequences move ahead, so that no id is given twice;
- every upload that may have been sent since becomes unclear, to be looked up in Metrika's lists;
- once the grace after the last send is over, every list is read to its end: files that the database
  does not know are taken over, or their calls wait for a person (`calls.delivery.takeover`);
- sending is released. A list that could not be read is read before the first send of its stream.
Each step is recorded in `RestoreRun` when it is done, and may be repeated: after a kill the next
start goes on with the first step that is not recorded, and with the lists that are not read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from cabinets import audit
from cabinets.sealing import UnsealFailed
from calls.delivery import manifest, restore_ticket, takeover, transitions
from calls.delivery.listings import Listing, examine, record_whole
from calls.delivery.lookup import grace, handle_list_error, settle
from calls.delivery.policy import MARKER
from calls.models import Call, ListUse, RestoreRun, SentBefore, UnknownFile, Upload, UploadAttempt
from calls.runtime.failpoints import failpoint
from calls.runtime.sequences import advance_sequences
from calls.states import MAY_HAVE_ARRIVED, TAKEN_UPLOADS, TO_SEND, Channel
from counters.models import Counter
from counters.sendable import AUTHORISED, hold
from integrations.installation import guard
from integrations.installation.state import Kind, State
from integrations.limits import request_budget
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)

#: Uploads that the marks may know more about than a restored database.
DOUBTED = (*TO_SEND, *MAY_HAVE_ARRIVED)
#: How long the reading of one list waits for a free slot of its login.
MAX_SLOT_WAIT_SECONDS = 30
#: A number in PostgreSQL's space of advisory locks.
_LOCK = 7_202_608


@dataclass(frozen=True)
class Survey:
    """What the command found, before it changes anything."""

    state: State
    run: RestoreRun | None
    uploads: dict[str, int]
    #: Lists that can be read, and names of the counters whose lists cannot.
    lists: list[tuple[Counter, Channel]]
    unreachable: list[Counter]
    #: Manifests of files that the database does not know.
    manifests: int
    #: When the last call came that is in the database from before the mark.
    received_at: datetime | None

    @property
    def is_needed(self) -> bool:
        """Whether the database may not send, or an earlier run has not come to its end."""
        return self.run is not None or self.state.kind in (Kind.BEHIND, Kind.FOREIGN)


@dataclass
class Progress:
    """How many lists were read, and of which counters and channels that failed, with the reason."""

    read: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def survey(now: datetime) -> Survey:
    """Return what there is to be done. Changes nothing and makes no request."""
    state = guard.state(now)
    counters = list(Counter.objects.present().with_account().order_by("pk"))
    reachable = [one for one in counters if hold(AUTHORISED, one)]
    counted = Upload.objects.filter(state__in=DOUBTED).order_by().values_list("state")
    return Survey(
        state=state,
        run=open_run(state),
        uploads={str(state): 0 for state in DOUBTED} | dict(counted.annotate(Count("pk"))),
        lists=[(one, channel) for one in reachable for channel in Channel],
        unreachable=[one for one in counters if not hold(AUTHORISED, one)],
        manifests=_unknown_manifests(),
        received_at=_last_received(state, now),
    )


def open_run(state: State) -> RestoreRun | None:
    """Return the run that has not come to its end, of the restore that the marks tell of.

    A dump may have been taken in the middle of a run: what that one read is of no use any more.
    When sending is released already, there is nothing but its end to record.
    """
    run = RestoreRun.objects.filter(finished_at=None).order_by("pk").last()
    if run is None or not state.is_halted:
        return run
    if state.mark is not None:
        return run if state.mark.epoch == run.mark_epoch else None
    return run if run.mark_epoch is None and restore_ticket.belongs_to(run) else None


def lock() -> bool:
    """Take the lock of the command for this session; False when another process has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def unlock() -> None:
    """Release the lock; the end of the session does so, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def begin(found: Survey, *, now: datetime) -> RestoreRun:
    """Return the run to go on with, or a new one."""
    if found.run is not None:
        return found.run
    mark = found.state.mark
    with transaction.atomic():
        RestoreRun.objects.filter(finished_at=None).update(finished_at=now)
        run = RestoreRun.objects.create(
            started_at=now,
            cause=found.state.kind.value,
            mark_at=min(mark.at, now) if mark else now,
            mark_epoch=mark.epoch if mark else None,
        )
        _log(run, "restore.begun", {"uploads": found.uploads, "manifests": found.manifests})
    if mark is None:
        restore_ticket.write(run)
    return run


def move_sequences(run: RestoreRun, found: Survey, *, now: datetime) -> None:
    """Move the sequences of all tables ahead."""
    if run.sequences_at is not None:
        return
    highest = found.state.mark.highest_upload if found.state.mark else 0
    advance_sequences(at_least={Upload._meta.db_table: highest})
    failpoint("after_sequences")
    _record(run, sequences_at=now)


def doubt_uploads(run: RestoreRun, *, now: datetime) -> None:
    """Make every upload unclear that may have been sent since the dump, by the mark's time."""
    if run.uploads_at is not None:
        return
    with transaction.atomic():
        doubted = Upload.objects.filter(state__in=DOUBTED)
        ids = list(
            doubted.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)
        )
        mark_at = Value(run.mark_at, output_field=DateTimeField())
        sent_at = Greatest(Coalesce("sent_at", mark_at), mark_at)
        transitions.doubt(Upload.objects.filter(pk__in=ids), sent_at=sent_at)
        UploadAttempt.objects.filter(
            upload_id__in=ids, kind=UploadAttempt.Kind.SEND, ended_at=None
        ).update(ended_at=now, error_class="WorkerLost")
        _record(run, uploads_at=now, doubted_ids=ids)
    failpoint("after_doubt")


def lists_from(run: RestoreRun) -> datetime:
    """Return from when Metrika's lists show everything that was sent before the mark."""
    return run.mark_at + grace()


def begin_listing(run: RestoreRun, *, now: datetime) -> None:
    """Record from when on the lists are read."""
    if run.listing_at is None:
        _record(run, listing_at=now)


def read_lists(run: RestoreRun, found: Survey, progress: Progress) -> Iterator[Progress]:
    """Read every list that was not read since the listing began; yield after each."""
    for counter, channel in found.lists:
        if not is_read(run, counter, channel):
            problem = _read_list(counter, channel)
            failpoint("after_listing")
            if problem:
                progress.failed[f"{counter.number} {channel.name.lower()}"] = problem
        progress.read += is_read(run, counter, channel)
        yield progress


def is_read(run: RestoreRun, counter: Counter, channel: Channel) -> bool:
    """Whether the list was read to its end since the listing began."""
    use = ListUse.objects.filter(counter=counter, channel=channel)
    return use.filter(read_whole_at__gte=run.listing_at).exists()


def finish(run: RestoreRun, progress: Progress, *, now: datetime) -> dict[str, int]:
    """Let the database send again and close the run; return the closing table.

    Raises OtherSender, with nothing released, when a mark has advanced since the run began.
    """
    assert run.listing_at is not None
    # What was found by other processes meanwhile, or by a run that was killed.
    takeover.settle_open_files(now=now)
    takeover.regather_in_doubt(now=now)
    failpoint("before_release")
    if guard.state(now).is_halted:
        guard.release(now=now, look_after=run.listing_at, mark_epoch=run.mark_epoch)
    failpoint("after_release")
    with transaction.atomic():
        numbers = numbers_of(run, progress)
        _record(run, finished_at=now, numbers=numbers)
        _log(run, "restore.finished", numbers)
    restore_ticket.remove()
    return numbers


def numbers_of(run: RestoreRun, progress: Progress) -> dict[str, int]:
    """Return the closing table: what became of the files."""
    # Workers may have taken files over since the restore, before this run began.
    files = UnknownFile.objects.filter(found_at__gte=run.mark_at)
    doubted = Upload.objects.filter(pk__in=run.doubted_ids)
    known = Q(state__in=TAKEN_UPLOADS) | Q(uploading_id__isnull=False)
    return {
        "adopted": doubted.filter(known).count(),
        "nothing found": doubted.exclude(known).count(),
        "taken over": _markers(files, UnknownFile.State.ADOPTED),
        "rows without a call": SentBefore.objects.filter(held_by=None).count(),
        "parked": _markers(files, UnknownFile.State.OPEN),
        "lists read": progress.read,
        "not listed": len(progress.failed),
    }


def _markers(files: QuerySet[UnknownFile], state: UnknownFile.State) -> int:
    """Return how many files are in the state: each counts once, whoever shares its list."""
    return files.filter(state=state).aggregate(n=Count("marker", distinct=True))["n"] or 0


def _read_list(counter: Counter, channel: Channel) -> str:
    """Read one list and settle what it shows; return why it could not be read, '' if it was."""
    asked_at = timezone.now()
    try:
        with (
            request_budget.request(
                counter.account.yandex_uid,
                request_budget.Kind.LOOKUP,
                counter=counter.number,
                max_wait_seconds=MAX_SLOT_WAIT_SECONDS,
            ) as lease,
            guard.listing_allowed(),
        ):
            listing = Listing(counter, channel, lease.before_request)
            shown = [one for one in listing if MARKER.fullmatch(one.comment)]
    except request_budget.BudgetSpent as refusal:
        return str(refusal)
    except YandexError as error:
        handle_list_error(counter, error, now=asked_at)
        return type(error).__name__
    except UnsealFailed:
        return "no key opens the token"
    examine(counter, channel, shown, asked_at)
    for upload in Upload.objects.unclear().of_list(counter.pk, channel).order_by("pk"):
        settle(upload, [one for one in shown if one.comment == upload.marker], now=asked_at)
    takeover.settle_open_files(now=asked_at, counter_id=counter.pk)
    record_whole(counter.pk, channel, listing.began_at)
    return ""


def _last_received(state: State, now: datetime) -> datetime | None:
    """Return until when the database has the calls: those that came since the restore left out."""
    until = state.mark.at if state.mark else state.row.halted_at or now
    before = Call.objects.filter(received_at__lte=until)
    return before.order_by("-pk").values_list("received_at", flat=True).first()


def _unknown_manifests() -> int:
    kept = manifest.markers()
    known = Upload.objects.filter(marker__in=kept).count()
    return len(kept) - known


def _record(run: RestoreRun, **values: object) -> None:
    for name, value in values.items():
        setattr(run, name, value)
    run.save(update_fields=list(values))


def _log(run: RestoreRun, action: str, after: dict[str, object] | dict[str, int]) -> None:
    audit.log_change(cabinet=None, actor=None, action=action, subject=run, after=dict(after))


def grace_left(run: RestoreRun, now: datetime) -> timedelta:
    """Return how long Metrika's lists may still lack what was sent before the mark."""
    return max(lists_from(run) - now, timedelta(0))
