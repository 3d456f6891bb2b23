"""Counts of the ledger by day: new, empty tables, filled by `calls.summary.refresh`.

Whatever drops counts of hours drops the days of their cabinets by forgetting in which zone they are.
"""

import django.db.models.deletion
from django.db import migrations, models

FORGET = """
CREATE OR REPLACE FUNCTION public.calls_forget_summaries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.calls_summaryzone;
    DELETE FROM public.calls_callsummary;
    DELETE FROM public.calls_deliverysummary;
    DELETE FROM public.calls_summaryhour;
    INSERT INTO public.calls_summarymark (cabinet_id, hour)
    SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM public.calls_call;
    RETURN NULL;
END $$;
"""

FORMER_FORGET = FORGET.replace("    DELETE FROM public.calls_summaryzone;\n", "")

DROP_MONTH = """
CREATE OR REPLACE FUNCTION public.calls_drop_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := month::timestamp AT TIME ZONE 'UTC';
    last timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(7301012);
    DELETE FROM calls_summaryzone;
    DELETE FROM calls_callsummary WHERE hour >= first AND hour < last;
    DELETE FROM calls_deliverysummary WHERE hour >= first AND hour < last;
    DELETE FROM calls_summaryhour WHERE hour >= first AND hour < last;
    DELETE FROM calls_summarymark WHERE hour >= first AND hour < last;
    EXECUTE format('DROP TABLE IF EXISTS %I, %I',
        calls_month_name('calls_call', month), calls_month_name('calls_delivery', month));
END $$;
"""

FORMER_DROP_MONTH = DROP_MONTH.replace("    DELETE FROM calls_summaryzone;\n", "")


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("calls", "0048_forecast_record"),
        ("counters", "0012_chart_notes"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="DeliveryDay",
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
                ("day", models.DateField(verbose_name="День")),
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
                "verbose_name": "отправки за день",
                "verbose_name_plural": "отправки по дням",
                "indexes": [models.Index(fields=["cabinet", "day"], name="delivery_day_by_day")],
            },
        ),
        migrations.CreateModel(
            name="SummaryZone",
            fields=[
                (
                    "cabinet",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                ("zone", models.CharField(max_length=64, verbose_name="Часовой пояс")),
            ],
            options={
                "verbose_name": "пояс итогов по дням",
                "verbose_name_plural": "пояса итогов по дням",
            },
        ),
        migrations.AddIndex(
            model_name="deliverysummary",
            index=models.Index(fields=["counter", "hour"], name="delivery_summary_of_counter"),
        ),
        migrations.RunSQL(FORGET, FORMER_FORGET),
        migrations.RunSQL(DROP_MONTH, FORMER_DROP_MONTH),
    ]
