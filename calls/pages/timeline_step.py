"""One step of a call's timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from calls.decision.reason import Words
from calls.pages.attempt_messages import AttemptLine


@dataclass(frozen=True)
class RuleLine:
    """One rule of the decision, with its requirement if it passed, else the reason."""

    ok: bool
    text: Words
    #: False: the rule says nothing about this call over this channel, by these settings.
    applies: bool = True
    #: The values that a rule that passed has looked at; '' where the requirement says it all.
    looked_at: Words = ""
    #: Names its help page.
    code: str = ""


@dataclass(frozen=True)
class Step:
    """One event; without a time it is not stored when it happened."""

    title: str
    tone: str
    at: datetime | None = None
    text: str = ""
    rules: list[RuleLine] = field(default_factory=list)
    #: It happened to the call, not to one delivery of it.
    is_of_call: bool = False
    #: The call's data were changed.
    is_revision: bool = False
    #: It is what became of the delivery: the place of what can be done with it.
    is_state: bool = False
    #: It is expected, or awaited from a person: it has not happened yet.
    is_next: bool = False
    #: What is so by today's settings: it has no time.
    is_timeless: bool = False
    #: The request that was made, and its answer.
    attempt: AttemptLine | None = None
    #: What is said of this delivery alone, where the event is the same for several.
    note: str = ""
    #: Names the help page about it; '' for none.
    help_code: str = ""
