"""All rules of sending, in the order in which they decide: the first that fails is the reason.

`calls.decision.decide` writes and renews the ledger with them, `calls.decision.explain` shows them.
"""

from __future__ import annotations

from calls.decision.reason import Rule
from calls.decision.rules import call_filters, held_back, linking, preconditions, restored

# The last ones: only what would be sent otherwise waits for a decision about an unknown file.
RULES: tuple[Rule, ...] = (
    *preconditions.RULES,
    *call_filters.RULES,
    *linking.RULES,
    *held_back.RULES,
    *restored.RULES,
)
