"""The bytes of upload files: stored in pieces, read one at a time, and those of older releases."""

from __future__ import annotations

import hashlib
import threading
from contextlib import closing
from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, file_store, sending
from calls.delivery.file_store import Piece
from calls.delivery.frozen_bytes import THREAD, frozen_bytes
from calls.models import Delivery, Upload, UploadFile, UploadPiece
from calls.pages.upload_preview import preview_of, values_of
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.ledger import body_of, make_upload
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import store_call

HEADER = b"ClientId,Tag\n"
RECORDS = [b'%d,"a\nb"\n' % number for number in range(1, 8)]
PIECES: list[Piece] = [
    (1, HEADER + b"".join(RECORDS[:3])),
    (4, b"".join(RECORDS[3:6])),
    (7, RECORDS[6]),
]


@pytest.fixture
def upload(counter: Counter) -> Upload:
    """An upload of three pieces."""
    made = make_upload(counter=counter, body=b"-", rows=len(RECORDS))
    UploadPiece.objects.all().delete()
    frozen = file_store.store(made.pk, PIECES)
    UploadFile.objects.update(size=frozen.size)
    Upload.objects.update(sha256=frozen.sha256)
    return made


def make_old(upload: Upload) -> bytes:
    """Store the file as releases before pieces did; return its bytes."""
    body = body_of(upload.pk)
    UploadPiece.objects.filter(file_id=upload.pk).delete()
    UploadFile.objects.filter(pk=upload.pk).update(body=body, size=None)
    return body


def test_pieces_are_the_bytes_with_their_size_and_hash(upload: Upload) -> None:
    whole = HEADER + b"".join(RECORDS)
    upload.refresh_from_db()

    assert list(file_store.pieces(upload.pk)) == PIECES
    assert body_of(upload.pk) == whole
    assert file_store.size_of(upload.pk) == len(whole)
    assert upload.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("first", "last", "starts"),
    [(1, 3, [1]), (3, 4, [1, 4]), (4, 6, [1, 4]), (7, 7, [1, 7]), (2, None, [1, 4, 7])],
)
def test_only_pieces_with_these_rows_and_the_header_are_read(
    upload: Upload, first: int, last: int | None, starts: list[int]
) -> None:
    read = file_store.pieces(upload.pk, first=first, last=last)

    assert [start for start, _body in read] == starts


@pytest.mark.parametrize("is_old", [False, True], ids=["pieces", "one column"])
def test_every_row_is_found_as_it_was_sent(upload: Upload, is_old: bool) -> None:
    if is_old:
        make_old(upload)

    values = values_of([(upload.pk, row) for row in range(1, len(RECORDS) + 2)])

    assert values == {
        (upload.pk, row): {"ClientId": str(row), "Tag": "a\nb"} for row in range(1, 8)
    }


def test_preview_reads_the_first_piece_only(upload: Upload) -> None:
    UploadPiece.objects.exclude(first_row=1).delete()

    # The last row may be cut: it is not known to be whole.
    assert preview_of(upload.pk).rows == [["1", "a\nb"], ["2", "a\nb"]]


def test_piece_that_is_gone_is_an_error(upload: Upload) -> None:
    pieces = file_store.pieces(upload.pk)
    next(pieces)
    UploadPiece.objects.filter(first_row=4).delete()

    with pytest.raises(file_store.PieceMissing):
        list(pieces)


def test_piece_is_the_memory_in_which_it_was_received(upload: Upload) -> None:
    views = list(file_store.views_of(upload.pk))

    assert [bytes(view) for view in views] == [body for _row, body in PIECES]
    # The message of the server: the signature, the number of fields and the length come before.
    assert [len(bytes(view.obj)) - len(view) for view in views] == [19 + 2 + 4] * 3


def test_piece_whose_messages_come_apart_is_put_together() -> None:
    answer = file_store._Received()
    for message in (b"PGCOPY", b"head", b"body", file_store._END):
        answer.write(message)

    assert answer.whole() == b"PGCOPYheadbody" + file_store._END


