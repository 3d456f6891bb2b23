"""What is wrong with a record that was accepted: a stable code, and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cabinets.refusals import WARNINGS, stored_warning
from calls.decision.attempts import JUDGED_ATTEMPTS

TOO_MANY_ATTEMPTS = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning of the API: code, sentence and field, as an error has them.

    ``values`` are what the sentence names, so that it can be told in another language.
    """

    code: str
    field: str
    values: Mapping[str, int]

    @property
    def message(self) -> str:
        """The sentence, in the language in force."""
        return str(WARNINGS[self.code]) % self.values

    @property
    def stored(self) -> str:
        """What is kept of it on the row of the source."""
        return stored_warning(self.code, self.values)


def too_many_attempts(order: int) -> Warned:
    """Return the warning that a callback order has more attempts than are judged."""
    values = {"order": order, "count": JUDGED_ATTEMPTS}
    return Warned(TOO_MANY_ATTEMPTS, "cbAttemptsQueue", values)
