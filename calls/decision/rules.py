"""The rules of sending: one definition each, in the language of the ledger's statements.

Each rule is one SQL expression that is true when the call passes. `calls.decision.decide` writes,
renews and explains rows with them; nobody else says whether a call goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.decision.csv_formats import fits_sql
from calls.states import Channel


@dataclass(frozen=True)
class Rule:
    """One condition of sending. ``sql`` speaks of c (call), k (counter), g (goal), ch (channel).

    ``compared`` is an SQL array (jsonb) of what was compared, kept with a refusal and put in words
    by `calls.decision.messages`; empty where the sentence already says everything.
    """

    code: str
    title: str | Promise
    sentence: str | Promise
    sql: str
    compared: str = ""
    #: How it refuses by the settings of now, where the sentence tells of the past.
    today: str | Promise = ""


IDENTIFIER = f"""(
    SELECT CASE o.name WHEN 'ClientId' THEN 1 WHEN 'Yclid' THEN 2 ELSE 3 END
    FROM unnest(k.identifier_order) WITH ORDINALITY AS o(name, place)
    WHERE CASE o.name WHEN 'ClientId' THEN {fits_sql("ClientId", "c.client_id")}
                      WHEN 'Yclid' THEN {fits_sql("Yclid", "c.yclid")}
                      ELSE {fits_sql("UserId", "c.user_id")} END
    ORDER BY o.place LIMIT 1)"""

# Only an attempt that could go itself replaces an earlier one, or the whole order would be lost.
LATER_ATTEMPT = """EXISTS (
    SELECT 1 FROM calls_call o
    WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key AND o.id <> c.id
      AND (coalesce(o.attempt, 0), o.started_at, o.id)
          > (coalesce(c.attempt, 0), c.started_at, c.id)
      AND o.is_finished AND NOT o.is_test AND NOT (k.skip_technical AND o.is_technical))"""

# What a counter accepts, its own site first; a mirror may be the same one with «www».
_SITES = """(CASE k.site_mode
    WHEN 'own' THEN array_remove(k.site_host || array_remove(k.mirror_hosts, k.site_host), '')
    ELSE k.site_hosts END)"""

# The identifiers that are looked for and are there all the same: of a wrong shape.
_IDENTIFIERS_THERE = """(
    SELECT coalesce(jsonb_agg(o.name ORDER BY o.place), '[]')
    FROM unnest(k.identifier_order) WITH ORDINALITY AS o(name, place)
    WHERE CASE o.name WHEN 'ClientId' THEN c.client_id WHEN 'Yclid' THEN c.yclid
                      ELSE c.user_id END <> '')"""

#: In the order in which a person is told: the first that fails is the reason.
RULES: tuple[Rule, ...] = (
    Rule(
        "test_call",
        _("Не проверочный звонок"),
        _("Это проверочный звонок CallKeeper: такие никогда не отправляются."),
        "NOT c.is_test",
    ),
    Rule(
        "not_finished",
        _("Звонок завершён"),
        _("Звонок ещё не завершён. Решим, когда CallKeeper сообщит итог."),
        "c.is_finished",
    ),
    Rule(
        "not_configured",
        _("Настройки счетчика сохранены"),
        _("Настройки счетчика ещё не сохранены: откройте их и нажмите «Сохранить»."),
        "k.configured_at IS NOT NULL",
    ),
    Rule(
        "counter_off",
        _("Счетчик включён"),
        _("Счетчик был выключен, когда пришёл звонок."),
        "k.enabled",
        today=_("Счетчик выключен."),
    ),
    Rule(
        "calls_off",
        _("Отправка звонков включена"),
        _("В настройках счетчика «Отправлять звонки» — «Нет»."),
        f"ch.channel <> {Channel.CALLS} OR k.send_calls",
    ),
    Rule(
        "goal_not_set",
        _("Цель выбрана"),
        _("В настройках счетчика «Достижение цели» не указано."),
        f"ch.channel <> {Channel.GOAL} OR coalesce(g.identifier, '') <> ''",
    ),
    Rule(
        "goal_gone",
        _("Цель есть в Метрике"),
        _("Выбранной цели больше нет в Метрике: выберите другую в настройках счетчика."),
        f"ch.channel <> {Channel.GOAL} OR g.deleted_at IS NULL",
        "jsonb_build_array(left(g.name, 120))",
    ),
    Rule(
        "goal_unusable",
        _("Идентификатор цели годится"),
        _("В идентификаторе цели есть знаки, которых Метрика в файле не принимает."),
        f"ch.channel <> {Channel.GOAL} OR coalesce(g.identifier, '') = ''"
        f" OR {fits_sql('Target', 'g.identifier')}",
        "jsonb_build_array(left(g.identifier, 120))",
    ),
    Rule(
        "technical",
        _("Не техническая отмена"),
        _("Звонок отменён технически и разговором не был: такие счетчик не принимает."),
        "NOT (k.skip_technical AND c.is_technical)",
    ),
    Rule(
        "call_type",
        _("Тип звонка подходит"),
        _("Тип звонка не подходит под настройку «Тип звонка»."),
        """CASE k.call_kind
             WHEN 'all' THEN true
             WHEN 'callback' THEN c.kind = 'callback'
             ELSE (c.kind = 'dynamic' AND k.accepts_dynamic)
               OR (c.kind = 'static' AND k.accepts_static) END""",
        "jsonb_build_array(c.kind, k.call_kind, k.accepts_dynamic, k.accepts_static)",
    ),
    Rule(
        "status",
        _("Статус подходит"),
        _("Статус звонка не подходит под настройку «Статус звонка»."),
        "k.call_status = 'all' OR c.status = k.call_status",
        "jsonb_build_array(c.status, k.call_status)",
    ),
    Rule(
        "too_short",
        _("Разговор достаточно длинный"),
        _("Разговор короче, чем указано в настройке «Длительность»."),
        "c.duration_seconds >= k.min_duration_seconds",
        "jsonb_build_array(c.duration_seconds, k.min_duration_seconds)",
    ),
    Rule(
        "uniqueness",
        _("Уникальность и целевой подходят"),
        _("Звонок не подходит под настройку «Дополнительно» (уникальные, целевые)."),
        """CASE k.uniqueness
             WHEN 'all' THEN true
             WHEN 'unique' THEN c.is_unique
             WHEN 'target' THEN c.is_target
             ELSE c.is_unique_target END""",
        "jsonb_build_array(k.uniqueness)",
    ),
    Rule(
        "site_unknown",
        _("Сайт звонка известен"),
        _(
            "В записи звонка не указан сайт, поэтому счетчик его не принимает. Чтобы такие звонки "
            "уходили, выберите «Все сайты» в настройке «Сайты»."
        ),
        "k.site_mode = 'all' OR c.site_host <> ''",
    ),
    Rule(
        "site",
        _("Сайт подходит"),
        _("Звонок с другого сайта. Сайты счетчика заданы в настройке «Сайты»."),
        """CASE k.site_mode
             WHEN 'all' THEN true
             WHEN 'own' THEN c.site_host <> ''
               AND (c.site_host = k.site_host OR c.site_host = ANY (k.mirror_hosts))
             ELSE c.site_host = ANY (k.site_hosts) END""",
        f"jsonb_build_array(left(c.site_host, 120), {_SITES}[1:3], cardinality({_SITES}))",
    ),
    Rule(
        "campaign",
        _("Кампания подходит"),
        _("Кампании звонка нет в настройке «Кампании»."),
        """cardinality(k.campaigns) = 0 OR EXISTS (
             SELECT 1 FROM unnest(k.campaigns) AS wanted
             WHERE lower(wanted) IN (lower(c.campaign_id), lower(c.campaign_name)))""",
        """jsonb_build_array(left(coalesce(nullif(c.campaign_name, ''), c.campaign_id), 120),
             k.campaigns[1:3], cardinality(k.campaigns))""",
    ),
    Rule(
        "not_last_attempt",
        _("Последняя попытка обратного звонка"),
        _("По этому заказу была следующая попытка: отправляется только последняя."),
        f"NOT (k.last_attempt_only AND c.order_key IS NOT NULL AND {LATER_ATTEMPT})",
        "jsonb_build_array(c.attempt)",
    ),
    Rule(
        "static_no_goal",
        _("Звонок может достичь цели"),
        _("Статический звонок не связан с визитом, поэтому достичь цели не может."),
        f"ch.channel <> {Channel.GOAL} OR c.kind <> 'static'",
    ),
    Rule(
        "no_identifier",
        _("Посетитель известен"),
        _(
            "У звонка нет идентификатора посетителя (ClientID, yclid или UserID): "
            "Метрика не сможет связать его с визитом."
        ),
        f"c.kind = 'static' OR {IDENTIFIER} IS NOT NULL",
        _IDENTIFIERS_THERE,
    ),
)
#: Reasons that no rule gives: what happened to a row after its decision.
LATER_REASONS: dict[str, str | Promise] = {
    "counter_removed": _("Счетчик удалён из кабинета до отправки звонка."),
    "called_off": _("Отправку отменил человек."),
    "refused_by_metrika": _(
        "Метрика не приняла эту строку: с ней одной файл отклонён. Остальные звонки файла переданы."
    ),
    "refused_by_check": _(
        "Строка не проходит проверку формата и исключена из файла. Остальные звонки переданы."
    ),
}
SENTENCES: dict[str, str | Promise] = {rule.code: rule.sentence for rule in RULES} | LATER_REASONS
