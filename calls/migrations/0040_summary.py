"""Counts of calls and deliveries by hour, and the triggers that mark the hours that changed.

The triggers are made under a short lock that waits for writers, at most five seconds.
"""

import django.db.models.deletion
from django.db import migrations, models

FUNCTIONS = """
CREATE FUNCTION public.calls_mark_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM fresh;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM stale;
    ELSE
        -- What is equal before and after comes twice.
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM (
            SELECT cabinet_id, partition_at FROM (
                SELECT id, cabinet_id, partition_at, source_id, kind, status, duration_seconds,
                    hold_seconds, is_unique, is_target, is_finished FROM fresh
                UNION ALL
                SELECT id, cabinet_id, partition_at, source_id, kind, status, duration_seconds,
                    hold_seconds, is_unique, is_target, is_finished FROM stale
            ) AS both_sides
            GROUP BY id, cabinet_id, partition_at, source_id, kind, status, duration_seconds,
                hold_seconds, is_unique, is_target, is_finished
            HAVING count(*) = 1
        ) AS changed;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.calls_mark_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM fresh;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM stale;
    ELSE
        INSERT INTO public.calls_summarymark (cabinet_id, hour)
        SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM (
            SELECT cabinet_id, partition_at FROM (
                SELECT id, cabinet_id, counter_id, channel, partition_at, state, reason, waited,
                    not_before, expires_at, upload_id FROM fresh
                UNION ALL
                SELECT id, cabinet_id, counter_id, channel, partition_at, state, reason, waited,
                    not_before, expires_at, upload_id FROM stale
            ) AS both_sides
            GROUP BY id, cabinet_id, counter_id, channel, partition_at, state, reason, waited,
                not_before, expires_at, upload_id
            HAVING count(*) = 1
        ) AS changed;
    END IF;
    RETURN NULL;
END $$;

-- The hours of the rows of files whose result changed; the states before the send look the same.
CREATE FUNCTION public.calls_mark_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.calls_summarymark (cabinet_id, hour)
    SELECT DISTINCT rows.cabinet_id, rows.hour FROM (
        SELECT id FROM (
            SELECT id, rows, attention, linked_quantity, user_not_found_quantity, is_static, CASE
                WHEN state IN ('later', 'sending', 'splitting') THEN 'ready' ELSE state END AS state
            FROM fresh
            UNION ALL
            SELECT id, rows, attention, linked_quantity, user_not_found_quantity, is_static, CASE
                WHEN state IN ('later', 'sending', 'splitting') THEN 'ready' ELSE state END
            FROM stale
        ) AS both_sides
        GROUP BY id, rows, attention, linked_quantity, user_not_found_quantity, is_static, state
        HAVING count(*) = 1
    ) AS changed CROSS JOIN LATERAL (
        SELECT d.cabinet_id, date_trunc('hour', d.partition_at, 'UTC') AS hour
        FROM public.calls_delivery d WHERE d.upload_id = changed.id OFFSET 0
    ) AS rows;
    RETURN NULL;
END $$;

CREATE FUNCTION public.calls_forget_summaries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.calls_callsummary;
    DELETE FROM public.calls_deliverysummary;
    DELETE FROM public.calls_summaryhour;
    INSERT INTO public.calls_summarymark (cabinet_id, hour)
    SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM public.calls_call;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER summary_insert AFTER INSERT ON public.calls_call REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_calls();
CREATE TRIGGER summary_update AFTER UPDATE ON public.calls_call
    REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_calls();
CREATE TRIGGER summary_delete AFTER DELETE ON public.calls_call REFERENCING OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_calls();
CREATE TRIGGER summary_truncate AFTER TRUNCATE ON public.calls_call
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_forget_summaries();
CREATE TRIGGER summary_insert AFTER INSERT ON public.calls_delivery REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_deliveries();
CREATE TRIGGER summary_update AFTER UPDATE ON public.calls_delivery
    REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_deliveries();
CREATE TRIGGER summary_delete AFTER DELETE ON public.calls_delivery
    REFERENCING OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_deliveries();
CREATE TRIGGER summary_truncate AFTER TRUNCATE ON public.calls_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_forget_summaries();
CREATE TRIGGER summary_update AFTER UPDATE ON public.calls_upload
    REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_mark_uploads();
"""

#: The counts of a dropped month go with it: dropping a table fires no trigger. They go first, while
#: nothing waits for the tables; the lock is that of `calls.summary.refresh`, which would store them
#: again meanwhile.
DROP_MONTH = """
CREATE OR REPLACE FUNCTION public.calls_drop_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := month::timestamp AT TIME ZONE 'UTC';
    last timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(7301012);
    DELETE FROM calls_callsummary WHERE hour >= first AND hour < last;
    DELETE FROM calls_deliverysummary WHERE hour >= first AND hour < last;
    DELETE FROM calls_summaryhour WHERE hour >= first AND hour < last;
    DELETE FROM calls_summarymark WHERE hour >= first AND hour < last;
    EXECUTE format('DROP TABLE IF EXISTS %I, %I',
        calls_month_name('calls_call', month), calls_month_name('calls_delivery', month));
END $$;
"""

FORMER_DROP_MONTH = """
CREATE OR REPLACE FUNCTION public.calls_drop_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I, %I',
        calls_month_name('calls_call', month), calls_month_name('calls_delivery', month));
END $$;
"""

