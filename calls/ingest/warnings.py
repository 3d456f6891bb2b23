"""What is wrong with a record that was accepted: a stable code, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from calls.decision.attempts import JUDGED_ATTEMPTS

TOO_MANY_ATTEMPTS = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning of the API: code, sentence and field, as an error has them."""

    code: str
    message: str
    field: str


def too_many_attempts(order: int) -> Warned:
    """Return the warning that a callback order has more attempts than are judged."""
    sentence = _(
        "У заказа обратного звонка %(order)d больше %(count)d попыток: последняя выбирается только "
        "из %(count)d самых новых. Проверьте cbAttemptsQueue: в нём должны быть номера попыток "
        "одного заказа."
    )
    values = {"order": order, "count": JUDGED_ATTEMPTS}
    return Warned(TOO_MANY_ATTEMPTS, sentence % values, "cbAttemptsQueue")
