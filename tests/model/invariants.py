"""Invariants of the ledger, of uploads and of the rows in Metrika, checked after every step."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter as Tally
from collections import defaultdict

from django.db.models import QuerySet
from django.utils import timezone

from calls.delivery.state_table import DELIVERY_STATES, UPLOAD_STATES
from calls.models import Call, Delivery, Upload
from calls.states import (
    TAKEN_UPLOADS,
    Attention,
    Channel,
    DeliveryState,
    UploadState,
)
from counters.models import Counter
from tests.calls.call_links import link_of
from tests.calls.ledger import body_of
from tests.devtools.sandbox.actor import control
from tests.model.world import World

#: One row of the ledger: call, counter, channel.
RowKey = tuple[int, int, int]
CHANNELS = {"calls": Channel.CALLS, "goal": Channel.GOAL}
#: Whether Metrika has such a file is not known yet, or never will be.
UNKNOWN = (UploadState.SENDING, UploadState.UNCLEAR)
#: Cancelled together with their rows, which are not sent in another file.
ENDED_WITH_ROWS = (Attention.EXPIRED, Attention.COUNTER_REMOVED, Attention.CALLED_OFF)
#: Column by which a periodic task finds an upload in the state; it must not be NULL.
TIME_COLUMNS = {
    UploadState.READY: "not_before",
    UploadState.LATER: "not_before",
    UploadState.SPLITTING: "not_before",
    UploadState.SENDING: "lease_until",
    UploadState.UNCLEAR: "sent_at",
    UploadState.SENT: "next_poll_at",
}


class InvariantChecks:
    """The checks; remembers the bytes of files, because they must never change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._frozen: dict[int, tuple[str, str, int, str]] = {}

    def check(self) -> None:
        """Raise AssertionError if an invariant does not hold."""
        uploads = list(Upload.objects.order_by("pk"))
        self._check_ledger_is_whole()
        self._check_state_table(uploads)
        self._check_bytes_are_frozen(uploads)
        self._check_rows_have_one_live_upload(uploads)
        self._check_metrika({upload.marker: upload for upload in uploads})

    def _check_ledger_is_whole(self) -> None:
        places = _row_keys(Delivery.objects.all())
        calls = Call.objects.values_list("pk", flat=True)
        assert set(places) == self.world.routed
        assert len(places) == len(self.world.routed)
        assert len(calls) == len(self.world.records)

    def _check_state_table(self, uploads: list[Upload]) -> None:
        for state in Delivery.objects.values_list("state", flat=True).distinct():
            assert DeliveryState(state) in DELIVERY_STATES
        for upload in uploads:
            why = Attention(upload.attention) if upload.attention else None
            upload_state = UploadState(upload.state)
            assert (upload_state, why) in UPLOAD_STATES
            assert (
                upload_state not in TIME_COLUMNS
                or getattr(upload, TIME_COLUMNS[upload_state]) is not None
            )
        waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
        assert not waiting.filter(not_before=None).exists()

    def _check_bytes_are_frozen(self, uploads: list[Upload]) -> None:
        for upload in uploads:
            body = body_of(upload.pk)
            seen = (upload.sha256, upload.marker, upload.rows, hashlib.sha256(body).hexdigest())
            assert self._frozen.setdefault(upload.pk, seen) == seen
            assert seen[0] == seen[3]

    def _check_rows_have_one_live_upload(self, uploads: list[Upload]) -> None:
        """The file of a live upload has exactly the rows that reference it: no row is in two."""
        attached: dict[int, dict[int, RowKey]] = defaultdict(dict)
        for row in Delivery.objects.filter(state=DeliveryState.BATCHED):
            number, upload_id = row.row_number or 0, row.upload_id or 0
            assert number not in attached[upload_id]
            attached[upload_id][number] = (row.call_id, row.counter_id, row.channel)
        calls = _calls()
        for upload in uploads:
            rows = attached.pop(upload.pk, {})
            if upload.state == UploadState.CANCELLED:
                assert not rows or upload.attention in ENDED_WITH_ROWS
            elif upload.state != UploadState.SPLITTING:
                assert rows == dict(enumerate(_rows_of_file(upload, calls), start=1))
        assert attached == {}

    def _check_metrika(self, uploads: dict[str, Upload]) -> None:
        files = Tally(_files(self.world))
        assert set(files) <= set(uploads)
        assert set(files.values()) <= {1}
        for marker, upload in uploads.items():
            if upload.state in TAKEN_UPLOADS:
                assert files[marker] == 1
            elif not _is_unknown(upload):
                assert files[marker] == 0
        assert set(held(self.world).values()) <= {1}

    def check_end(self) -> None:
        """After all faults ended: every row arrived once and none is open, or AssertionError."""
        assert not open_uploads()
        assert not Delivery.objects.filter(state=DeliveryState.WAITING).exists()
        rows = Delivery.objects.filter(state=DeliveryState.BATCHED)
        sent = set(_row_keys(rows.filter(upload__state__in=TAKEN_UPLOADS)))
        lost = rows.filter(upload__attention=Attention.UNKNOWN_FATE)
        found = held(self.world)
        assert set(found.values()) <= {1}
        assert sent <= set(found)
        assert set(found) - sent <= set(_row_keys(lost))
        late = Delivery.objects.filter(expires_at__lte=timezone.now())
        too_late = {(call, counter) for call, counter, _channel in _row_keys(late)}
        there = {(call, counter) for call, counter, channel in sent if channel == Channel.CALLS}
        assert self.world.must_arrive - there <= too_late


