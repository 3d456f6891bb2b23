"""The types of a reason why a call is not sent, and of the rule that gives one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from calls.masking import Mask

Words = str | Promise


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a call is not sent: the code kept in `Delivery.reason`, and every text about it.

    ``with_values`` gets what was compared (`Delivery.compared`) and returns the sentence that names
    it, or '' when the values say nothing.
    """

    code: str
    #: A word or two, for the lists of filters.
    title: Words
    #: What happened and the next step.
    sentence: Words
    with_values: Callable[..., str] | None = None
    #: Positions of what was compared that are personal data, and how each is masked.
    masks: Mapping[int, Mask] = field(default_factory=dict)

    def text(self, compared: Sequence[Any] | None) -> str:
        """Return the sentence, with the values if there are any."""
        named = self.with_values(*compared) if compared and self.with_values else ""
        return named or str(self.sentence)

    def masked(self, compared: Sequence[Any] | None) -> list[Any] | None:
        """Return what was compared without personal data, for people who may not see it."""
        if compared is None:
            return None
        return [
            self.masks[place](value) if place in self.masks and isinstance(value, str) else value
            for place, value in enumerate(compared)
        ]


@dataclass(frozen=True, kw_only=True)
class Rule(Reason):
    """One condition of sending, and the reason given when a call does not meet it.

    ``applies`` is false where the rule says nothing about a call: it is a rule of the other
    channel, or of a setting that is not in use. ``sql`` is true when a call to which it applies
    passes. Both may read c (call), k (counter), g (goal) and ch (channel). ``compared`` is an SQL
    array (jsonb) of what was compared, kept with a refusal as the arguments of ``with_values``;
    empty where the sentence already says everything.
    """

    #: Shown on a call's page when the rule passed or does not apply.
    requirement: Words
    sql: str
    applies: str = "true"
    compared: str = ""
    #: Whether a call that does not meet it does not concern the counter over the channel at all:
    #: `calls.decision.routing`.
    is_routing: bool = False
    #: Whether ``sql`` costs less than ``applies`` and is evaluated first.
    is_cheap: bool = False
    #: Whether a person may order a call to be sent although it does not meet it (`SendOrder`): a
    #: choice of the settings, and nothing that Metrika needs or that could send a call twice.
    is_waivable: bool = False
    #: Of a rule of routing: why a call concerns no counter of its cabinet, if it came nearest here.
    no_counter: Words = ""
    #: The sentence as of now, where ``sentence`` speaks of the time of the decision.
    today: Words = ""

    @property
    def refuses(self) -> str:
        """Return SQL that is true when the rule applies to the call and the call does not pass."""
        halves = (f"coalesce(({self.applies}), true)", f"NOT coalesce(({self.sql}), false)")
        return "({} AND {})".format(*(reversed(halves) if self.is_cheap else halves))
