"""The inputs of public bug reports, each with the value that has to be read."""

from __future__ import annotations

import json
from typing import Any

from tests.paths import PAYLOADS

REPORTS: dict[str, Any] = json.loads(
    (PAYLOADS / "reports" / "records.json").read_text(encoding="utf-8")
)
BASE: dict[str, Any] = REPORTS["base"]
