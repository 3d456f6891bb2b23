"""Brings the same calls into one cabinet by each of the ways in, as their senders do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.journeys.observed import intake
from tests.journeys.person import Person
from tests.journeys.product import Product, wait_for
from tests.journeys.same_calls import Record, as_json
from tests.journeys.webhook_client import TIMEOUT_SECONDS, WebhookClient, statuses
from tests.paths import ROOT

API_BATCH = 500
#: A key of the stand-in for CallKeeper's API.
KEY = "sameCalls1000key"
#: The ways by their codes in the product.
CODES = {"api", "command", "pull"}
#: Celery's beat looks every ten seconds whether a source is due.
PULL_SECONDS = 30


@dataclass
class Ways:
    """The ways into the one cabinet of a running product; ``folder`` is for files.

    A browser belongs to one thread: what a person does is done while the programs send.
    """

    product: Product
    person: Person
    folder: Path

    def receive(self, records: list[Record]) -> None:
        """Send all calls by every way, by all ways at the same time; return when all came."""
        programs: list[Callable[[list[Record]], None]] = [self._by_api, self._by_command]
        with ThreadPoolExecutor(len(programs)) as pool:
            running: list[Future[None]] = [pool.submit(one, records) for one in programs]
            self._by_pull(records)
            for done in running:
                done.result()
        wait_for(self._is_pulled(len(records)), seconds=PULL_SECONDS, what="calls are pulled")

    def _by_api(self, records: list[Record]) -> None:
        source = self.product.ready["source"]
        client = WebhookClient(self.product.url, source["id"], source["secret"])
        for start in range(0, len(records), API_BATCH):
            answer = client.post(records[start:][:API_BATCH])
            assert statuses(answer) <= {"created", "updated", "duplicate"}

    def _by_command(self, records: list[Record]) -> None:
        file = self.folder / "calls.json"
        file.write_bytes(as_json(records))
        source = self.product.ready["source"]["id"]
        command = [sys.executable, "-m", "devtools.launcher", "manage", "import_calls"]
        subprocess.run(
            [*command, str(file), "--source", source],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": str(self.product.data)},
            check=True,
        )

    def _by_pull(self, records: list[Record]) -> None:
        """Give the stand-in the calls, and the product the key, as a person does."""
        accounts = f"{self.product.ready['sandbox_url']}/_sandbox/callkeeper/accounts"
        for address, body in (
            (accounts, {"key": KEY}),
            (f"{accounts}/{KEY}/calls", {"calls": records}),
        ):
            requests.post(address, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
        self.person.add_pulled_source("Из CallKeeper", key=KEY)

    def _is_pulled(self, count: int) -> Callable[[], bool | None]:
        def look() -> bool | None:
            pulled = intake(self.product.data).get("pull")
            return True if pulled and pulled.received >= count else None

        return look
