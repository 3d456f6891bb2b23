"""Rules that come before the filters: is the call final, and is the counter's channel in use?"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.csv_formats import fits_sql
from calls.decision.horizon import LINK_HORIZON
from calls.decision.reason import Rule
from calls.states import (
    BEFORE_CONNECTION,
    CALLS_OFF,
    COUNTER_OFF,
    GOAL_GONE,
    GOAL_NOT_SET,
    NOT_CONFIGURED,
    Attention,
    Channel,
)

#: From when the counter accepts calls. Before its first settings this is the time of adding: calls
#: from then on wait for the settings. Null: no lower bound.
ACCEPTS_FROM = "coalesce(k.accepts_from, CASE WHEN k.configured_at IS NULL THEN k.added_at END)"
_IS_CONFIGURED = "k.configured_at IS NOT NULL"
_GOAL_IS_CHOSEN = f"ch.channel = {Channel.GOAL} AND coalesce(g.identifier, '') <> ''"

_NOTHING_IN_USE = gettext_lazy("У счетчика этого сайта выключена отправка звонков и нет цели")


def _goal_gone(name: str) -> str:
    return _(
        "Цели «%(name)s» больше нет в Метрике: выберите другую в настройках счетчика, и достижение "
        "уйдёт с ней. Сам звонок этого не ждёт."
    ) % {"name": name}


def _goal_unusable(identifier: str) -> str:
    return _(
        "В идентификаторе цели «%(identifier)s» есть знаки, которых Метрика в файле не принимает."
    ) % {"identifier": identifier}


def _before_connection(started: str, accepted: str) -> str:
    start, bound = datetime.fromisoformat(started), datetime.fromisoformat(accepted)
    is_close = (bound - start).total_seconds() < 60
    clock = "H:i:s" if is_close else "H:i"
    # True of a kept reason too: the settings may have changed since.
    began = _(
        "Звонок начался %(start)s, а счетчик, когда звонок проверяли, принимал звонки с %(bound)s."
    ) % {"start": _moment(start, clock), "bound": _moment(bound, clock)}
    if start <= timezone.now() - LINK_HORIZON:
        return f"{began} {Attention.EXPIRED.sentence}"
    order = _(
        "Более ранние звонки уходят только по вашему распоряжению: когда настройки счетчика "
        "сохранены, оно в них, рядом со строкой «Счетчик принимает звонки с». Если вы его уже "
        "дали, что мешает теперь, видно в проверках на странице звонка."
    )
    return f"{began} {order}"


def _moment(at: datetime, clock: str) -> str:
    """Format a time in the current zone, with the year unless it is the current one."""
    local = timezone.localtime(at)
    is_this_year = local.year == timezone.localtime().year
    return date_format(local, f"d.m {clock}" if is_this_year else f"d.m.Y {clock}")


RULES = (
    Rule(
        code="test_call",
        title=gettext_lazy("Отмечен источником как проверочный"),
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
        code=BEFORE_CONNECTION,
        is_waivable=True,
        title=gettext_lazy("До подключения счетчика"),
        requirement=gettext_lazy("Звонок начался не раньше, чем счетчик принимает звонки"),
        sentence=gettext_lazy(
            "Звонок начался раньше, чем счетчик принимает звонки. Такие звонки уходят только по "
            "вашему распоряжению: когда настройки счетчика сохранены, оно в них."
        ),
        with_values=_before_connection,
        applies=f"{ACCEPTS_FROM} IS NOT NULL",
        sql=f"c.started_at >= {ACCEPTS_FROM}",
        compared=f"jsonb_build_array(c.started_at, {ACCEPTS_FROM})",
    ),
    Rule(
        code=NOT_CONFIGURED,
        title=gettext_lazy("Настройки не сохранены"),
        requirement=gettext_lazy("Настройки счетчика сохранены"),
        # Kept by rows of counters that were configured later as well.
        sentence=gettext_lazy(
            "Когда пришёл звонок, настройки счетчика не были сохранены. Такие звонки уходят только "
            "по вашему распоряжению: оно в настройках счетчика."
        ),
        today=gettext_lazy(
            "Настройки счетчика ещё не сохранены: откройте их, и при сохранении вы решите, "
            "отправить ли звонки, которые уже пришли."
        ),
        sql=_IS_CONFIGURED,
    ),
    Rule(
        code=COUNTER_OFF,
        title=gettext_lazy("Счетчик выключен"),
        requirement=gettext_lazy("Счетчик включён"),
        sentence=gettext_lazy("Счетчик был выключен, когда пришёл звонок."),
        today=gettext_lazy("Счетчик выключен."),
        # Before the first save nothing is switched on or off.
        applies=_IS_CONFIGURED,
        sql="k.enabled",
    ),
    Rule(
        code=CALLS_OFF,
        title=gettext_lazy("Звонки не отправляются"),
        requirement=gettext_lazy("Отправка звонков включена"),
        sentence=gettext_lazy(
            "Когда решалось об этом звонке, в настройках счетчика было «Отправлять звонки» — «Нет»."
            " Если отправка звонков включена, отправить его можно кнопкой на странице звонка."
        ),
        today=gettext_lazy("В настройках счетчика «Отправлять звонки» — «Нет»."),
        # Before the first save no channel is in use or out of it: a person will say which.
        applies=f"ch.channel = {Channel.CALLS} AND {_IS_CONFIGURED}",
        sql="k.send_calls",
        is_routing=True,
        no_counter=_NOTHING_IN_USE,
    ),
    Rule(
        code=GOAL_NOT_SET,
        title=gettext_lazy("Цель не указана"),
        requirement=gettext_lazy("Цель выбрана"),
        sentence=gettext_lazy(
            "Когда решалось об этом звонке, цель в настройках счетчика не была выбрана. Если она "
            "теперь выбрана, отправить его можно кнопкой на странице звонка."
        ),
        today=gettext_lazy("В настройках счетчика «Достижение цели» не указано."),
        applies=f"ch.channel = {Channel.GOAL} AND {_IS_CONFIGURED}",
        sql="coalesce(g.identifier, '') <> ''",
        is_routing=True,
        no_counter=_NOTHING_IN_USE,
    ),
    Rule(
        code=GOAL_GONE,
        # The same title as that of a refused upload: one choice of the filter finds both.
        title=Attention.GOAL_GONE.label,
        requirement=gettext_lazy("Цель есть в Метрике"),
        sentence=gettext_lazy(
            "Выбранной цели больше нет в Метрике: выберите другую в настройках счетчика, и "
            "достижение уйдёт с ней. Сам звонок этого не ждёт."
        ),
        with_values=_goal_gone,
        applies=_GOAL_IS_CHOSEN,
        sql="g.deleted_at IS NULL",
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
        applies=_GOAL_IS_CHOSEN,
        sql=fits_sql("Target", "g.identifier"),
        compared="jsonb_build_array(left(g.identifier, 120))",
    ),
)
