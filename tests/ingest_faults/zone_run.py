"""Stores calls and writes their files in the zone of the process, then rolls back.

Prints JSON: the zone's offset and the files. `test_zones.py` runs it under several zones.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from zoneinfo import ZoneInfo

import django

NOW = "2026-03-20T12:00:00+00:00"


def main() -> None:
    """Read {"source", "batches": [[zone, records], …]} from the standard input."""
    django.setup()
    job = json.load(sys.stdin)
    files = run(job["source"], job["batches"])
    offset = time.localtime(time.time()).tm_gmtoff
    json.dump({"offset": offset, "files": files}, sys.stdout)


def run(source_id: str, batches: list[tuple[str, list[dict[str, Any]]]]) -> list[str]:
    """Return the files of the calls, in the order of their streams."""
    from datetime import datetime, timedelta

    from django.db import connection, transaction

    from cabinets.models import CallSource
    from calls.delivery import batching
    from calls.delivery.file_store import bytes_of
    from calls.ingest.parsing.record import read_records
    from calls.ingest.store import store_calls
    from calls.models import UploadFile, Way

    now = datetime.fromisoformat(NOW)
    source = CallSource.objects.get(public_id=source_id)
    with transaction.atomic():
        # The files contain ids of calls, so every run must start from the same id.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_serial_sequence('calls_callkey', 'id')")
            cursor.execute(f"ALTER SEQUENCE {cursor.fetchone()[0]} RESTART WITH 1000000")
        for zone, records in batches:
            read = read_records(
                records, source_id=source.public_id, zone=ZoneInfo(zone) if zone else None, now=now
            )
            store_calls(source=source, records=read, now=now, way=Way.API)
        batching.build_uploads(now=now + timedelta(days=1))
        bodies = UploadFile.objects.order_by("upload__channel", "upload__is_static", "upload_id")
        files = [b"".join(bytes_of(file.pk)).decode() for file in bodies]
        transaction.set_rollback(True)
    return files


if __name__ == "__main__":
    main()
