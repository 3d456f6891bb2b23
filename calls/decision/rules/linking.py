"""Rules about what Metrika makes of a call: the last attempt of an order, a goal, a visitor."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.csv_formats import fits_sql
from calls.decision.reason import Rule
from calls.states import Channel

#: The `IdKind` of the first identifier of the counter's order that fits its column, else null.
IDENTIFIER = f"""(
    SELECT CASE o.name WHEN 'ClientId' THEN 1 WHEN 'Yclid' THEN 2 ELSE 3 END
    FROM unnest(k.identifier_order) WITH ORDINALITY AS o(name, place)
    WHERE CASE o.name WHEN 'ClientId' THEN {fits_sql("ClientId", "c.client_id")}
                      WHEN 'Yclid' THEN {fits_sql("Yclid", "c.yclid")}
                      ELSE {fits_sql("UserId", "c.user_id")} END
    ORDER BY o.place LIMIT 1)"""

# Only an attempt that could be sent itself replaces an earlier one: otherwise neither would be.
_LATER_ATTEMPT = """EXISTS (
    SELECT 1 FROM calls_call o
    WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key AND o.id <> c.id
      AND (coalesce(o.attempt, 0), o.started_at, o.id)
          > (coalesce(c.attempt, 0), c.started_at, c.id)
      AND o.is_finished AND NOT o.is_test AND NOT (k.skip_technical AND o.is_technical))"""

# Identifiers that the call has, although none of them fits its column.
_PRESENT_IDENTIFIERS = """(
    SELECT coalesce(jsonb_agg(o.name ORDER BY o.place), '[]')
    FROM unnest(k.identifier_order) WITH ORDINALITY AS o(name, place)
    WHERE CASE o.name WHEN 'ClientId' THEN c.client_id WHEN 'Yclid' THEN c.yclid
                      ELSE c.user_id END <> '')"""

#: CSV column → the identifier as people write it.
_IDENTIFIER_NAMES = {"ClientId": "ClientID", "Yclid": "yclid", "UserId": "UserID"}


def _not_last_attempt(attempt: int | None) -> str:
    if attempt is None:
        return ""
    return _(
        "Это попытка %(attempt)d, и по этому заказу была следующая: отправляется только последняя."
    ) % {"attempt": attempt}


def _no_identifier(*present: str) -> str:
    return _(
        "У звонка есть %(present)s, но в виде, которого Метрика не понимает: она не сможет связать "
        "его с визитом."
    ) % {"present": ", ".join(_IDENTIFIER_NAMES[name] for name in present)}


RULES = (
    Rule(
        code="not_last_attempt",
        title=gettext_lazy("Не последняя попытка"),
        requirement=gettext_lazy("Последняя попытка обратного звонка"),
        sentence=gettext_lazy(
            "По этому заказу была следующая попытка: отправляется только последняя."
        ),
        with_values=_not_last_attempt,
        applies="k.last_attempt_only AND c.order_key IS NOT NULL",
        sql=f"NOT {_LATER_ATTEMPT}",
        compared="jsonb_build_array(c.attempt)",
    ),
    Rule(
        code="static_no_goal",
        title=gettext_lazy("Статический звонок не достигает цели"),
        requirement=gettext_lazy("Звонок может достичь цели"),
        sentence=gettext_lazy(
            "Статический звонок не связан с визитом, поэтому достичь цели не может."
        ),
        applies=f"ch.channel = {Channel.GOAL}",
        sql="c.kind <> 'static'",
    ),
    Rule(
        code="no_identifier",
        title=gettext_lazy("Посетитель неизвестен"),
        requirement=gettext_lazy("Посетитель известен"),
        sentence=gettext_lazy(
            "У звонка нет идентификатора посетителя (ClientID, yclid или UserID): "
            "Метрика не сможет связать его с визитом."
        ),
        with_values=_no_identifier,
        applies="c.kind <> 'static'",
        sql=f"{IDENTIFIER} IS NOT NULL",
        compared=_PRESENT_IDENTIFIERS,
    ),
)
