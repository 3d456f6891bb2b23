"""CallKeeper's side of the soak: invents calls and hands them in until they are taken."""

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
from devtools.demonstration.generator import CallGenerator

CHUNK = 250
#: Share of the chunks that are handed in twice, and of the calls that come again with other values.
REPEATED, CHANGED = 0.05, 0.01


class Feeder:
    """Keeps its own count of the calls that were taken, to compare with."""

    def __init__(self, *, source: CallSource, total: int, dice: random.Random, seed: int) -> None:
        self._source = source
        self._dice = dice
        self._stream = _calls(seed, total)
        self._in_hand: list[dict[str, Any]] = []
        self.taken = 0
        self.refusals = 0

    def feed(self) -> bool:
        """Hand in a chunk, or the one that was refused before; False when there is no more."""
        self._in_hand = self._in_hand or list(islice(self._stream, CHUNK))
        if not self._in_hand:
            return False
        try:
            self._hand_in(self._in_hand)
            if self._dice.random() < REPEATED:
                self._hand_in(self._in_hand)
            self._hand_in([_changed(one) for one in self._in_hand if self._dice.random() < CHANGED])
        except (OperationalError, InterfaceError):
            # The database is away: what was not confirmed is handed in again, as a sender would.
            self.refusals += 1
            connection.close()
            return True
        self.taken += len(self._in_hand)
        self._in_hand = []
        return True

    def _hand_in(self, records: list[dict[str, Any]]) -> None:
        now = timezone.now()
        read = read_records(records, source_id=self._source.public_id, zone=None, now=now)
        store.store_calls(source=self._source, records=read, now=now)


def _calls(seed: int, total: int) -> Iterator[dict[str, Any]]:
    generator = CallGenerator(seed=seed, prefix=f"6{seed % 1000:03d}")
    return islice(generator.endless(timezone.now() - timedelta(hours=1)), total)


def _changed(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"tags": [*record["tags"], "Исправлен"]}
