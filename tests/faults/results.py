"""Writes the result of each fault, a line of JSON per test; docs/reliability.md is made of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devtools.soak.balance import Balance
from tests.paths import ROOT

#: FAULT_RESULTS names another place; `devtools/tools/reliability_table.py` reads it.
DEFAULT_FILE = ROOT / ".cache" / "fault-results.jsonl"


@dataclass
class Result:
    """The measurements of one test, which fills in what it measured."""

    test: str
    contract: list[str]
    fault: str = ""
    calls: int = 0
    rows: int = 0
    doubles: int = 0
    losses: int = 0
    #: From the fault to a final ledger.
    seconds: float | None = None
    #: A sender with a deliberate defect: its doubles prove that doubles are detected.
    is_harness: bool = False
    extra: dict[str, float | int | str] = field(default_factory=dict)

    def measure(self, balance: Balance, seconds: float) -> None:
        """Take the figures of a balance, and the seconds from the fault to it."""
        self.calls, self.rows = balance.calls, balance.held
        self.doubles, self.losses = balance.doubles, balance.losses
        self.seconds = round(seconds, 1)

    def write(self) -> None:
        """Append the line in one short write, so that lines of parallel processes do not mix."""
        target = Path(os.environ.get("FAULT_RESULTS", DEFAULT_FILE))
        target.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(self), ensure_ascii=False) + "\n"
        with target.open("ab", buffering=0) as file:
            file.write(line.encode())
