"""A cabinet with a long history, which several figures share: filling it takes minutes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from bench import many, world
from cabinets.models import Cabinet
from calls.models import Upload
from calls.states import Channel, DeliveryState, IdKind, UploadState

#: Rows of one upload of the history.
ROWS_A_FILE = 20_000
#: Of a hundred calls: ten wait, five are skipped, the others went in files.
_STATE = f"""CASE WHEN g % 100 < 10 THEN {DeliveryState.WAITING}
    WHEN g % 100 < 15 THEN {DeliveryState.SKIPPED} ELSE {DeliveryState.BATCHED} END"""


@dataclass(frozen=True)
class History:
    """A cabinet with one counter, the number of its calls and the id of the first of them."""

    owner: world.World
    calls: int
    first: int


_standing: list[History] = []


def of(calls: int) -> History:
    """Return a cabinet with this many calls: the one that stands, unless calls were emptied.

    A figure that changes or drops its rows calls `world.forget_calls` when it is done.
    """
    if not (_standing and _standing[0].calls == calls and _stands(_standing[0])):
        world.forget_calls()
        owner = world.make_world(1)
        _standing[:] = [History(owner, calls, _fill(owner, calls))]
    return _standing[0]


def _stands(history: History) -> bool:
    """Whether the rows are there still: a test may have emptied the database."""
    cabinets = Cabinet.objects.filter(pk=history.owner.cabinet.pk, name=history.owner.cabinet.name)
    last = history.first + history.calls - 1
    stored = world.rows("SELECT 1 FROM calls_callkey WHERE id = %s", [last])
    return bool(stored) and cabinets.exists()


def _fill(owner: world.World, calls: int) -> int:
    """Store calls with deliveries and uploads of every kind; return the id of the first call."""
    uploads = _uploads(owner, calls // ROWS_A_FILE + 1)
    is_batched = f"({_STATE}) = {DeliveryState.BATCHED}"
    deliveries = {
        "state": _STATE,
        "reason": f"CASE ({_STATE}) WHEN {DeliveryState.SKIPPED} THEN 'too_short' END",
        "upload_id": f"CASE WHEN {is_batched} THEN {uploads[0]} + g / {ROWS_A_FILE} END",
        "row_number": f"CASE WHEN {is_batched} THEN g % {ROWS_A_FILE} + 1 END",
        "call_revision": f"CASE WHEN {is_batched} THEN 1 END",
    }
    return many.multiply(owner, "9", many.Copies(calls - 1, deliveries=deliveries))


def _uploads(owner: world.World, count: int) -> list[int]:
    now, counter = timezone.now(), owner.counters[0]
    made = [
        Upload(
            cabinet=owner.cabinet,
            counter=counter,
            channel=Channel.CALLS,
            id_kind=IdKind.CLIENT_ID,
            state=UploadState.PROCESSED if number else UploadState.SENT,
            marker=f"ck{number:032d}",
            rows=ROWS_A_FILE,
            sha256="0" * 64,
            created_at=now,
            oldest_call_at=now,
            newest_call_at=now,
            not_before=now,
            sent_at=now,
            attempts=1,
            uploading_id=10_000 + number,
            source_quantity=ROWS_A_FILE,
            line_quantity=ROWS_A_FILE,
            linked_quantity=ROWS_A_FILE,
        )
        for number in range(count)
    ]
    return [one.pk for one in Upload.objects.bulk_create(made)]