def hash_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(THREAD)]


def test_bytes_that_nobody_takes_to_the_end_leave_no_thread(upload: Upload) -> None:
    upload.refresh_from_db()
    with closing(frozen_bytes(upload)) as leaving:
        assert bytes(next(leaving)) == PIECES[0][1]
        assert len(hash_threads()) == 1

    assert hash_threads() == []


def test_last_piece_leaves_after_all_are_hashed(upload: Upload) -> None:
    upload.refresh_from_db()
    leaving = frozen_bytes(upload)
    pieces = [bytes(next(leaving)) for _ in PIECES]

    assert pieces == [body for _row, body in PIECES]
    assert hash_threads() == []
    assert list(leaving) == []


def test_file_that_is_not_stored_is_an_error(db: None) -> None:
    for read in (file_store.size_of, body_of):
        with pytest.raises(UploadFile.DoesNotExist):
            read(1)


def build(cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch, *, calls: int) -> Upload:
    """Build the file of so many calls, two rows to a piece."""
    monkeypatch.setattr("calls.delivery.csv_writer.ROWS_PER_PIECE", 2)
    for _ in range(calls):
        store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    return Upload.objects.get()


@pytest.mark.contract("B2")
def test_built_file_is_in_pieces_and_reaches_metrika_byte_for_byte(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = build(cabinet, monkeypatch, calls=5)
    body = body_of(upload.pk)

    sending.send_due(seconds=30)

    pieces = list(file_store.pieces(upload.pk))
    assert [(row, body.count(b"\n")) for row, body in pieces] == [(1, 3), (3, 2), (5, 1)]
    assert hashlib.sha256(body).hexdigest() == upload.sha256
    upload.refresh_from_db()
    assert (upload.state, upload.source_quantity) == (UploadState.SENT, 5)
    times = [row["DateTime"] for row in rows_in_metrika(sandbox)]
    assert all(early <= late for early, late in pairwise(times))
    assert len(times) == 5


@pytest.mark.contract("B2")
@pytest.mark.parametrize("changed", [1, 3, 5], ids=["first piece", "middle", "last"])
def test_changed_piece_keeps_the_file_from_metrika(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    changed: int,
) -> None:
    upload = build(cabinet, monkeypatch, calls=5)
    piece = UploadPiece.objects.get(first_row=changed)
    piece.body = bytes(piece.body).replace(b"1", b"2")
    piece.save()

    sending.send_due(seconds=30)

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.DAMAGED)
    assert rows_in_metrika(sandbox) == []
    assert upload.tries.filter(ended_at=None).count() == 0


def test_file_of_an_older_release_is_sent_and_downloaded(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner_client: Client
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(2)]
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    body = make_old(upload)

    sending.send_due(seconds=30)

    assert len(rows_in_metrika(sandbox)) == len(calls)
    assert owner_client.get(reverse("calls:upload-csv", args=[upload.pk])).content == body


def test_refused_file_is_split_into_its_rows(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = build(cabinet, monkeypatch, calls=5)
    header, *records = body_of(upload.pk).splitlines(keepends=True)
    fault(sandbox, "whole_file_400")
    sending.send_due(seconds=30)

    bisection.isolate_refused(now=timezone.now())

    part = Upload.objects.get(parent=upload)
    rows = Delivery.objects.filter(upload=part).count()
    assert body_of(part.pk) in {
        header + b"".join(records[start : start + rows]) for start in range(5)
    }


def test_uploads_do_not_hold_the_bytes_in_one_value(
    cabinet: Cabinet, linked_counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = build(cabinet, monkeypatch, calls=5)

    with connection.cursor() as cursor:
        cursor.execute("SELECT body, size FROM calls_uploadfile WHERE upload_id = %s", [upload.pk])
        assert cursor.fetchone() == (None, len(body_of(upload.pk)))
