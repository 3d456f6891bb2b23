"""Rules about calls that were stored without being sent: loaded only, or trial calls.

They come after all filters, so that what has their reason would be sent otherwise. A person's order
for a call and a counter lets the call pass: `calls.delivery.send_orders`.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from calls.decision.reason import Rule
from calls.states import HELD_BACK, TRIAL_CALL, HoldBack

RULES = (
    Rule(
        code=HELD_BACK,
        is_waivable=True,
        title=HoldBack.LOADED.label,
        requirement=gettext_lazy("Звонок загружен для отправки"),
        sentence=gettext_lazy(
            "Звонок загружен без отправки. Отправьте его кнопкой на странице звонка или загрузите "
            "файл ещё раз с отправкой."
        ),
        applies=f"c.hold_back IS NOT DISTINCT FROM {HoldBack.LOADED}",
        sql="false",
    ),
    Rule(
        code=TRIAL_CALL,
        is_waivable=True,
        title=gettext_lazy("Пробный звонок"),
        requirement=gettext_lazy("Звонок не пробный"),
        sentence=gettext_lazy(
            "Это пробный звонок: остальные проверки он прошёл, но сам не отправляется. Отправить "
            "его можно кнопкой на странице звонка."
        ),
        applies=f"c.hold_back IS NOT DISTINCT FROM {HoldBack.TRIAL}",
        sql="false",
    ),
)
