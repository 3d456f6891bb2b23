"""Brings the same calls into one cabinet by each of the ways in, and reads what was counted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.person import Person
from tests.journeys.product import Product
from tests.journeys.same_calls import Record, as_json
from tests.journeys.webhook_client import WebhookClient, statuses
from tests.paths import ROOT

API_BATCH = 500


@dataclass
class Ways:
    """The ways into the one cabinet of a running product; ``folder`` is for files."""

    product: Product
    person: Person
    folder: Path

    @property
    def _ways(self) -> Mapping[str, Callable[[list[Record]], None]]:
        """Code of each way in the product → what brings all the calls by it."""
        return {"api": self._by_api, "command": self._by_command}

    @property
    def codes(self) -> set[str]:
        return set(self._ways)

    def set_up(self) -> None:
        """Create a source of each kind in the cabinet, as a person does."""

    def receive(self, records: list[Record]) -> None:
        """Send all calls by every way, by all ways at the same time."""
        with ThreadPoolExecutor(len(self._ways)) as pool:
            for done in [pool.submit(way, records) for way in self._ways.values()]:
                done.result()

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
