"""Rules about what Metrika makes of a call: the last attempt of an order, a goal, a visitor."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.attempts import HAS_LATER_ATTEMPT
from calls.decision.csv_formats import fits_sql
from calls.decision.reason import Rule
from calls.masking import masked_value
from calls.phones import with_masked_phones
from calls.states import (
    IDENTIFIER_UNREADABLE,
    NO_IDENTIFIER,
    NOT_LAST_ATTEMPT,
    STATIC_NO_GOAL,
    UNLINKED_NO_GOAL,
    Channel,
)

#: CSV column → SQL of the call's value and its `IdKind`.
_VALUES = {"ClientId": ("c.client_id", 1), "Yclid": ("c.yclid", 2), "UserId": ("c.user_id", 3)}


def _kind_at(place: int) -> str:
    """Return SQL: the `IdKind` of the identifier at this place of the order if it fits."""
    cases = " ".join(
        f"WHEN '{name}' THEN CASE WHEN {value} <> '' AND {fits_sql(name, value)} THEN {kind} END"
        for name, (value, kind) in _VALUES.items()
    )
    return f"CASE k.identifier_order[{place}] {cases} END"


#: Tests whether an identifier fits → their value, for a statement that judges many calls: they cost
#: more than all else in the rules, and are asked several times for each call.
FITS = {fits_sql(name, value): value for name, (value, _kind) in _VALUES.items()}

#: The `IdKind` of the first identifier of the counter's order that fits its column, else null. As
#: `_IS_UNREADABLE` without a sub-select: they are evaluated several times for each pair.
IDENTIFIER = "coalesce({})".format(", ".join(map(_kind_at, range(1, len(_VALUES) + 1))))

# The identifiers that came, each as a text that cannot be used, and '' for the others: in the
# counter's order, then those that are not in it. Values that were stored by earlier versions may
# not fit their column either.
_UNREADABLE = f"""(
    SELECT came.name, coalesce(c.unreadable_identifiers ->> came.name,
                               CASE WHEN came.fits THEN '' ELSE came.value END) AS text
    FROM (VALUES (1, 'ClientId', c.client_id, {fits_sql("ClientId", "c.client_id")}),
                 (2, 'Yclid', c.yclid, {fits_sql("Yclid", "c.yclid")}),
                 (3, 'UserId', c.user_id, {fits_sql("UserId", "c.user_id")}))
         AS came(id_kind, name, value, fits)
    ORDER BY array_position(k.identifier_order::text[], came.name), came.id_kind)"""


def _is_unreadable(name: str, value: str) -> str:
    """Return SQL: the identifier came as a text that cannot be used."""
    return f"""coalesce(c.unreadable_identifiers ->> '{name}',
        CASE WHEN {value} = '' OR {fits_sql(name, value)} THEN '' ELSE {value} END) <> ''"""


_IS_UNREADABLE = "({})".format(
    " OR ".join(_is_unreadable(name, value) for name, (value, _kind) in _VALUES.items())
)

#: A person ordered that the call goes as unlinked.
_IS_APPROVED = """EXISTS (
    SELECT 1 FROM calls_unlinkedapproval a WHERE a.call_id = c.id AND a.counter_id = k.id)"""

#: True when the call, if it is sent, goes as one that Metrika links to no visit (StaticCall=1).
IS_STATIC = f"(c.kind = 'static' OR (c.kind <> 'callback' AND {IDENTIFIER} IS NULL))"

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


def _identifier_unreadable(name: str, text: str, may_go_unlinked: bool) -> str:
    reason = _("%(name)s пришёл в виде, который не читается: «%(text)s».") % {
        "name": _IDENTIFIER_NAMES[name],
        "text": with_masked_phones(text),
    }
    cure = _(
        "Передайте запись ещё раз с тем же номером звонка и верным идентификатором: звонок уйдёт "
        "сам."
    )
    if not may_go_unlinked:
        return f"{reason} {cure}"
    other = _("Или отправьте его кнопкой «Отправить как непривязанный»; потом это не изменить.")
    return f"{reason} {cure} {other}"


def _unlinked_no_goal(came_unreadable: bool) -> str:
    if not came_unreadable:
        return ""
    return _(
        "Идентификатор посетителя не читается, и звонок решено передать как непривязанный: "
        "достичь цели он не может."
    )


RULES = (
    Rule(
        code=NOT_LAST_ATTEMPT,
        is_waivable=True,
        title=gettext_lazy("Не последняя попытка"),
        requirement=gettext_lazy("Последняя попытка обратного звонка"),
        sentence=gettext_lazy(
            "По этому заказу была следующая попытка: отправляется только последняя."
        ),
        with_values=_not_last_attempt,
        applies="k.last_attempt_only AND c.order_key IS NOT NULL",
        sql=f"NOT {HAS_LATER_ATTEMPT}",
        compared="jsonb_build_array(c.attempt)",
    ),
    Rule(
        code=STATIC_NO_GOAL,
        title=gettext_lazy("Статический звонок не достигает цели"),
        requirement=gettext_lazy("Звонок может достичь цели"),
        sentence=gettext_lazy(
            "Статический звонок не связан с визитом, поэтому достичь цели не может."
        ),
        applies=f"ch.channel = {Channel.GOAL}",
        sql="c.kind <> 'static'",
    ),
    Rule(
        code=IDENTIFIER_UNREADABLE,
        title=gettext_lazy("Идентификатор не читается"),
        requirement=gettext_lazy("Есть идентификатор, который читается"),
        sentence=gettext_lazy(
            "Идентификатор посетителя пришёл в виде, который не читается. Передайте запись ещё раз "
            "с тем же номером звонка и верным идентификатором: звонок уйдёт сам."
        ),
        with_values=_identifier_unreadable,
        masks={1: masked_value},
        applies=f"c.kind <> 'static' AND {_IS_UNREADABLE}"
        f" AND (c.kind = 'callback' OR NOT {_IS_APPROVED})",
        is_cheap=True,
        sql=f"{IDENTIFIER} IS NOT NULL",
        compared=f"""(SELECT jsonb_build_array(came.name, left(came.text, 100),
                 c.kind <> 'callback' AND ch.channel = {Channel.CALLS})
             FROM {_UNREADABLE} AS came WHERE came.text <> '' LIMIT 1)""",
    ),
    Rule(
        code=UNLINKED_NO_GOAL,
        title=gettext_lazy("Без идентификатора нет цели"),
        requirement=gettext_lazy("Для цели известен посетитель"),
        sentence=gettext_lazy(
            "Идентификатора посетителя (ClientID, yclid или UserID) в записи нет: звонок не "
            "связан с визитом, поэтому достичь цели не может."
        ),
        with_values=_unlinked_no_goal,
        # What waits for a person is not decided yet: `identifier_unreadable` says so.
        applies=f"ch.channel = {Channel.GOAL} AND c.kind <> 'callback'"
        f" AND ({_IS_APPROVED} OR NOT {_IS_UNREADABLE})",
        is_cheap=True,
        sql=f"{IDENTIFIER} IS NOT NULL",
        compared=f"jsonb_build_array({_IS_UNREADABLE})",
    ),
    Rule(
        code="unlinked_off",
        is_waivable=True,
        title=gettext_lazy("Без идентификатора не передаём"),
        requirement=gettext_lazy("Посетитель известен или звонок идёт непривязанным"),
        sentence=gettext_lazy(
            "Идентификатора посетителя (ClientID, yclid или UserID) в записи нет, а в настройке "
            "«Звонки без идентификатора» — «Не передавать»."
        ),
        applies=f"c.kind IN ('dynamic', 'unknown') AND NOT {_IS_UNREADABLE}",
        is_cheap=True,
        sql=f"k.unlinked_mode = 'static' OR {IDENTIFIER} IS NOT NULL",
    ),
    Rule(
        code=NO_IDENTIFIER,
        title=gettext_lazy("Нет идентификатора посетителя"),
        requirement=gettext_lazy("Заказавший обратный звонок известен"),
        sentence=gettext_lazy(
            "У звонка нет идентификатора посетителя (ClientID, yclid или UserID): "
            "Метрика не сможет связать его с визитом."
        ),
        # Rows of earlier versions kept the identifiers that did not fit; now those are unreadable.
        with_values=_no_identifier,
        applies="c.kind = 'callback'",
        sql=f"{IDENTIFIER} IS NOT NULL",
        compared="'[]'::jsonb",
    ),
)
