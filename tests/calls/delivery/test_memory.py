"""The memory of building and of sending a file does not grow with the file."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, file_store, manifest, sending
from calls.delivery.file_store import Piece
from calls.models import Upload
from counters.models import Counter
from integrations.yandex.multipart import CsvForm
from tests.calls.ledger import make_upload
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

PIECE_BYTES = 500_000
MEGABYTE = 1_000_000


def peak_of(work: Callable[[], object]) -> int:
    """Return how many bytes Python held at most while it worked, beyond those before."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def made(count: int) -> Iterator[Piece]:
    """Make the pieces of a file one after the other."""
    for number in range(count):
        yield 1 + number, b"%08d" % number + bytes(PIECE_BYTES)


@pytest.mark.contract("B2")
def test_bytes_are_stored_and_sent_in_the_memory_of_a_few_pieces(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def take(_client: object, _number: int, *, body: object, **_rest: object) -> None:
        form = CsvForm(body, seconds=60)  # type: ignore[arg-type]
        sizes.append(sum(len(piece) for piece in form))
        assert sizes[-1] == len(form)

    monkeypatch.setattr("integrations.yandex.metrika.MetrikaClient.upload_calls", take)
    peaks = []
    for count in (10, 30):
        upload = make_upload(counter=counter, rows=count)
        upload.file.pieces.all().delete()

        def store() -> None:
            frozen = file_store.store(upload.pk, made(count))  # noqa: B023
            upload.file.size, upload.sha256 = frozen.size, frozen.sha256  # noqa: B023
            upload.file.save()  # noqa: B023

        peaks.append((peak_of(store), peak_of(lambda: sending.post(upload))))  # noqa: B023

    assert sizes[1] > 3 * PIECE_BYTES * 10
    for few, many in zip(*peaks, strict=True):
        assert many < few + PIECE_BYTES
        # One leaves, one is hashed, one is received, and one is just let go of.
        assert many < 5 * PIECE_BYTES


def test_file_and_manifest_are_written_in_the_memory_of_a_piece(
    cabinet: Cabinet, linked_counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.delivery.csv_writer.ROWS_PER_PIECE", 200)
    monkeypatch.setattr("calls.delivery.manifest.ROWS_PER_QUERY", 200)
    peaks = []
    for count in (1000, 4000):
        call = store_call(cabinet=cabinet, page_url="https://a.example/" + "x" * 500)
        copy_call(call, count - 1)
        build = peak_of(lambda: batching.build_uploads(now=timezone.now()))
        upload = Upload.objects.select_related("counter").latest("pk")
        keep = peak_of(lambda: manifest.keep(upload, now=timezone.now()))  # noqa: B023
        assert upload.rows == count
        assert file_store.size_of(upload.pk) > count * 500
        kept = manifest.read(upload.marker)
        assert kept is not None
        assert kept.is_whole
        assert len(set(kept.keys)) == count
        peaks.append((build, keep))

    for few, many in zip(*peaks, strict=True):
        # The longer file is 1.5 MB larger.
        assert many < few + MEGABYTE // 3
