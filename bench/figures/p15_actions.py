"""P15: actions on all rows that a filter of a history shows, and how long others wait meanwhile."""

from __future__ import annotations

import random
import threading
import time
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from bench import many, world
from bench.figure import Fact, Figure
from bench.measure import timed
from calls.bulk import orders, run
from calls.bulk.selection import Selection, select
from calls.models import BulkAction, BulkKind
from calls.pages.history_export import pieces_of
from calls.queries.history import Filters
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter

SECONDS, WAIT_MS = 5, 200
MILLISECONDS = 1000
#: Rows of each file that Metrika refused.
FILE_ROWS = 1_000
#: Seconds between two changes of the session that tells how long rows are locked.
PAUSE_SECONDS = 0.002
#: Longer than the longest step of an action in this process.
BUDGET_SECONDS = 600.0
_HELD = (
    f"state = {DeliveryState.WAITING}, reason = NULL, not_before = expires_at - interval '1 day'"
)
_EXCLUDED = f"state = {DeliveryState.SKIPPED}, reason = 'too_short', not_before = NULL"


class Actions(Figure):
    """Each action on rows as the one before it left them, or as the figure sets them.

    The floor is one UPDATE of the same rows and indexes that knows them beforehand and decides
    nothing.
    """

    title = "P15 actions on a filter of a history"
    contenders = ()
    limits = 2

    def prepare(self) -> None:
        world.forget_calls()
        self.owner = world.make_world(1)
        self.counter = self.owner.counters[0]
        self.first = many.multiply(self.owner, "15", many.Copies(self.sizes.acted_rows - 1))
        # So long that the oldest of the calls are held as well.
        Counter.objects.filter(pk=self.counter.pk).update(defer_value=20, defer_unit="days")
        self.counter.refresh_from_db()
        self._set(_HELD)
        self.floor_wall, self.floor_cpu = self._update()
        self._set(_HELD)
        self._pair(BulkKind.RELEASE)
        self._pair(BulkKind.CALL_OFF)
        self._act(BulkKind.CALL_OFF, measured=False)
        self._act(BulkKind.RESTORE)
        self._set(_EXCLUDED)
        self._act(BulkKind.SEND)
        self._refuse()
        self._act(BulkKind.RETRY)
        self._download()

    def finish(self) -> None:
        world.forget_calls()

    def _set(self, to: str) -> None:
        """Change all rows, and let them be as after the next run of autovacuum."""
        world.execute(f"UPDATE calls_delivery SET {to} WHERE counter_id = {self.counter.pk}")
        self._tidy()

    def _tidy(self) -> None:
        world.execute("VACUUM (ANALYZE) calls_delivery")

    def _update(self) -> tuple[float, float]:
        to = f"UPDATE calls_delivery SET {_EXCLUDED} WHERE counter_id = {self.counter.pk}"
        done = timed(lambda: world.execute(to))
        self._fact("floor: one UPDATE of the same rows", Fact("", done.wall, "s"))
        return done.wall, done.cpu

    def _pair(self, kind: BulkKind) -> None:
        """Measure an action and its undoing."""
        action = self._act(kind)
        opposite = orders.undo(action, actor=self.owner.person, now=timezone.now())
        if opposite is None:
            raise RuntimeError(f"{kind} has no undoing")
        self._measure(opposite)

    def _act(self, kind: BulkKind, *, measured: bool = True) -> BulkAction:
        now = timezone.now()
        action = orders.order(
            kind, self._selection(), token=uuid4(), actor=self.owner.person, now=now
        )
        if measured:
            self._measure(action)
        else:
            self._run()
            self._tidy()
        return action

    def _selection(self) -> Selection:
        return select(self.counter, Filters(), now=timezone.now())

    def _run(self) -> int:
        return run.run_due(seconds=BUDGET_SECONDS)

    def _measure(self, action: BulkAction) -> None:
        """Take the action to its end beside a session that changes the same rows."""
        with _Waits(self.counter.pk, self.first, self.sizes.acted_rows) as waits:
            done = timed(self._run)
        action.refresh_from_db()
        if action.changed != self.sizes.acted_rows:
            raise RuntimeError(f"{action.kind}: {action.changed} changed")
        self._facts(action.kind, done.wall, done.cpu)
        wait = waits.longest * MILLISECONDS
        self._fact(action.kind, Fact("another writer waited", wait, "ms", at_most=WAIT_MS))
        self._tidy()

    def _facts(self, what: str, wall: float, cpu: float) -> None:
        self._fact(what, Fact("", wall, "s", at_most=SECONDS))
        self._fact(what, Fact("processor time", cpu, "s"))
        self._fact(what, Fact("processor time over the floor", cpu / self.floor_cpu, "×"))

    def _fact(self, what: str, fact: Fact) -> None:
        title = ": ".join(filter(None, [f"{self.sizes.acted_rows:,} rows: {what}", fact.title]))
        self.facts.append(Fact(title, fact.value, fact.unit, fact.at_most))

    def _refuse(self) -> None:
        """Put the rows into files that Metrika refused as a whole."""
        count = -(-self.sizes.acted_rows // FILE_ROWS)
        world.execute(_FILES, {"counter": self.counter.pk, "count": count})
        place = f"(call_id - {self.first}) / {FILE_ROWS}"
        self._set(
            f"state = {DeliveryState.BATCHED}, reason = NULL, not_before = NULL, row_number = 1,"
            f" call_revision = 1, upload_id = (SELECT min(id) FROM calls_upload) + {place}"
        )

    def _download(self) -> None:
        pieces = pieces_of(self._selection(), zone="Europe/Moscow")
        first = timed(lambda: len(next(pieces)))
        done = timed(lambda: sum(map(len, pieces)))
        self._facts("download", first.wall + done.wall, first.cpu + done.cpu)
        self._fact("download", Fact("first bytes after", first.wall * MILLISECONDS, "ms"))


_FILES = f"""
INSERT INTO calls_upload
    (cabinet_id, counter_id, channel, id_kind, is_static, target, state, attention, marker, rows,
     sha256, created_at, oldest_call_at, newest_call_at, not_before, attempts, lookups, polls,
     metrika_status, duplicate_ids)
SELECT cabinet_id, id, 1, 1, false, '', '{UploadState.NEEDS_ATTENTION}', '{Attention.REJECTED}',
       'ckbench' || g, {FILE_ROWS}, repeat('0', 64), now(), now(), now(), now(), 1, 0, 0, '', '{{}}'
FROM counters_counter, generate_series(1, %(count)s) g WHERE id = %(counter)s"""


class _Waits(threading.Thread):
    """A session that locks rows and their counter over and over, as a changed record does."""

    def __init__(self, counter: int, first_call: int, calls: int) -> None:
        super().__init__(daemon=True)
        self.counter, self.calls = counter, range(first_call, first_call + calls)
        #: Seconds of the longest wait for a lock.
        self.longest = 0.0
        self._is_done = threading.Event()

    def __enter__(self) -> _Waits:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_done.set()
        self.join()

    def run(self) -> None:
        """Lock until told to stop; each lock is given back at once."""
        try:
            while not self._is_done.is_set():
                call = random.choice(self.calls)
                self._lock(
                    f"SELECT 1 FROM calls_delivery WHERE call_id = {call}"
                    f" AND counter_id = {self.counter} FOR UPDATE"
                )
                self._lock(
                    f"SELECT 1 FROM counters_counter WHERE id = {self.counter} FOR NO KEY UPDATE"
                )
                time.sleep(PAUSE_SECONDS)
        finally:
            connection.close()

    def _lock(self, statement: str) -> None:
        with transaction.atomic():
            began = time.perf_counter()
            world.execute(statement)
            self.longest = max(self.longest, time.perf_counter() - began)
