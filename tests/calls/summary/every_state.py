"""A cabinet with rows in every state, and the list of what was planted: the truth of the counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.reasons import REASONS
from calls.models import Call, Intake, LinkProof, Upload
from calls.states import (
    Attention,
    CallKind,
    Channel,
    DeliveryState,
    DisplayState,
    LinkResult,
    UploadState,
)
from calls.summary.refresh import refresh
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.summary.agreement import at

NOW = at(20, 12)
#: Calls of these days of November in Moscow are planted.
DAYS = range(11, 21)
S = DisplayState
ROW, NO_ID = DeliveryState, {"uploading_id": None}
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
GOAL = {"channel": Channel.GOAL}
DONE: dict[str, Any] = {"state": UploadState.PROCESSED}
IN_PART = {"attention": Attention.ROW_REFUSED}

#: Rows that are in no file, by the state they are shown in.
OWN: list[tuple[DisplayState, dict[str, Any]]] = [
    (S.WAITING, {}),
    (S.HELD, {"not_before": LATER}),
    (S.EXPIRED, {"expires_at": EARLIER}),
    (S.EXPIRED, {"state": ROW.EXPIRED}),
    (S.AWAITS_SETTINGS, {"state": ROW.SKIPPED, "reason": "not_configured", "waited": True}),
    (S.AWAITS_GOAL, {"state": ROW.SKIPPED, "reason": "goal_gone", "waited": True, **GOAL}),
    (S.NEEDS_DECISION, {"state": ROW.SKIPPED, "reason": "identifier_unreadable"}),
    (S.NEEDS_DECISION, {"state": ROW.SKIPPED, "reason": "maybe_sent", "waited": True}),
    (S.NOT_FINISHED, {"state": ROW.SKIPPED, "reason": "not_finished"}),
    *(
        (S.SKIPPED, {"state": ROW.SKIPPED, "reason": code})
        for code in sorted(REASONS)
        if code not in ("identifier_unreadable", "not_finished", "refused_by_metrika")
    ),
]
#: Files by the state that their rows are shown in: number of rows, and columns. `LINKED` says how
#: many of them Metrika told to be linked.
FILES: list[tuple[DisplayState, int, dict[str, Any]]] = [
    (S.BATCHED, 2, {"state": UploadState.READY, **NO_ID}),
    (S.BATCHED, 1, {"state": UploadState.LATER, **NO_ID}),
    (S.BATCHED, 1, {"state": UploadState.SENDING, "lease_until": LATER, **NO_ID}),
    (S.BATCHED, 2, {"state": UploadState.SPLITTING, "attention": Attention.SPLIT, **NO_ID}),
    # The answer was lost: whether Metrika has it is not known.
    (S.UNCLEAR, 2, {"state": UploadState.UNCLEAR, **NO_ID}),
    (S.SENT, 3, {"state": UploadState.SENT}),
    (S.SENT, 1, {"state": UploadState.SENT, "attention": Attention.OVERDUE}),
    (S.ACCEPTED, 4, {"state": UploadState.PROCESSED, "linked_quantity": 4}),
    (S.PARTLY_LINKED, 5, {"state": UploadState.PROCESSED, "linked_quantity": 3}),
    (S.LINK_UNKNOWN, 2, {"state": UploadState.PROCESSED}),
    (S.LINK_UNKNOWN, 2, DONE | {"linked_quantity": 3, "attention": Attention.QUANTITY}),
    (S.ACCEPTED_STATIC, 2, {"state": UploadState.LINKAGE_FAILURE, "is_static": True}),
    (S.UNMATCHED, 2, {"state": UploadState.LINKAGE_FAILURE, "linked_quantity": 0}),
    (S.PARTLY_ACCEPTED, 6, DONE | IN_PART | {"line_quantity": 4, "linked_quantity": 3}),
    *(
        (
            S.NEEDS_ATTENTION,
            2 if why == Attention.DUPLICATE else 1,
            {"state": UploadState.NEEDS_ATTENTION, "attention": why, **id_},
        )
        for why, id_ in (
            (Attention.REJECTED, NO_ID),
            (Attention.DAMAGED, NO_ID),
            (Attention.QUARANTINED, NO_ID),
            (Attention.UNKNOWN_FATE, NO_ID),
            (Attention.DUPLICATE, {}),
            (Attention.NO_OUTCOME, {}),
        )
    ),
    (S.EXPIRED, 1, {"state": UploadState.CANCELLED, "attention": Attention.EXPIRED, **NO_ID}),
    (S.SKIPPED, 2, {"state": UploadState.CANCELLED, "attention": Attention.CALLED_OFF, **NO_ID}),
]


#: Linked rows of the planted files, by the state of their rows; of the others it is not told.
LINKED = {S.ACCEPTED: 4, S.PARTLY_LINKED: 3, S.UNMATCHED: 0, S.PARTLY_ACCEPTED: 3}
#: Rows of a file that were accepted, where that is not all of them.
LINES = {S.PARTLY_ACCEPTED: 4}


@dataclass(frozen=True)
class Row:
    """A planted row of the ledger."""

    counter: int
    call: int
    channel: int
    at: datetime
    shown: DisplayState
    why: str
    with_metrika: bool


@dataclass(frozen=True)
class File:
    """A planted file, its rows, and what Metrika told of them as a whole."""

    upload: Upload
    shown: DisplayState
    rows: list[Row]
    linked: int | None
    lines: int


@dataclass
class World:
    """What was planted in one cabinet."""

    cabinet: Cabinet
    counters: list[Counter]
    rows: list[Row] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    #: Call → the start with which it came.
    calls: dict[int, datetime] = field(default_factory=dict)
    _moments: Iterator[datetime] = field(default_factory=lambda: moments())

    def call(self, at: datetime | None = None, **fields: Any) -> Call:
        """Plant a call."""
        number = len(self.calls)
        kinds: Sequence[str] = CallKind.values
        values: dict[str, Any] = {"kind": kinds[number % len(kinds)]}
        if number % 4 == 0:
            values |= {"status": "fail", "hold_seconds": 20}
        started_at = at or next(self._moments)
        made = make_call(cabinet=self.cabinet, started_at=started_at, **values | fields)
        self.calls[made.pk] = made.partition_at
        return made

    def row(self, counter: Counter, shown: DisplayState, call: Call, **fields: Any) -> Row:
        """Plant a row of a call."""
        made = make_delivery(call=call, counter=counter, **fields)
        upload = made.upload
        row = Row(
            counter.pk,
            call.pk,
            made.channel,
            made.partition_at,
            shown,
            made.reason or (upload.attention if upload else ""),
            made.state == ROW.BATCHED and bool(upload and upload.uploading_id),
        )
        self.rows.append(row)
        return row

    def file(
        self, counter: Counter, shown: DisplayState, calls: Sequence[Call], **fields: Any
    ) -> Upload:
        """Plant a file with a row of each of the calls."""
        upload = make_upload(counter=counter, rows=len(calls), **fields)
        channel = {"channel": upload.channel, "is_static": upload.is_static}
        rows = [
            self.row(counter, shown, call, upload=upload, row_number=number, **channel)
            for number, call in enumerate(calls, 1)
        ]
        linked, lines = LINKED.get(shown), LINES.get(shown, len(calls))
        self.files.append(File(upload, shown, rows, linked, lines))
        return upload


def moments() -> Iterator[datetime]:
    """Yield starts all over the days, near midnight as well, none of them twice."""
    for number in count():
        yield NOW - timedelta(hours=1 + 5 * number % 217, minutes=7 * number % 60, seconds=number)


def planted(cabinet: Cabinet, counter: Counter) -> World:
    """Plant all of it, half of it counted by the summary before the rest came."""
    with time_machine.travel(NOW, tick=False):
        far = factories.make_counter(
            account=counter.account, name="Окна Восток", time_zone="Asia/Vladivostok"
        )
        gone = factories.make_counter(account=counter.account, name="Окна Старые", removed_at=NOW)
        world = World(cabinet, [counter, far, gone])
        _plant(world, gone, OWN[3:4] + OWN[-1:], FILES[7:9])
        _plant(world, counter, OWN, FILES[::2])
        while refresh(now=timezone.now()):
            pass
        _plant(world, counter, [], FILES[1::2])
        _plant(world, far, OWN[:3], FILES[4:14])
        _plant_more(world, counter, far)
    return world


def planted_few(cabinet: Cabinet, counter: Counter) -> World:
    """Plant a row, a file, a call of no counter and proofs, for another cabinet than the one."""
    with time_machine.travel(NOW, tick=False):
        world = World(cabinet, [counter])
        _plant(world, counter, OWN[:1], FILES[8:9])
        _plant_proofs(world, counter)
        world.call()
    return world


def _plant(
    world: World,
    counter: Counter,
    own: Sequence[tuple[DisplayState, dict[str, Any]]],
    files: Sequence[tuple[DisplayState, int, dict[str, Any]]],
) -> None:
    for shown, fields in own:
        world.row(counter, shown, world.call(), **fields)
    for shown, size, columns in files:
        world.file(counter, shown, [world.call() for _ in range(size)], **columns)


def _plant_more(world: World, counter: Counter, other: Counter) -> None:
    """Plant a refused row, calls of no counter and of several, moved calls, and a second page."""
    split: dict[str, Any] = {"state": UploadState.CANCELLED, "attention": Attention.SPLIT, **NO_ID}
    upload = make_upload(counter=counter, rows=1, **split)
    refused: dict[str, Any] = {
        "state": ROW.ROW_REFUSED,
        "reason": "refused_by_metrika",
        "upload": upload,
    }
    world.row(counter, S.ROW_REFUSED, world.call(), **refused)
    for _ in range(3):
        world.call()
    both = [world.call() for _ in range(4)]
    taken = world.file(counter, S.ACCEPTED, both, state=UploadState.PROCESSED, linked_quantity=4)
    prove(world, taken, [LinkResult.LINKED, LinkResult.LINKED, LinkResult.NO_VISIT])
    world.file(counter, S.SENT, both[:3], **GOAL)
    for one in both[1:]:
        world.row(other, S.WAITING, one)
    for number in range(45):
        world.row(counter, S.WAITING, world.call(NOW - timedelta(hours=2, minutes=number)))
    _plant_moved(world, counter)
    _plant_proofs(world, counter)
    Intake.objects.create(
        source=factories.make_source(cabinet=world.cabinet),
        way="api",
        at=NOW - timedelta(days=1),
        received=10,
        created=6,
        updated=1,
        duplicate=2,
        rejected=1,
    )


def _plant_proofs(world: World, counter: Counter) -> None:
    """Plant a proof that Metrika does not have a row, and one of a file accepted in part."""
    of_counter = [one for one in world.files if one.upload.counter_id == counter.pk]
    for file in of_counter:
        if file.shown == S.PARTLY_LINKED:
            prove(world, file.upload, [LinkResult.ABSENT])
        if file.shown == S.PARTLY_ACCEPTED:
            prove(world, file.upload, [LinkResult.LINKED, LinkResult.ABSENT])


def _plant_moved(world: World, counter: Counter) -> None:
    """Plant calls whose starts were corrected to another day, earlier and later, near the ends."""
    for day, shift in ((15, 24), (15, -24), (20, 5), (11, -26), (13, 1)):
        call = world.call(at(day, 20 if shift == 1 else 10, 30))
        world.row(counter, S.WAITING, call)
        Call.objects.filter(pk=call.pk).update(started_at=call.started_at + timedelta(hours=shift))


def prove(world: World, upload: Upload, results: Sequence[LinkResult]) -> None:
    """Plant what Metrika's logs said of the first rows of a file."""
    rows = upload.deliveries.order_by("row_number")
    for number, (delivery, result) in enumerate(zip(rows, results, strict=False), 1):
        LinkProof.objects.create(
            upload=upload,
            row_number=number,
            call_id=delivery.call_id,
            partition_at=delivery.partition_at,
            cabinet=world.cabinet,
            counter_id=delivery.counter_id,
            channel=delivery.channel,
            result=result,
            visit_id="7" if result == LinkResult.LINKED else "",
            proved_at=NOW,
        )
