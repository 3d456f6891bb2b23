"""Manifests: which calls are in a file for Metrika, kept outside of the database.

Written before the first byte of a file leaves, one per marker, in the folder `sent/` beside
INSTALLATION_FILE. A database that was restored from a dump learns from them which of its calls are
in a file that it does not know (`calls.delivery.takeover`). They contain keys of calls
(`calls.call_key`), no phone and no identifier.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import tempfile
import zlib
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from calls.call_key import call_key_sql
from calls.models import Upload
from calls.runtime.counts import MANIFESTS_FAILED, add_one
from calls.states import DeliveryState

logger = logging.getLogger(__name__)

FOLDER = "sent"
SUFFIX = ".json.gz"
#: Metrika cannot link older calls, and the comparison of the day looks back as far.
KEPT = timedelta(days=35)
#: Keys are random digits: more effort makes the file hardly smaller.
COMPRESSION = 1
_TIMES = ("created_at", "sent_at", "oldest_call_at", "newest_call_at")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A file as it was sent; the fields without a comment are those of `Upload`."""

    marker: str
    upload_id: int
    #: Number of the counter in Metrika; other cabinets may have the same one.
    counter: int
    cabinet_id: int
    channel: int
    id_kind: int
    is_static: bool
    target: str
    rows: int
    sha256: str
    created_at: datetime
    sent_at: datetime
    oldest_call_at: datetime
    newest_call_at: datetime
    #: Key and revision of the call in each row, in the order of the rows.
    keys: tuple[str, ...]
    revisions: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it names the call of every row."""
        return len(self.keys) == len(self.revisions) == self.rows


def folder() -> Path:
    """Return the folder of the manifests."""
    return Path(settings.INSTALLATION_FILE).parent / FOLDER


def path_of(marker: str) -> Path:
    """Return the path of a marker's manifest."""
    return folder() / f"{marker}{SUFFIX}"


def keep(upload: Upload, *, now: datetime) -> bool:
    """Write the manifest of an upload that is about to be sent, unless there is one.

    Rows and bytes of an upload never change after its first attempt. An error of the file system
    stops nothing: it is logged and counted, and False is returned. Load it with its counter.
    """
    path = path_of(upload.marker)
    try:
        if not path.exists():
            _store(path, _packed(_manifest_of(upload, now)))
    except OSError as problem:
        logger.error("the manifest of upload %s is not written: %s", upload.marker, problem)
        _count_failure()
        return False
    return True


def read(marker: str) -> Manifest | None:
    """Return the manifest of a marker; None when there is none or it cannot be read."""
    try:
        return _unpacked(path_of(marker).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError) as problem:
        logger.error("the manifest of %s cannot be read: %s", marker, type(problem).__name__)
        return None


def markers() -> list[str]:
    """Return the markers of all manifests, in no order; none when there is no folder."""
    try:
        return [one.name.removesuffix(SUFFIX) for one in folder().glob(f"ck*{SUFFIX}")]
    except OSError:
        return []


def prune(*, now: datetime) -> int:
    """Delete manifests older than KEPT, and drafts that a killed process left; return how many."""
    oldest = (now - KEPT).timestamp()
    pruned = 0
    try:
        for path in folder().iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
                pruned += 1
    except FileNotFoundError:
        return pruned
    except OSError as problem:
        logger.error("manifests are not pruned: %s", problem)
    return pruned


_ROWS = f"""
SELECT {call_key_sql("c")}, d.call_revision FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE d.upload_id = %(upload)s AND d.state = {DeliveryState.BATCHED} ORDER BY d.row_number
"""
# A repeat that a person ordered has no delivery.
_ROW_OF_REPEAT = f"""
SELECT {call_key_sql("c")}, c.revision FROM calls_resend r
JOIN calls_call c ON c.id = r.call_id WHERE r.upload_id = %(upload)s
"""


def _manifest_of(upload: Upload, now: datetime) -> Manifest:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"upload": upload.pk})
        rows = cursor.fetchall()
        if not rows:
            cursor.execute(_ROW_OF_REPEAT, {"upload": upload.pk})
            rows = cursor.fetchall()
    return Manifest(
        marker=upload.marker,
        upload_id=upload.pk,
        counter=upload.counter.number,
        cabinet_id=upload.cabinet_id,
        channel=upload.channel,
        id_kind=upload.id_kind,
        is_static=upload.is_static,
        target=upload.target,
        rows=upload.rows,
        sha256=upload.sha256,
        created_at=upload.created_at,
        sent_at=now,
        oldest_call_at=upload.oldest_call_at,
        newest_call_at=upload.newest_call_at,
        keys=tuple(key for key, _revision in rows),
        revisions=tuple(revision for _key, revision in rows),
    )


def _packed(manifest: Manifest) -> bytes:
    text = json.dumps(asdict(manifest), default=datetime.isoformat, separators=(",", ":"))
    return gzip.compress(text.encode(), COMPRESSION)


def _unpacked(content: bytes) -> Manifest:
    stored: dict[str, Any] = json.loads(gzip.decompress(content))
    values = {one.name: stored[one.name] for one in fields(Manifest)}
    values |= {name: datetime.fromisoformat(values[name]) for name in _TIMES}
    values |= {name: tuple(values[name]) for name in ("keys", "revisions")}
    return Manifest(**values)


def _store(path: Path, content: bytes) -> None:
    """Write a file under its name only when it is whole and on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise


def _count_failure() -> None:
    try:
        add_one(MANIFESTS_FAILED)
    except RedisError as error:
        logger.warning("a failed manifest is not counted: %s", type(error).__name__)
