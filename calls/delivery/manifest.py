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
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from calls.call_key import call_key_of_many_sql, call_key_sql
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
ROWS_PER_QUERY = 2000
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


#: Fields that are known before the rows are read.
_KNOWN = tuple(one.name for one in fields(Manifest) if one.name not in {"keys", "revisions"})


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
            _store(path, _text_of(upload, now))
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


_SPAN = f"""
SELECT coalesce(max(row_number), 0), min(partition_at), max(partition_at) FROM calls_delivery
WHERE upload_id = %(upload)s AND state = {DeliveryState.BATCHED}
"""
# By ranges of row numbers: with a limit, all further rows of the file are looked up each time. By
# the months of the rows: others are then left out when it is planned.
_ROWS = f"""
SELECT {call_key_of_many_sql("c")}, d.call_revision FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE d.upload_id = %(upload)s AND d.state = {DeliveryState.BATCHED}
  AND d.row_number BETWEEN %(first)s AND %(last)s
  AND d.partition_at BETWEEN %(from)s AND %(to)s
  AND c.partition_at BETWEEN %(from)s AND %(to)s
ORDER BY d.row_number
"""
# A repeat that a person ordered has no delivery.
_ROW_OF_REPEAT = f"""
SELECT {call_key_sql("c")}, c.revision FROM calls_resend r
JOIN calls_call c ON c.id = r.call_id WHERE r.upload_id = %(upload)s
"""


def _text_of(upload: Upload, now: datetime) -> Iterator[str]:
    """Yield the JSON of the upload's manifest, some rows at a time."""
    named = {"upload_id": upload.pk, "counter": upload.counter.number, "sent_at": now}
    known = {name: getattr(upload, name) for name in _KNOWN if name not in named}
    yield _json(known | named)[:-1] + ',"keys":['
    revisions = array("q")
    for rows in _chunks(upload):
        yield ("," if revisions else "") + _json([key for key, _revision in rows])[1:-1]
        revisions.extend(revision for _key, revision in rows)
    yield '],"revisions":['
    for start in range(0, len(revisions), ROWS_PER_QUERY):
        some = revisions[start : start + ROWS_PER_QUERY].tolist()
        yield ("," if start else "") + _json(some)[1:-1]
    yield "]}"


def _chunks(upload: Upload) -> Iterator[list[tuple[str, int]]]:
    """Yield key and revision of the upload's rows in their order, ROWS_PER_QUERY at a time."""
    ((last, *months),) = _rows_of(_SPAN, {"upload": upload.pk})
    if not last:
        yield from filter(None, [_rows_of(_ROW_OF_REPEAT, {"upload": upload.pk})])
        return
    key = {"upload": upload.pk, "from": months[0], "to": months[1]}
    for first in range(1, last + 1, ROWS_PER_QUERY):
        between = {"first": first, "last": first + ROWS_PER_QUERY - 1}
        yield from filter(None, [_rows_of(_ROWS, key | between)])


def _rows_of(query: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _json(value: Any) -> str:
    return json.dumps(value, default=datetime.isoformat, separators=(",", ":"))


def _unpacked(content: bytes) -> Manifest:
    stored: dict[str, Any] = json.loads(gzip.decompress(content))
    values = {one.name: stored[one.name] for one in fields(Manifest)}
    values |= {name: datetime.fromisoformat(values[name]) for name in _TIMES}
    values |= {name: tuple(values[name]) for name in ("keys", "revisions")}
    return Manifest(**values)


def _store(path: Path, texts: Iterable[str]) -> None:
    """Write a packed file under its name only when it is whole and on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=COMPRESSION) as packed:
                for text in texts:
                    packed.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _count_failure() -> None:
    try:
        add_one(MANIFESTS_FAILED)
    except RedisError as error:
        logger.warning("a failed manifest is not counted: %s", type(error).__name__)
