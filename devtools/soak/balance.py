"""Compares, call by call, the stored calls, the ledger, and the rows of the sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, Sum
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.routing import count_routed
from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from devtools.soak.sandbox_api import HeldRow
from devtools.soak.verification import verify

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: States of an upload without a next step.
FINAL_UPLOADS = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE, UploadState.CANCELLED)


@dataclass(frozen=True)
class Balance:
    """Figures of both sides; in the sandbox, of the cabinet's calls and files only."""

    calls: int
    counters: int
    #: Counters and channels to which the settings route the calls, one by one, and those of them
    #: that have a row of the ledger.
    routed: int
    routed_rows: int
    rows_by_state: dict[str, int]
    uploads_by_state: dict[str, int]
    #: Three counts that must agree: rows of the uploads that the ledger has as accepted, calls
    #: attached to these uploads, rows in the sandbox.
    sent: int
    attached: int
    held: int
    #: Rows of a call beyond the first, and calls recorded as sent that the sandbox does not have.
    doubles: int
    losses: int
    #: Calls whose rows cannot be distinguished.
    alike: int

    @property
    def ledger_rows(self) -> int:
        """Rows of the ledger: one per routed call, counter and channel."""
        return sum(self.rows_by_state.values())

    @property
    def is_settled(self) -> bool:
        """Whether no delivery waits and every upload is final."""
        return _nothing_moves(self.rows_by_state, self.uploads_by_state)

    def mismatches(self) -> list[str]:
        """Return a sentence per check that failed; empty if it balances."""
        sentences = {
            f"{self.routed} ledger rows expected, {self.routed_rows} found": (
                self.routed == self.routed_rows
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
    """Compare one cabinet with the rows of the sandbox, which come in pages."""
    # Before the uploads: a row attached in between is still counted as waiting.
    rows_by_state = _rows_by_state(cabinet)
    uploads_by_state = _uploads_by_state(cabinet)
    verified = verify(cabinet, held)
    taken = Upload.objects.taken().filter(cabinet=cabinet)
    _calls, routed, routed_rows = count_routed(cabinet.pk, since=EPOCH, until=timezone.now())
    return Balance(
        calls=Call.objects.filter(cabinet=cabinet).count(),
        counters=Counter.objects.filter(cabinet=cabinet).count(),
        routed=routed,
        routed_rows=routed_rows,
        rows_by_state=rows_by_state,
        uploads_by_state=uploads_by_state,
        sent=taken.aggregate(rows=Sum("rows", default=0))["rows"],
        attached=verified.attached,
        held=verified.held,
        doubles=verified.doubles,
        losses=verified.losses,
        alike=verified.alike,
    )


def is_settled(cabinet: Cabinet) -> bool:
    """Whether no delivery of the cabinet waits and every upload is final; cheap to poll."""
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
