"""A cabinet with counters of the sandbox: receives calls and waits for their delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product

from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.models import ListUse, Upload, Way
from calls.states import Channel
from counters.models import Counter
from devtools.soak.balance import Balance, is_settled, take_balance
from integrations.models import YandexAccount
from tests import factories
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.wait import wait_for

SETTLE_SECONDS = 90
#: Counters of the sandbox by their owner.
OWNED = {
    "okna-stolica": (91234567, 91234568, 91234601, 91234602),
    "agency-media": (91400010, 91400011, 91400012),
    "klinika-ural": (91300042, 91300043),
}


@dataclass
class Scenario:
    """One cabinet and one sandbox."""

    sandbox: SandboxProcess
    cabinet: Cabinet
    source: CallSource
    counters: list[Counter] = field(default_factory=list)
    received: int = 0

    def link(self, login: str = "okna-stolica", counters: int = 1) -> YandexAccount:
        """Link the account of a sandbox login and add that many of its counters."""
        account = factories.make_account(
            cabinet=self.cabinet,
            login=login,
            access_token=self.sandbox.link(login),
            refresh_token="",
            yandex_uid=f"11000000{len(self.counters):02d}",
        )
        self.counters += [
            factories.make_counter(account=account, number=number, name=login)
            for number in OWNED[login][:counters]
        ]
        return account

    def note_lists_as_read(self) -> None:
        """Let every list count as read after the start, so that the first request is an upload."""
        ahead = timezone.now() + timedelta(days=1)
        for counter, channel in product(self.counters, Channel):
            ListUse.objects.create(counter=counter, channel=channel, read_whole_at=ahead)

    def receive_calls(self, count: int, *, started_at: datetime | None = None) -> None:
        """Store calls that started an hour ago, with the function that the API view uses."""
        moment: datetime = started_at or timezone.now() - timedelta(hours=1)
        records = [factories.v3_record(callTime=moment.isoformat()) for _ in range(count)]
        now = timezone.now()
        read = read_records(records, source_id=self.source.public_id, zone=None, now=now)
        store.store_calls(source=self.source, records=read, now=now, way=Way.API)
        self.received += count

    def balance(self) -> Balance:
        return take_balance(self.cabinet, self.sandbox.held())

    def wait_settled(self, seconds: float = SETTLE_SECONDS) -> float:
        """Wait until every row of the ledger is final; return the seconds it took."""
        return wait_for(self._is_settled, seconds=seconds, what="the ledger is final")

    def wait_final_or_doubled(self, doubles: int, seconds: float = SETTLE_SECONDS) -> float:
        """Wait until the ledger is final and has the expected number of doubles."""
        return wait_for(
            lambda: self.balance().doubles >= doubles and self._is_final(),
            seconds=seconds,
            what=f"the ledger is final and {doubles} rows are doubled",
        )

    def _is_final(self) -> bool:
        """Settled, or stopped in needs_attention because a double was detected."""
        upload = self.uploads()[0] if self.uploads() else None
        return self._is_settled() or (upload is not None and upload.state == "needs_attention")

    def wait_upload(self, *states: str, seconds: float = SETTLE_SECONDS) -> Upload:
        """Wait until the only upload is in one of the states."""
        wait_for(
            lambda: Upload.objects.filter(state__in=states).exists(),
            seconds=seconds,
            what=f"the upload is {' or '.join(states)}",
        )
        return Upload.objects.get()

    def uploads(self) -> Sequence[Upload]:
        return list(Upload.objects.order_by("pk"))

    def _is_settled(self) -> bool:
        return is_settled(self.cabinet)