GONE = """
DROP TRIGGER summary_insert ON public.calls_call;
DROP TRIGGER summary_update ON public.calls_call;
DROP TRIGGER summary_delete ON public.calls_call;
DROP TRIGGER summary_truncate ON public.calls_call;
DROP TRIGGER summary_insert ON public.calls_delivery;
DROP TRIGGER summary_update ON public.calls_delivery;
DROP TRIGGER summary_delete ON public.calls_delivery;
DROP TRIGGER summary_truncate ON public.calls_delivery;
DROP TRIGGER summary_update ON public.calls_upload;
"""

FUNCTIONS_GONE = """
DROP FUNCTION public.calls_mark_calls, public.calls_mark_deliveries, public.calls_mark_uploads,
    public.calls_forget_summaries;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("calls", "0039_backfill"),
        ("counters", "0011_link_proof"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="CallSummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dynamic", "Динамический коллтрекинг"),
                            ("static", "Статический коллтрекинг"),
                            ("callback", "Обратный звонок"),
                            ("unknown", "Коллтрекинг, вид не указан"),
                        ],
                        max_length=16,
                        verbose_name="Тип",
                    ),
                ),
                ("calls", models.PositiveIntegerField(verbose_name="Звонков")),
                ("missed", models.PositiveIntegerField(verbose_name="Пропущено")),
                ("unique_calls", models.PositiveIntegerField(verbose_name="Уникальных")),
                ("target_calls", models.PositiveIntegerField(verbose_name="Целевых")),
                ("talk_seconds", models.BigIntegerField(verbose_name="Разговор, с")),
                ("with_hold", models.PositiveIntegerField(verbose_name="С ожиданием")),
                ("hold_seconds", models.BigIntegerField(verbose_name="Ожидание, с")),
                ("unrouted", models.PositiveIntegerField(verbose_name="Без счетчика")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.callsource",
                        verbose_name="Источник",
                    ),
                ),
            ],
            options={
                "verbose_name": "звонки за час",
                "verbose_name_plural": "звонки по часам",
                "indexes": [models.Index(fields=["cabinet", "hour"], name="call_summary_by_hour")],
            },
        ),
        migrations.CreateModel(
            name="DeliverySummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Звонки"), (2, "Цель")], verbose_name="Канал"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dynamic", "Динамический коллтрекинг"),
                            ("static", "Статический коллтрекинг"),
                            ("callback", "Обратный звонок"),
                            ("unknown", "Коллтрекинг, вид не указан"),
                        ],
                        max_length=16,
                        verbose_name="Тип",
                    ),
                ),
                (
                    "state",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Ждёт отправки"),
                            (2, "Не отправляется"),
                            (3, "В выгрузке"),
                            (4, "Опоздал"),
                            (6, "Строка не принята"),
                        ],
                        verbose_name="Состояние",
                    ),
                ),
                (
                    "shown",
                    models.CharField(
                        choices=[
                            ("waiting", "Ждёт отправки"),
                            ("held", "Отложен"),
                            ("awaits_settings", "Ждёт настроек"),
                            ("awaits_goal", "Ждёт другой цели"),
                            ("batched", "В очереди на отправку"),
                            ("unclear", "Проверяем, дошёл ли"),
                            ("sent", "Отправлен"),
                            ("accepted", "Принят, привязан"),
                            ("partly_linked", "Принят, привязаны не все"),
                            ("link_unknown", "Принят, привязка неизвестна"),
                            ("accepted_static", "Принят, непривязанный"),
                            ("unmatched", "Принят, визит не найден"),
                            ("partly_accepted", "Приняты не все строки"),
                            ("row_refused", "Строка не принята"),
                            ("not_finished", "Ждёт итога"),
                            ("skipped", "Не отправляется"),
                            ("expired", "Опоздал"),
                            ("needs_decision", "Ждёт вашего решения"),
                            ("needs_attention", "Требует внимания"),
                        ],
                        max_length=20,
                        verbose_name="Показано",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=32, verbose_name="Причина")),
                ("deliveries", models.PositiveIntegerField(verbose_name="Отправок")),
                ("missed", models.PositiveIntegerField(verbose_name="Пропущено")),
                ("talk_seconds", models.BigIntegerField(verbose_name="Разговор, с")),
                ("with_hold", models.PositiveIntegerField(verbose_name="С ожиданием")),
                ("hold_seconds", models.BigIntegerField(verbose_name="Ожидание, с")),
                ("link_told", models.PositiveIntegerField(verbose_name="О привязке известно")),
                ("linked", models.FloatField(verbose_name="Привязано")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "counter",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="counters.counter",
                        verbose_name="Счетчик",
                    ),
                ),
            ],
            options={
                "verbose_name": "отправки за час",
                "verbose_name_plural": "отправки по часам",
                "indexes": [
                    models.Index(fields=["cabinet", "hour"], name="delivery_summary_by_hour")
                ],
            },
        ),
        migrations.CreateModel(
            name="SummaryHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                ("valid_until", models.DateTimeField(verbose_name="Верно до")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "час с меняющимся итогом",
                "verbose_name_plural": "часы с меняющимся итогом",
                "indexes": [models.Index(fields=["valid_until"], name="summary_hour_ends")],
                "constraints": [
                    models.UniqueConstraint(fields=("cabinet", "hour"), name="summary_hour_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SummaryMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="Час")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
            ],
            options={
                "verbose_name": "час на пересчёт",
                "verbose_name_plural": "часы на пересчёт",
                "indexes": [models.Index(fields=["cabinet", "hour"], name="summary_mark_by_hour")],
            },
        ),
        migrations.RunSQL(FUNCTIONS, FUNCTIONS_GONE),
        migrations.RunSQL(TRIGGERS, GONE),
        migrations.RunSQL(DROP_MONTH, FORMER_DROP_MONTH),
    ]
