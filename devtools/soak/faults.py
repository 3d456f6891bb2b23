"""Faults of the sandbox during a soak: one after another, each for a single request."""

from __future__ import annotations

import random
from collections import Counter as Tally
from dataclasses import dataclass, field
from typing import Any

from devtools.soak.sandbox_api import Sandbox

#: Delays stay well below the grace of `workers.PACE`: a slower Metrika would cause doubles.
#: Daily quotas are left out: exceeding one stops delivery until the next day.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset_before", {}),
    ("reset_middle", {}),
    ("reset_after_taken", {}),
    ("reset_after_taken", {}),
    ("late_accept", {"seconds": 3}),
    ("latency", {"ms": 2500, "match": {"path_contains": "upload"}}),
    ("latency", {"ms": 800}),
    ("list_lag", {"seconds": 3}),
    ("html_5xx", {"status": 502}),
    ("html_5xx", {"status": 503}),
    ("html_5xx_taken", {"status": 504}),
    ("garbage_200", {}),
    ("status_429", {"error_type": "quota_parallel_requests", "retry_after": 1}),
    ("status_403_quota", {"error_type": "quota_parallel_requests"}),
    ("unknown_status", {}),
    ("invalid_token", {}),
)
#: Rare, because it pauses all logins for up to half a minute.
RARE_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status_420", {"error_type": "quota_requests_by_ip", "retry_after": 1}),
)
RARE_SHARE = 0.01


@dataclass
class FaultInjector:
    """Switches random faults on."""

    sandbox: Sandbox
    rng: random.Random
    injected: Tally[str] = field(default_factory=Tally)

    def inject(self) -> None:
        """Switch on one random fault."""
        name, details = self.rng.choice(RARE_FAULTS if self.rng.random() < RARE_SHARE else FAULTS)
        self.sandbox.fault(name, **details)
        self.injected[name] += 1
