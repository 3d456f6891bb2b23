"""Producer of the soak: generates calls and stores them, with retries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.models import Way
from devtools.demonstration.generator import CallGenerator

CHUNK = 250
#: Shares of the chunks that are sent twice and of the calls sent again with changed values.
REPEATED, CHANGED = 0.05, 0.01


class Producer:
    """Counts the calls it has stored, to compare with the database at the end."""

    def __init__(self, *, source: CallSource, total: int, rng: random.Random, seed: int) -> None:
        self._source = source
        self._rng = rng
        self._stream = _calls(seed, total)
        self._pending: list[dict[str, Any]] = []
        self.taken = 0
        self.refusals = 0

    def produce(self) -> bool:
        """Store the next chunk, or the one that failed before; False if there are no more."""
        self._pending = self._pending or list(islice(self._stream, CHUNK))
        if not self._pending:
            return False
        try:
            self._store(self._pending)
            if self._rng.random() < REPEATED:
                self._store(self._pending)
            self._store([_changed(one) for one in self._pending if self._rng.random() < CHANGED])
        except (OperationalError, InterfaceError):
            # The database is unavailable: the unconfirmed chunk is sent again, as a client would.
            self.refusals += 1
            connection.close()
            return True
        self.taken += len(self._pending)
        self._pending = []
        return True

    def _store(self, records: list[dict[str, Any]]) -> None:
        now = timezone.now()
        read = read_records(records, source_id=self._source.public_id, zone=None, now=now)
        store.store_calls(source=self._source, records=read, now=now, way=Way.API)


def _calls(seed: int, total: int) -> Iterator[dict[str, Any]]:
    generator = CallGenerator(seed=seed, prefix=f"6{seed % 1000:03d}")
    return islice(generator.endless(timezone.now() - timedelta(hours=1)), total)


def _changed(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"tags": [*record["tags"], "Исправлен"]}
