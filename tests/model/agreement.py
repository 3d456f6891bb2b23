"""What must be true after every step: of the ledger, of its uploads, and of what Metrika holds."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter as Tally
from collections import defaultdict

from django.db.models import QuerySet
from django.utils import timezone

from calls.delivery.state_table import DELIVERY_STATES, UPLOAD_STATES
from calls.models import Call, Delivery, Upload, UploadFile
from calls.states import (
    TAKEN_UPLOADS,
    Attention,
    Channel,
    DeliveryState,
    UploadState,
)
from counters.models import Counter
from tests.devtools.sandbox.actor import control
from tests.model.world import World

#: One row of the ledger: call, counter, channel.
Place = tuple[int, int, int]
CHANNELS = {"calls": Channel.CALLS, "goal": Channel.GOAL}
#: Nobody knows yet whether Metrika has such a file, or nobody ever will.
UNKNOWN = (UploadState.SENDING, UploadState.UNCLEAR)
#: Called off with their rows in them: nothing of them goes anywhere.
ENDED_WITH_ROWS = (Attention.EXPIRED, Attention.COUNTER_REMOVED, Attention.CALLED_OFF)
#: The clock finds an upload in these by a moment, which must not be missing.
MOMENTS = {
    UploadState.READY: "not_before",
    UploadState.LATER: "not_before",
    UploadState.SPLITTING: "not_before",
    UploadState.SENDING: "lease_until",
    UploadState.UNCLEAR: "sent_at",
    UploadState.SENT: "next_poll_at",
}


class Agreement:
    """Compares; remembers the bytes it has seen, because they must never change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._frozen: dict[int, tuple[str, str, int, str]] = {}

    def check(self) -> None:
        """Raise AssertionError when something that must always be true is not."""
        uploads = list(Upload.objects.order_by("pk"))
        self._check_ledger_is_whole()
        self._check_ways_out(uploads)
        self._check_bytes_are_frozen(uploads)
        self._check_rows_have_one_live_upload(uploads)
        self._check_metrika({upload.marker: upload for upload in uploads})

    def _check_ledger_is_whole(self) -> None:
        places = _places(Delivery.objects.all())
        calls = Call.objects.values_list("pk", flat=True)
        expected = {
            (call, counter, int(channel))
            for call in calls
            for counter in self.world.counters
            for channel in Channel
        }
        assert set(places) == expected
        assert len(places) == len(expected)
        assert len(calls) == len(self.world.records)

    def _check_ways_out(self, uploads: list[Upload]) -> None:
        for state in Delivery.objects.values_list("state", flat=True).distinct():
            assert DeliveryState(state) in DELIVERY_STATES
        for upload in uploads:
            why = Attention(upload.attention) if upload.attention else None
            stage = UploadState(upload.state)
            assert (stage, why) in UPLOAD_STATES
            assert stage not in MOMENTS or getattr(upload, MOMENTS[stage]) is not None
        waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
        assert not waiting.filter(not_before=None).exists()

    def _check_bytes_are_frozen(self, uploads: list[Upload]) -> None:
        for upload in uploads:
            body = bytes(UploadFile.objects.get(pk=upload.pk).body)
            seen = (upload.sha256, upload.marker, upload.rows, hashlib.sha256(body).hexdigest())
            assert self._frozen.setdefault(upload.pk, seen) == seen
            assert seen[0] == seen[3]

    def _check_rows_have_one_live_upload(self, uploads: list[Upload]) -> None:
        """What a live upload would send is what points at it, so that no row is in two."""
        attached: dict[int, dict[int, Place]] = defaultdict(dict)
        for row in Delivery.objects.filter(state=DeliveryState.BATCHED):
            number, upload_id = row.row_number or 0, row.upload_id or 0
            assert number not in attached[upload_id]
            attached[upload_id][number] = (row.call_id, row.counter_id, row.channel)
        visitors = _visitors()
        for upload in uploads:
            rows = attached.pop(upload.pk, {})
            if upload.state == UploadState.CANCELLED:
                assert not rows or upload.attention in ENDED_WITH_ROWS
            elif upload.state != UploadState.SPLITTING:
                assert rows == dict(enumerate(_rows_of_file(upload, visitors), start=1))
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
        """Raise AssertionError unless all trouble over means: all there, once, and nothing open."""
        assert not open_uploads()
        assert not Delivery.objects.filter(state=DeliveryState.WAITING).exists()
        rows = Delivery.objects.filter(state=DeliveryState.BATCHED)
        sent = set(_places(rows.filter(upload__state__in=TAKEN_UPLOADS)))
        lost = rows.filter(upload__attention=Attention.UNKNOWN_FATE)
        found = held(self.world)
        assert set(found.values()) <= {1}
        assert sent <= set(found)
        assert set(found) - sent <= set(_places(lost))
        late = Delivery.objects.filter(expires_at__lte=timezone.now())
        too_late = {(call, counter) for call, counter, _channel in _places(late)}
        there = {(call, counter) for call, counter, channel in sent if channel == Channel.CALLS}
        assert self.world.certain - there <= too_late


def open_uploads() -> list[str]:
    """Return what still has a next step, as words."""
    stopped = Upload.objects.needs_attention()
    left = [*Upload.objects.open(), *stopped.exclude(attention=Attention.UNKNOWN_FATE)]
    return [f"{upload.pk} {upload.state} {upload.attention}" for upload in left]


def held(world: World) -> Tally[Place]:
    """Return how often Metrika holds each row of the ledger."""
    visitors, counters = _visitors(), _counters(world)
    found: Tally[Place] = Tally()
    for row in control(world.sandbox, "rows?limit=10000")["rows"]:
        place = (_call_of(row, visitors), counters[row["counter"]], CHANNELS[row["channel"]])
        found[place] += 1
    return found


def _files(world: World) -> list[str]:
    """Return the marker of every file that Metrika holds, once for each."""
    rows = control(world.sandbox, "rows?limit=10000")["rows"]
    return [marker for marker, _number in {(row["comment"], row["uploading_id"]) for row in rows}]


def _is_unknown(upload: Upload) -> bool:
    return upload.state in UNKNOWN or upload.attention == Attention.UNKNOWN_FATE


def _places(rows: QuerySet[Delivery]) -> list[Place]:
    return list(rows.values_list("call_id", "counter_id", "channel"))


def _rows_of_file(upload: Upload, visitors: dict[str, int]) -> list[Place]:
    text = bytes(UploadFile.objects.get(pk=upload.pk).body).decode()
    return [
        (_call_of(row, visitors), upload.counter_id, upload.channel)
        for row in csv.DictReader(io.StringIO(text))
    ]


def _call_of(row: dict[str, str], visitors: dict[str, int]) -> int:
    """Return the call of a row. Conversions name only the visitor; each call has its own."""
    address = row.get("CallTrackerURL", "")
    return int(address.rsplit("/", 1)[1]) if address else visitors[row["ClientId"]]


def _visitors() -> dict[str, int]:
    return dict(Call.objects.values_list("client_id", "pk"))


def _counters(world: World) -> dict[int, int]:
    return dict(Counter.objects.filter(pk__in=world.counters).values_list("number", "pk"))
