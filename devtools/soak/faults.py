"""What goes wrong at Metrika during a soak: one thing after another, each for a single request."""

from __future__ import annotations

import random
from collections import Counter as Tally
from dataclasses import dataclass, field
from typing import Any

from devtools.soak.sandbox_api import Sandbox

#: Delays stay well below the grace of `workers.PACE`: a Metrika slower than that is not survivable.
#: Quotas of a day are left out, as whoever breaks one waits for the next day.
MISHAPS: tuple[tuple[str, dict[str, Any]], ...] = (
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
#: It stops all logins for up to half a minute: often, and there would be little to disturb.
RARE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status_420", {"error_type": "quota_requests_by_ip", "retry_after": 1}),
)
RARITY = 0.01


@dataclass
class Mishaps:
    """Switches faults on by dice."""

    sandbox: Sandbox
    dice: random.Random
    done: Tally[str] = field(default_factory=Tally)

    def strike(self) -> None:
        """Let one thing go wrong."""
        name, details = self.dice.choice(RARE if self.dice.random() < RARITY else MISHAPS)
        self.sandbox.fault(name, **details)
        self.done[name] += 1
