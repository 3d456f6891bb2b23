"""The bytes of uploaded files: written in pieces while they come in, read back one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from cabinets.models import Cabinet, CallSource
from calls.models import FileImport, FilePiece, ImportState
from calls.models.file_import import OPEN, FileImportQuerySet

PIECE_BYTES = 1024 * 1024
#: Imports of a cabinet that are not at their end; more would only fill the disk.
MAX_OPEN = 5
#: An upload that has not ended by then was cut off.
CUT_OFF_AFTER = timedelta(hours=2)
#: Imports at their end whose file a cabinet keeps, to read it again with other settings.
FILES_KEPT = 5
BATCH = 1000


class TooManyImports(Exception):
    """The cabinet has MAX_OPEN imports that are not at their end."""


class FileTooLarge(Exception):
    """More bytes came than IMPORT_MAX_BYTES."""


class PieceWriter:
    """Takes the bytes of one upload and writes them in pieces, each in a transaction of its own."""

    def __init__(self, file_import: FileImport) -> None:
        self.file_import = file_import
        self.size = 0
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._number = 0

    def write(self, data: bytes) -> None:
        """Take some bytes. Raises FileTooLarge."""
        self.size += len(data)
        if self.size > settings.IMPORT_MAX_BYTES:
            raise FileTooLarge
        self._digest.update(data)
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            self._flush(PIECE_BYTES)

    def end(self) -> str:
        """Write the rest; return the SHA-256 of all bytes."""
        if self._buffer:
            self._flush(len(self._buffer))
        return self._digest.hexdigest()

    def _flush(self, size: int) -> None:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        FilePiece.objects.create(file_import=self.file_import, number=self._number, data=data)
        self._number += 1


def begin(source: CallSource, *, name: str, actor: User, now: datetime) -> PieceWriter:
    """Create an import whose bytes are about to come. Raises TooManyImports."""
    with transaction.atomic():
        # Not FOR UPDATE: requests that store new calls would wait until old files are deleted.
        Cabinet.objects.select_for_update(no_key=True).get(pk=source.cabinet_id)
        of_cabinet = FileImport.objects.filter(source__cabinet=source.cabinet_id)
        if of_cabinet.open().count() >= MAX_OPEN:
            raise TooManyImports
        _forget_files(of_cabinet)
        made = FileImport.objects.create(source=source, actor=actor, name=name, created_at=now)
    return PieceWriter(made)


def finish(writer: PieceWriter, *, actor: User) -> FileImport:
    """Let the workers have the file that has come whole.

    The same file twice, while the first is not at its end, is one import: the first is returned.
    """
    sha256 = writer.end()
    with transaction.atomic():
        made = FileImport.objects.select_related("source__cabinet").get(pk=writer.file_import.pk)
        CallSource.objects.select_for_update(no_key=True).get(pk=made.source_id)
        others = FileImport.objects.filter(source=made.source, sha256=sha256).exclude(pk=made.pk)
        earlier = others.open().order_by("pk").first()
        if earlier is not None:
            discard(made)
            return earlier
        made.sha256, made.size, made.state = sha256, writer.size, ImportState.UPLOADED
        made.save(update_fields=["sha256", "size", "state"])
        audit.log_change(
            cabinet=made.source.cabinet,
            actor=actor,
            action="import.uploaded",
            subject=made,
            after={"source": made.source_id, "name": made.name, "size": made.size},
        )
    return made


def discard(file_import: FileImport) -> None:
    """Delete the import with its bytes."""
    FileImport.objects.filter(pk=file_import.pk).delete()


def copy_to(file_import: FileImport, file: IO[bytes]) -> None:
    """Write all bytes of the import into the file, a piece at a time."""
    for data in _pieces(file_import):
        file.write(data)
    file.flush()


def _pieces(file_import: FileImport) -> Iterator[bytes]:
    number = 0
    while True:
        found = file_import.pieces.filter(number=number).values_list("data", flat=True).first()
        if found is None:
            return
        yield bytes(found)
        number += 1


def delete_old(*, now: datetime) -> int:
    """Delete imports past IMPORT_DAYS, with files and errors, and uploads that were cut off."""
    too_old = now - timedelta(days=settings.IMPORT_DAYS)
    uploading = FileImport.objects.filter(state=ImportState.UPLOADING)
    cut_off = uploading.filter(created_at__lt=now - CUT_OFF_AFTER)
    deleted = 0
    for old in (FileImport.objects.filter(created_at__lt=too_old), cut_off):
        for pk in old.order_by("created_at").values_list("pk", flat=True)[:BATCH]:
            FileImport.objects.filter(pk=pk).delete()
            deleted += 1
    return deleted


def _forget_files(of_cabinet: FileImportQuerySet) -> None:
    """Delete the bytes of imports at their end, except those of the last ones."""
    ended = of_cabinet.filter(has_file=True).exclude(state__in=OPEN)
    kept = list(ended.order_by("-pk").values_list("pk", flat=True)[:FILES_KEPT])
    # Locked, so that none of them is ordered to be read again meanwhile.
    old = ended.exclude(pk__in=kept).select_for_update(of=("self",), skip_locked=True)
    forgotten = list(old.order_by("pk").values_list("pk", flat=True))
    FilePiece.objects.filter(file_import__in=forgotten).delete()
    FileImport.objects.filter(pk__in=forgotten).update(has_file=False)
