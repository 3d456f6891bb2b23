"""Rules that come before the filters: is the call final, and is the counter's channel in use?"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.csv_formats import fits_sql
from calls.decision.reason import Rule
from calls.states import Attention, Channel


def _goal_gone(name: str) -> str:
    return _("Цели «%(name)s» больше нет в Метрике: выберите другую в настройках счетчика.") % {
        "name": name
    }


def _goal_unusable(identifier: str) -> str:
    return _(
        "В идентификаторе цели «%(identifier)s» есть знаки, которых Метрика в файле не принимает."
    ) % {"identifier": identifier}


RULES = (
    Rule(
        code="test_call",
        title=gettext_lazy("Проверочный звонок"),
        requirement=gettext_lazy("Не проверочный звонок"),
        sentence=gettext_lazy("Это проверочный звонок CallKeeper: такие никогда не отправляются."),
        sql="NOT c.is_test",
    ),
    Rule(
        code="not_finished",
        title=gettext_lazy("Не завершён"),
        requirement=gettext_lazy("Звонок завершён"),
        sentence=gettext_lazy("Звонок ещё не завершён. Решим, когда CallKeeper сообщит итог."),
        sql="c.is_finished",
    ),
    Rule(
        code="not_configured",
        title=gettext_lazy("Настройки не сохранены"),
        requirement=gettext_lazy("Настройки счетчика сохранены"),
        sentence=gettext_lazy(
            "Настройки счетчика ещё не сохранены: откройте их и нажмите «Сохранить»."
        ),
        sql="k.configured_at IS NOT NULL",
    ),
    Rule(
        code="counter_off",
        title=gettext_lazy("Счетчик выключен"),
        requirement=gettext_lazy("Счетчик включён"),
        sentence=gettext_lazy("Счетчик был выключен, когда пришёл звонок."),
        today=gettext_lazy("Счетчик выключен."),
        sql="k.enabled",
    ),
    Rule(
        code="calls_off",
        title=gettext_lazy("Звонки не отправляются"),
        requirement=gettext_lazy("Отправка звонков включена"),
        sentence=gettext_lazy("В настройках счетчика «Отправлять звонки» — «Нет»."),
        sql=f"ch.channel <> {Channel.CALLS} OR k.send_calls",
    ),
    Rule(
        code="goal_not_set",
        title=gettext_lazy("Цель не указана"),
        requirement=gettext_lazy("Цель выбрана"),
        sentence=gettext_lazy("В настройках счетчика «Достижение цели» не указано."),
        sql=f"ch.channel <> {Channel.GOAL} OR coalesce(g.identifier, '') <> ''",
    ),
    Rule(
        code="goal_gone",
        # The same title as that of a refused upload: one choice of the filter finds both.
        title=Attention.GOAL_GONE.label,
        requirement=gettext_lazy("Цель есть в Метрике"),
        sentence=gettext_lazy(
            "Выбранной цели больше нет в Метрике: выберите другую в настройках счетчика."
        ),
        with_values=_goal_gone,
        sql=f"ch.channel <> {Channel.GOAL} OR g.deleted_at IS NULL",
        compared="jsonb_build_array(left(g.name, 120))",
    ),
    Rule(
        code="goal_unusable",
        title=gettext_lazy("Идентификатор цели не годится"),
        requirement=gettext_lazy("Идентификатор цели годится"),
        sentence=gettext_lazy(
            "В идентификаторе цели есть знаки, которых Метрика в файле не принимает."
        ),
        with_values=_goal_unusable,
        sql=f"ch.channel <> {Channel.GOAL} OR coalesce(g.identifier, '') = ''"
        f" OR {fits_sql('Target', 'g.identifier')}",
        compared="jsonb_build_array(left(g.identifier, 120))",
    ),
)
