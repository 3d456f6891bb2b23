"""Brings the same calls into one cabinet by each of the ways in, as their senders do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.journeys.observed import intake
from tests.journeys.person import Person
from tests.journeys.product import Product, wait_for
from tests.journeys.same_calls import Record, as_csv, as_json, as_texts, as_xlsx
from tests.journeys.webhook_client import TIMEOUT_SECONDS, WebhookClient, statuses
from tests.paths import ROOT

API_BATCH = 200
#: A key of the stand-in for CallKeeper's API.
KEY = "sameCallsKey"
#: The ways by their codes in the product.
CODES = {"api", "command", "file", "pull", "webhook"}
#: A source may send 600 requests a minute to its address: a source for each kind of request.
KINDS_OF_HOOKS = ("query", "form", "json")
#: Senders at a time of each kind.
SENDERS = 2
#: Celery's beat looks every ten seconds for what a worker has to do.
WORK_SECONDS = 30
#: Name of a file → what writes it.
FILES = {"окна.csv": as_csv, "окна.xlsx": as_xlsx, "окна.json": as_json}


@dataclass
class Ways:
    """The ways into the one cabinet of a running product; ``folder`` is for files.

    A browser belongs to one thread: what a person does is done while the programs send.
    """

    product: Product
    person: Person
    folder: Path
    #: Kind of requests → the secret address of their source.
    addresses: dict[str, str] = field(default_factory=dict)

    def receive(self, records: list[Record]) -> None:
        """Send all calls by every way, by all ways at the same time; return when all came."""
        self.addresses = {
            kind: self.person.add_source_of_webhooks(f"Вебхуки: {kind}") for kind in KINDS_OF_HOOKS
        }
        programs = [self._by_api, self._by_command, self._by_webhooks]
        with ThreadPoolExecutor(len(programs)) as pool:
            running = [pool.submit(one, records) for one in programs]
            files = self._upload(records)
            self._by_pull(records)
            for address in files:
                self.person.store_and_send(address)
            for done in running:
                done.result()
        for way in ("pull", "file"):
            wait_for(self._has_come(way, len(records)), seconds=WORK_SECONDS, what=f"{way} is done")

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

    def _by_webhooks(self, records: list[Record]) -> None:
        """Send a third of the calls in each kind of request, one call a request."""
        parts = [
            (self.addresses[kind], kind, records[place :: len(KINDS_OF_HOOKS)][sender::SENDERS])
            for place, kind in enumerate(KINDS_OF_HOOKS)
            for sender in range(SENDERS)
        ]
        with ThreadPoolExecutor(len(parts)) as pool:
            for done in [pool.submit(_send_hooks, *part) for part in parts]:
                done.result()

    def _by_pull(self, records: list[Record]) -> None:
        """Give the stand-in the calls, and the product the key, as a person does."""
        accounts = f"{self.product.ready['sandbox_url']}/_sandbox/callkeeper/accounts"
        for address, body in (
            (accounts, {"key": KEY}),
            (f"{accounts}/{KEY}/calls", {"calls": records}),
        ):
            requests.post(address, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
        self.person.add_pulled_source("Из CallKeeper", key=KEY)

    def _upload(self, records: list[Record]) -> list[str]:
        """Upload a third of the calls in each kind of file; return the addresses of the imports."""
        self.person.add_source_of_files("Файлы")
        page, addresses = self.person.page.url, []
        for place, (name, write) in enumerate(FILES.items()):
            file = self.folder / name
            file.write_bytes(write(records[place :: len(FILES)]))
            self.person.page.goto(page)
            addresses.append(self.person.upload_calls(file))
        return addresses

    def _has_come(self, way: str, count: int) -> Callable[[], bool | None]:
        def look() -> bool | None:
            counts = intake(self.product.data).get(way)
            return True if counts and counts.received >= count else None

        return look


def _send_hooks(address: str, kind: str, records: list[Record]) -> None:
    with requests.Session() as session:
        for record in records:
            if kind == "query":
                answer = session.get(address, params=as_texts(record), timeout=TIMEOUT_SECONDS)
            elif kind == "form":
                answer = session.post(address, data=as_texts(record), timeout=TIMEOUT_SECONDS)
            else:
                answer = session.post(address, json=record, timeout=TIMEOUT_SECONDS)
            assert answer.status_code == 200, answer.text
            assert statuses(answer.json()) <= {"created", "updated", "duplicate"}
