"""What a build makes of files that the database does not know: late manifests, many files."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import batching, manifest, sending
from calls.delivery.listings import Listing, examine
from calls.models import Delivery, UnknownFile, Upload, UploadAttempt
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import installation
from tests.calls.restoring import lose_upload
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import store_call

pytestmark = pytest.mark.contract("B27")


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.INSTALLATION_FILE = tmp_path / "installation.json"
    installation.reset_marks()


def send_one(cabinet: Cabinet) -> Upload:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=5)
    return Upload.objects.latest("pk")


def test_manifests_that_are_put_back_later_stop_no_counter(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """A file that was found before its manifest could be read gets its rows, and is settled."""
    resent, unknown = send_one(cabinet), send_one(cabinet)
    lose_upload(unknown)
    UploadAttempt.objects.all().delete()
    Upload.objects.filter(pk=resent.pk).update(
        state=UploadState.READY, uploading_id=None, attempts=0, sent_at=None, accepted_at=None
    )
    shutil.move(manifest.folder(), tmp_path / "elsewhere")
    listed = list(Listing(linked_counter, Channel.CALLS, lambda: None))
    # A poll reads a part of the list; a build sets aside what may be in the unknown file.
    part = [one for one in listed if one.comment == unknown.marker]
    examine(linked_counter, Channel.CALLS, part, timezone.now())
    batching.build_uploads(now=timezone.now())
    examine(linked_counter, Channel.CALLS, listed, timezone.now())
    assert UnknownFile.objects.filter(marker=resent.marker, state="open").exists()

    shutil.move(tmp_path / "elsewhere", manifest.folder())
    batching.build_uploads(now=timezone.now())

    assert set(UnknownFile.objects.values_list("state", flat=True)) == {"adopted"}
    assert Upload.objects.get(pk=resent.pk).state == UploadState.SENT
    attached = Delivery.objects.filter(channel=Channel.CALLS)
    assert set(attached.values_list("state", "upload__marker")) == {
        (DeliveryState.BATCHED, resent.marker),
        (DeliveryState.BATCHED, unknown.marker),
    }
    sending.send_due(seconds=5)
    assert len(rows_in_metrika(sandbox)) == 2


def make_files(counter: Counter, numbers: range) -> None:
    now = timezone.now()
    UnknownFile.objects.bulk_create(
        UnknownFile(
            counter=counter,
            channel=Channel.CALLS,
            marker=f"ck{number:032x}",
            uploading_ids=[number + 1],
            create_time=now - timedelta(days=3),
            found_at=now,
        )
        for number in numbers
    )


def test_many_files_without_a_manifest_cost_a_build_no_query_each(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=4))
    counts = []
    for numbers in (range(10), range(10, 210)):
        make_files(linked_counter, numbers)
        batching.build_uploads(now=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            batching.build_uploads(now=timezone.now())
        counts.append(len(queries))

    assert (Upload.objects.count(), UnknownFile.objects.count()) == (0, 210)
    assert counts[0] == counts[1]
