"""P6: the work of a send: the bytes out of the database and through the request."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bench import world
from bench.figure import Contender, Figure
from bench.measure import MEGABYTE
from bench.naive import models, work
from calls.delivery import sending
from calls.delivery.file_store import ROWS_PER_PIECE, Piece
from calls.delivery.uploads import create_upload, next_upload_id
from calls.models import Upload
from calls.states import Channel, IdKind

ROW = b"1718031415926535,1790000000,0,,,79000000001,152,,0," + b"x" * 146 + b"\n"


class Send(Figure):
    """One file, sent again and again to a process that reads it."""

    title = "P6 the work of a send"
    unit = "MB/s"
    goal_floor = 0.8

    def prepare(self) -> None:
        world.forget_calls()
        owner = world.make_world(1)
        self.body = ROW * (self.sizes.upload_bytes // len(ROW))
        self.upload = make_upload(owner, self.body)
        self.small = make_upload(owner, ROW)
        self.url = f"{settings.METRIKA_API_URL}/file"
        models.make_tables()
        self.file = models.NaiveFile.objects.create(body=self.body)
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "calls.csv"
        self.path.write_bytes(self.body)
        self.curl = shutil.which("curl")
        if self.curl is None:
            self.contenders = ("product", "naive")
            self.notes.append("curl is not installed: no floor.")

    def reset(self, contender: Contender) -> None:
        pass

    def product(self) -> float:
        send(str(self.upload.pk))
        return len(self.body) / MEGABYTE

    def floor(self) -> float:
        words = [str(self.curl), "-sS", "-o", "/dev/null", "-F", f"file=@{self.path}", self.url]
        subprocess.run(words, check=True)
        return len(self.body) / MEGABYTE

    def naive(self) -> float:
        return work.send_file(self.file.pk, self.url) / MEGABYTE

    def finish(self) -> None:
        self.add_peak_memory(send, str(self.upload.pk), small=str(self.small.pk), at_most=8)
        models.drop_tables()
        self.folder.cleanup()
        world.forget_calls()


@transaction.atomic
def make_upload(owner: world.World, body: bytes) -> Upload:
    """Store a file that is ready to be sent."""
    now, counter = timezone.now(), owner.counters[0]
    return create_upload(
        upload_id=next_upload_id(),
        cabinet_id=counter.cabinet_id,
        counter_id=counter.pk,
        channel=Channel.CALLS,
        id_kind=IdKind.CLIENT_ID,
        is_static=False,
        target="",
        pieces=pieces_of(body),
        rows=body.count(b"\n"),
        oldest_call_at=now,
        newest_call_at=now,
        now=now,
    )


def pieces_of(body: bytes) -> Iterator[Piece]:
    """Cut the rows into pieces as long as those that the product writes."""
    step = ROWS_PER_PIECE * len(ROW)
    for start in range(0, len(body), step):
        yield start // len(ROW) + 1, body[start : start + step]


def send(upload_id: str) -> None:
    """Send the file of an upload as the product does, without claim and record."""
    # The request refuses to start long after the claim.
    Upload.objects.filter(pk=upload_id).update(sent_at=timezone.now())
    sending.post(Upload.objects.select_related("counter__account").get(pk=upload_id))
