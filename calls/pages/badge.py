"""The badge of a delivery: its state and tone, less than green when it shares its second."""

from __future__ import annotations

from django.utils.translation import gettext as _

from calls.masking import masked_value
from calls.pages.status_messages import title_of
from calls.queries.display_state import DisplayDelivery
from calls.queries.same_second import SameSecond
from calls.states import TONES, DisplayState


def same_second_text(pair: SameSecond, *, is_whole: bool) -> str:
    """Return which calls Metrika counts as one with this call in the goal.

    The other call's external id is masked unless ``is_whole``.
    """
    number = pair.external_id if is_whole else masked_value(pair.external_id)
    words = {"id": number, "rest": pair.count - 1}
    others = number if pair.count == 1 else _("%(id)s и ещё %(rest)d") % words
    return _(
        "Метрика засчитывает цель не чаще раза в секунду на посетителя: с этим звонком совпал "
        "звонок %(others)s. В отчёте по цели это одно достижение."
    ) % {"others": others}


def badge_of(delivery: DisplayDelivery, pair: SameSecond | None) -> tuple[str, str]:
    """Return the words and the tone of the state; a call that shares its second is not green."""
    title, tone = title_of(delivery), TONES[DisplayState(delivery.display_state)]
    if pair is None:
        return title, tone
    return _("%(state)s, совпала секунда") % {"state": title}, (
        "info" if tone == "success" else tone
    )
