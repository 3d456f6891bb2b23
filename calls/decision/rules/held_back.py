"""Rules about calls that were stored without being sent: loaded only, or trial calls.

They come after all filters, so that what has their reason would be sent otherwise. A person's order
for a call and a counter lets the call pass: `calls.delivery.held_back`.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from calls.decision.reason import Rule
from calls.states import HELD_BACK, TRIAL_CALL, HoldBack

_IS_ORDERED = """EXISTS (
    SELECT 1 FROM calls_heldbackorder o WHERE o.call_id = c.id AND o.counter_id = k.id)"""

RULES = (
    Rule(
        code=HELD_BACK,
        title=HoldBack.LOADED.label,
        requirement=gettext_lazy("Звонок загружен для отправки, или её заказал человек"),
        sentence=gettext_lazy(
            "Звонок загружен без отправки. Отправьте его кнопкой на странице звонка или загрузите "
            "файл ещё раз с отправкой."
        ),
        applies=f"c.hold_back IS NOT DISTINCT FROM {HoldBack.LOADED}",
        sql=_IS_ORDERED,
    ),
    Rule(
        code=TRIAL_CALL,
        title=gettext_lazy("Пробный звонок"),
        requirement=gettext_lazy("Отправку пробного звонка заказал человек"),
        sentence=gettext_lazy(
            "Это пробный звонок: остальные проверки он прошёл, но сам не отправляется. Отправить "
            "его можно кнопкой на странице звонка."
        ),
        applies=f"c.hold_back IS NOT DISTINCT FROM {HoldBack.TRIAL}",
        sql=_IS_ORDERED,
    ),
)