def open_uploads() -> list[str]:
    """Return the uploads that still have a next step, as text."""
    stopped = Upload.objects.needs_attention()
    left = [*Upload.objects.open(), *stopped.exclude(attention=Attention.UNKNOWN_FATE)]
    return [f"{upload.pk} {upload.state} {upload.attention}" for upload in left]


def held(world: World) -> Tally[RowKey]:
    """Return how many copies of each row of the ledger Metrika has."""
    calls, counters = _calls(), _counters(world)
    found: Tally[RowKey] = Tally()
    for row in control(world.sandbox, "rows?limit=10000")["rows"]:
        place = (_call_of(row, calls), counters[row["counter"]], CHANNELS[row["channel"]])
        found[place] += 1
    return found


def _files(world: World) -> list[str]:
    """Return the marker of every file that Metrika has, one per file."""
    rows = control(world.sandbox, "rows?limit=10000")["rows"]
    return [marker for marker, _number in {(row["comment"], row["uploading_id"]) for row in rows}]


def _is_unknown(upload: Upload) -> bool:
    return upload.state in UNKNOWN or upload.attention == Attention.UNKNOWN_FATE


def _row_keys(rows: QuerySet[Delivery]) -> list[RowKey]:
    return list(rows.values_list("call_id", "counter_id", "channel"))


def _rows_of_file(upload: Upload, calls: dict[str, int]) -> list[RowKey]:
    text = body_of(upload.pk).decode()
    return [
        (_call_of(row, calls), upload.counter_id, upload.channel)
        for row in csv.DictReader(io.StringIO(text))
    ]


def _call_of(row: dict[str, str], calls: dict[str, int]) -> int:
    """Return the call of a row. Conversions name only the visitor; each call has its own."""
    return calls[row.get("CallTrackerURL") or row["ClientId"]]


def _calls() -> dict[str, int]:
    """Return the calls by the address of their page and by their visitor."""
    calls = list(Call.objects.only("cabinet_id", "external_id", "client_id"))
    return {name: call.pk for call in calls for name in (link_of(call), call.client_id)}


def _counters(world: World) -> dict[int, int]:
    return dict(Counter.objects.filter(pk__in=world.counters).values_list("number", "pk"))
