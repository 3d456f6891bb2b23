"""Compares, to the row, what came in, what the ledger says, and what the sandbox holds."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from cabinets.models import Cabinet
from calls.models import Call, Delivery, Upload
from calls.states import TAKEN_UPLOADS, Channel, DeliveryState, UploadState
from counters.models import Counter

#: States of an upload from which nothing moves any more.
FINAL_UPLOADS = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE, UploadState.CANCELLED)


@dataclass(frozen=True)
class Balance:
    """The two sides. Rows of the sandbox count only when they came in an upload of the cabinet."""

    calls: int
    counters: int
    rows_by_state: dict[str, int]
    uploads_by_state: dict[str, int]
    #: Rows in uploads that the ledger calls taken, and rows that the sandbox holds.
    sent: int
    held: int
    #: Rows the sandbox holds more than once, and rows that were said to be there and are not.
    doubles: int
    losses: int

    @property
    def ledger_rows(self) -> int:
        """Rows of the ledger: every call for every counter over every channel has one."""
        return sum(self.rows_by_state.values())

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        waiting = self.rows_by_state.get(DeliveryState.WAITING.name, 0)
        open_uploads = sum(
            count for state, count in self.uploads_by_state.items() if state not in FINAL_UPLOADS
        )
        return not waiting and not open_uploads

    def faults(self) -> list[str]:
        """Return every sentence that should hold and does not; empty when it balances."""
        expected = self.calls * self.counters * len(Channel)
        sentences = {
            f"{expected} ledger rows expected, {self.ledger_rows} found": (
                expected == self.ledger_rows
            ),
            f"{self.sent} rows called sent, {self.held} in the sandbox": self.sent == self.held,
            f"{self.doubles} rows doubled": not self.doubles,
            f"{self.losses} rows lost": not self.losses,
            f"not settled: {self.rows_by_state}, {self.uploads_by_state}": self.is_settled,
        }
        return [sentence for sentence, holds in sentences.items() if not holds]


def take_balance(cabinet: Cabinet, sandbox_rows: Iterable[dict[str, Any]]) -> Balance:
    """Weigh one cabinet against the rows of the sandbox."""
    # Before the uploads: a row that is attached in between is then still seen to wait.
    rows_by_state = _rows_by_state(cabinet)
    uploads = {
        marker: (rows, state)
        for marker, rows, state in Upload.objects.filter(cabinet=cabinet).values_list(
            "marker", "rows", "state"
        )
    }
    held: Tally[str] = Tally()
    for row in sandbox_rows:
        if row["comment"] in uploads:
            held[row["comment"]] += 1
    said = {marker: rows for marker, (rows, state) in uploads.items() if state in TAKEN_UPLOADS}
    return Balance(
        calls=Call.objects.filter(cabinet=cabinet).count(),
        counters=Counter.objects.filter(cabinet=cabinet).count(),
        rows_by_state=rows_by_state,
        uploads_by_state=dict(Tally(state for _rows, state in uploads.values())),
        sent=sum(said.values()),
        held=sum(held.values()),
        # An upload's rows are frozen, so a second copy of any can only be a second copy of all.
        doubles=sum(max(0, found - uploads[marker][0]) for marker, found in held.items()),
        losses=sum(max(0, rows - held[marker]) for marker, rows in said.items()),
    )


def _rows_by_state(cabinet: Cabinet) -> dict[str, int]:
    counted = (
        Delivery.objects.filter(cabinet=cabinet)
        .order_by()
        .values_list("state")
        .annotate(count=Count("pk"))
    )
    return {DeliveryState(state).name: count for state, count in counted}
