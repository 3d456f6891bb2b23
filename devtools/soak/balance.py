"""Compares, call by call, what came in, what the ledger says, and what the sandbox holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Sum

from cabinets.models import Cabinet
from calls.models import Call, Delivery, Upload
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.soak.sandbox_api import HeldRow
from devtools.soak.verification import weigh

#: States of an upload from which nothing moves any more.
FINAL_UPLOADS = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE, UploadState.CANCELLED)


@dataclass(frozen=True)
class Balance:
    """The two sides. Of the sandbox only what belongs to the cabinet's calls or files counts."""

    calls: int
    counters: int
    rows_by_state: dict[str, int]
    uploads_by_state: dict[str, int]
    #: Rows of the files that the ledger calls taken, calls that say they went in one of these, and
    #: rows that the sandbox holds: three counts of one thing.
    sent: int
    attached: int
    held: int
    #: Rows of a call above the one that may be there, and calls said to be there that are not.
    doubles: int
    losses: int
    #: Calls whose rows cannot be told apart.
    alike: int

    @property
    def ledger_rows(self) -> int:
        """Rows of the ledger: every call for every counter over every channel has one."""
        return sum(self.rows_by_state.values())

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return _nothing_moves(self.rows_by_state, self.uploads_by_state)

    def faults(self) -> list[str]:
        """Return every sentence that should hold and does not; empty when it balances."""
        expected = self.calls * self.counters * len(Channel)
        sentences = {
            f"{expected} ledger rows expected, {self.ledger_rows} found": (
                expected == self.ledger_rows
            ),
            f"{self.sent} rows called sent, {self.attached} calls attached to them": (
                self.sent == self.attached
            ),
            f"{self.sent} rows called sent, {self.held} in the sandbox": self.sent == self.held,
            f"{self.doubles} rows doubled": not self.doubles,
            f"{self.losses} rows lost": not self.losses,
            f"{self.alike} calls look alike: their doubles would not be seen": not self.alike,
            f"not settled: {self.rows_by_state}, {self.uploads_by_state}": self.is_settled,
        }
        return [sentence for sentence, holds in sentences.items() if not holds]


def take_balance(cabinet: Cabinet, held: Iterable[list[HeldRow]]) -> Balance:
    """Weigh one cabinet against the rows of the sandbox, which come in pages."""
    # Before the uploads: a row that is attached in between is then still seen to wait.
    rows_by_state = _rows_by_state(cabinet)
    uploads_by_state = _uploads_by_state(cabinet)
    weights = weigh(cabinet, held)
    taken = Upload.objects.taken().filter(cabinet=cabinet)
    return Balance(
        calls=Call.objects.filter(cabinet=cabinet).count(),
        counters=Counter.objects.filter(cabinet=cabinet).count(),
        rows_by_state=rows_by_state,
        uploads_by_state=uploads_by_state,
        sent=taken.aggregate(rows=Sum("rows", default=0))["rows"],
        attached=weights.attached,
        held=weights.held,
        doubles=weights.doubles,
        losses=weights.losses,
        alike=weights.alike,
    )


def is_settled(cabinet: Cabinet) -> bool:
    """Whether nothing of the cabinet waits and nothing is on its way; cheap enough to ask often."""
    rows_by_state = _rows_by_state(cabinet)
    return _nothing_moves(rows_by_state, _uploads_by_state(cabinet))


def _nothing_moves(rows_by_state: dict[str, int], uploads_by_state: dict[str, int]) -> bool:
    going = [state for state in uploads_by_state if state not in FINAL_UPLOADS]
    return not rows_by_state.get(DeliveryState.WAITING.name) and not going


def _rows_by_state(cabinet: Cabinet) -> dict[str, int]:
    counted = (
        Delivery.objects.filter(cabinet=cabinet)
        .order_by()
        .values_list("state")
        .annotate(count=Count("pk"))
    )
    return {DeliveryState(state).name: count for state, count in counted}


def _uploads_by_state(cabinet: Cabinet) -> dict[str, int]:
    uploads = Upload.objects.filter(cabinet=cabinet).order_by()
    return dict(uploads.values_list("state").annotate(count=Count("pk")))
