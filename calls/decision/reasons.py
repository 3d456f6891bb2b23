"""Every reason why a call is not sent, by the code that is kept in `Delivery.reason`.

Most are given by the rules of `calls.decision.rules` before anything is sent; here are those that
come up later. What holds a whole upload has its texts in `calls.states.Attention`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.utils.translation import gettext_lazy

from calls.decision.reason import Reason, Words
from calls.decision.rules import RULES
from calls.states import Attention


def _same_as(attention: Attention) -> Reason:
    """Return the reason that a delivery shares with an upload: the same code and texts."""
    return Reason(code=attention.value, title=attention.label, sentence=attention.sentence)


REFUSED_BY_METRIKA = Reason(
    code="refused_by_metrika",
    title=gettext_lazy("Метрика не приняла строку"),
    sentence=gettext_lazy(
        "Метрика не приняла эту строку: с ней одной файл отклонён. Остальные звонки файла переданы."
    ),
)
REFUSED_BY_CHECK = Reason(
    code="refused_by_check",
    title=gettext_lazy("Строка не прошла проверку"),
    sentence=gettext_lazy(
        "Строка не проходит проверку формата и исключена из файла. Остальные звонки переданы."
    ),
)
CALLED_OFF = _same_as(Attention.CALLED_OFF)
COUNTER_REMOVED = _same_as(Attention.COUNTER_REMOVED)

#: Codes that a person's action gave: no rule could decide otherwise now.
GIVEN_BY_A_PERSON = (CALLED_OFF.code, COUNTER_REMOVED.code)

_OF_A_DELIVERY = (*RULES, REFUSED_BY_METRIKA, REFUSED_BY_CHECK)
REASONS: dict[str, Reason] = {
    reason.code: reason for reason in (*_OF_A_DELIVERY, CALLED_OFF, COUNTER_REMOVED)
}

#: Short titles by code, of deliveries and then of uploads: the choices of a filter by reason.
REASON_TITLES: dict[str, Words] = {reason.code: reason.title for reason in _OF_A_DELIVERY} | dict(
    Attention.choices
)


def reason_sentence(code: str, compared: Sequence[Any] | None) -> str:
    """Return the sentence of a delivery's reason, with what was compared if that was kept.

    Raises KeyError for an unknown code.
    """
    return REASONS[code].text(compared)


class Refused(Protocol):
    """A delivery as far as its reason goes; this module knows no models."""

    reason: Any
    compared: Any


def hide_personal_data(deliveries: Iterable[Refused]) -> None:
    """Mask what the loaded deliveries compared, so that their sentences show no personal data."""
    for one in deliveries:
        reason = REASONS.get(one.reason or "")
        if reason is not None:
            one.compared = reason.masked(one.compared)


def attention_sentence(code: str) -> str:
    """Return the sentence of an upload's `Attention`; an unknown code unchanged, '' for ''."""
    return str(Attention(code).sentence) if code in Attention else code
